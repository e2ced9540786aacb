//! Accounts and log-ins.

use super::{
    Done, Double, Flaw, Unit,
    table::{Row, unique},
};
use async_trait::async_trait;
use skep_application::{
    identity::{
        Credentials, SessionQueries, SessionRepository, SessionView, SetupToken, SetupTokenRepository, UserQueries,
        UserRepository, UserView,
        constraints::{SESSION_ID, SETUP_TOKEN, USER_EMAIL, USER_ID},
    },
    kernel::{Constraint, Scope},
};
use skep_domain::{
    access::Role,
    identity::{Session, User},
    shared::{Email, SessionId, Timestamp, UserId, Version},
};

impl Row for User {
    type Key = UserId;
    const KEY: Constraint = USER_ID;
    fn key(&self) -> UserId {
        self.id
    }
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }
    fn clash(&self, other: &Self) -> Option<Constraint> {
        (self.email == other.email).then_some(USER_EMAIL)
    }
}

#[async_trait]
impl UserRepository for Unit {
    async fn find(&mut self, id: UserId) -> Done<Option<User>> {
        self.run(|state, _| Ok(state.users.get(&id).cloned())).await
    }
    async fn find_by_email(&mut self, email: &Email) -> Done<Option<User>> {
        self.run(|state, _| Ok(state.users.values().find(|user| user.email == *email).cloned())).await
    }
    async fn any_with_role(&mut self, role: Role) -> Done<bool> {
        self.run(|state, _| Ok(state.users.values().any(|user| user.roles.contains(&role)))).await
    }
    async fn insert(&mut self, user: &User) -> Done<()> {
        self.run(|state, flaw| state.users.insert(user, flaw)).await
    }
    async fn save(&mut self, user: &User) -> Done<Version> {
        self.run(|state, flaw| state.users.save(user, flaw)).await
    }
}

#[async_trait]
impl UserQueries for Double {
    async fn find_user(&self, scope: Scope, id: UserId) -> Done<Option<UserView>> {
        Ok(self.seen().users.get(&id).filter(|user| scope.admits(user.id)).map(UserView::from))
    }
    async fn find_credentials(&self, email: &Email) -> Done<Option<Credentials>> {
        let state = self.seen();
        let user = state.users.values().find(|user| user.email == *email);
        Ok(user.map(|user| Credentials { user_id: user.id, password_hash: user.password_hash.clone() }))
    }
}

#[async_trait]
impl SessionRepository for Unit {
    async fn find(&mut self, id: SessionId) -> Done<Option<Session>> {
        self.run(|state, _| Ok(state.sessions.get(&id).cloned())).await
    }
    async fn insert(&mut self, session: &Session) -> Done<()> {
        self.run(|state, flaw| {
            unique(state.sessions.contains_key(&session.id).then_some(SESSION_ID), flaw)?;
            state.sessions.insert(session.id, session.clone());
            Ok(())
        })
        .await
    }
    async fn revoke(&mut self, id: SessionId, now: Timestamp) -> Done<bool> {
        self.run(|state, flaw| match state.sessions.get_mut(&id) {
            Some(session) if session.revoked_at.is_none() || flaw == Flaw::RevokesTwice => {
                session.revoked_at = Some(now);
                Ok(true)
            }
            _ => Ok(false),
        })
        .await
    }
    async fn sweep(&mut self, until: Timestamp, limit: u32) -> Done<u64> {
        self.run(|state, flaw| {
            let limit = if flaw == Flaw::SweepsAll { usize::MAX } else { usize::try_from(limit).unwrap() };
            let ended = |session: &Session| {
                let revoked = session.revoked_at.is_some_and(|at| at <= until) && flaw != Flaw::KeepsRevoked;
                revoked || session.expires_at <= until
            };
            let ended: Vec<_> =
                state.sessions.values().filter(|one| ended(one)).map(|one| one.id).take(limit).collect();
            state.sessions.retain(|id, _| !ended.contains(id));
            Ok(ended.len() as u64)
        })
        .await
    }
}

#[async_trait]
impl SessionQueries for Double {
    async fn find_session(&self, id: SessionId) -> Done<Option<SessionView>> {
        let state = self.seen();
        let Some(session) = state.sessions.get(&id).cloned() else { return Ok(None) };
        Ok(state.users.get(&session.user_id).map(|user| SessionView { session, roles: user.roles.clone() }))
    }
}

#[async_trait]
impl SetupTokenRepository for Unit {
    async fn find(&mut self) -> Done<Option<SetupToken>> {
        self.run(|state, _| Ok(state.setup)).await
    }
    async fn replace(&mut self, token: &SetupToken) -> Done<()> {
        self.run(|state, flaw| {
            unique((state.setup.is_some() && flaw == Flaw::KeepsTheToken).then_some(SETUP_TOKEN), flaw)?;
            state.setup = Some(*token);
            Ok(())
        })
        .await
    }
    async fn delete(&mut self) -> Done<()> {
        self.run(|state, _| {
            state.setup = None;
            Ok(())
        })
        .await
    }
}
