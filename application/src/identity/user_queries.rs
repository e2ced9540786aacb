//! Reading accounts and their sessions, for admins.

use super::{ListedSession, SessionQueries, UserFilter, UserQueries, UserSort, UserView};
use crate::kernel::{Actor, Clock, GetError, ListError, LongList, NotFound, Page, PageRequest, Reader, Runtime, Scope};
use skep_domain::{
    identity::{Session, actions},
    shared::UserId,
};
use std::sync::Arc;

/// The most sessions in the list of an account.
const LISTED: u32 = 100;

/// Returns one account.
pub struct GetUser(Reader<dyn UserQueries>);

impl GetUser {
    /// Makes the use case. It reads accounts through `users`.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>) -> Self {
        Self(Reader::new(actions::READ_USER, users))
    }

    /// Reads the account with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: UserId) -> Result<UserView, GetError> {
        Ok(self.0.open(actor)?.find_user(Scope::All, id).await?.ok_or(NotFound("user"))?)
    }
}

/// Returns pages of accounts.
pub struct ListUsers {
    users: Reader<dyn UserQueries>,
    length: LongList,
}

impl ListUsers {
    /// Makes the use case. The clock decides how long the list counts as a long one.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>, clock: Arc<dyn Clock>) -> Self {
        Self { users: Reader::new(actions::READ_USER, users), length: LongList::new(clock) }
    }

    /// Reads a page of the accounts that the filter admits.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        filter: &UserFilter,
        sort: UserSort,
        page: &PageRequest,
    ) -> Result<Page<UserView>, ListError> {
        let users = self.users.open(actor)?;
        // The length of one list says nothing about that of another, and a filter makes another list.
        if *filter != UserFilter::default() {
            return Ok(users.list_users(filter, sort, page).await?);
        }
        let asked = self.length.ask(page);
        Ok(self.length.complete(page, &asked, users.list_users(filter, sort, &asked).await?))
    }
}

/// Lists the sessions of an account.
pub struct ListUserSessions {
    users: Reader<dyn UserQueries>,
    sessions: Arc<dyn SessionQueries>,
    runtime: Runtime,
}

impl ListUserSessions {
    /// Makes the use case. It finds the account through `users`, and its sessions through `sessions`.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>, sessions: Arc<dyn SessionQueries>, runtime: Runtime) -> Self {
        Self { users: Reader::new(actions::READ_USER, users), sessions, runtime }
    }

    /// Lists the sessions of the account that have not ended, the newest first, at most 100.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(&self, actor: &Actor, id: UserId) -> Result<Vec<ListedSession>, GetError> {
        self.users.open(actor)?.find_user(Scope::All, id).await?.ok_or(NotFound("user"))?;
        let current = actor.session(actions::READ_USER).ok().map(|(_, session)| session);
        let sessions = self.sessions.list_sessions(id, self.runtime.clock.now(), LISTED).await?;
        let listed = |session: Session| ListedSession { is_current: Some(session.id) == current, session };
        Ok(sessions.into_iter().map(listed).collect())
    }
}
