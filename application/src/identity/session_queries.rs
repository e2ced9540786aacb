//! Lists the sessions of the actor.

use super::SessionQueries;
use crate::kernel::{Actor, ListError, Reader, Runtime};
use skep_domain::identity::{Session, actions};
use std::sync::Arc;

/// The most sessions in the list.
const LISTED: u32 = 100;

/// A session in the list of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session, which holds.
    pub session: Session,
    /// Whether the caller uses this session.
    pub is_current: bool,
}

/// Lists the sessions of the actor that hold.
pub struct ListSessions {
    sessions: Reader<dyn SessionQueries>,
    runtime: Runtime,
}

impl ListSessions {
    /// Makes the use case. It reads sessions through `sessions`.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionQueries>, runtime: Runtime) -> Self {
        Self { sessions: Reader::new(actions::READ_SESSION, sessions), runtime }
    }

    /// Lists the sessions of the actor that have not ended, the newest first, at most 100.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<ListedSession>, ListError> {
        let sessions = self.sessions.open(actor)?;
        let (user_id, current) = actor.session(actions::READ_SESSION)?;
        let sessions = sessions.list_sessions(user_id, self.runtime.clock.now(), LISTED).await?;
        let listed = |session: Session| ListedSession { is_current: session.id == current, session };
        Ok(sessions.into_iter().map(listed).collect())
    }
}
