//! The sessions of logged-in users.

use crate::shared::{Timestamp, UserId, typed_id};

typed_id! {
    /// A login of a user; access tokens carry it as `sid`.
    SessionId
}

/// A login of a user. Access tokens name it, and stop working when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The identifier; the `sid` claim of access tokens.
    pub id: SessionId,
    /// The account that is logged in.
    pub user_id: UserId,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// From this time on the session is no longer valid.
    pub expires_at: Timestamp,
    /// When the session was ended before it expired; `None` if it was not.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// A session that starts now and lasts `lifetime_millis`.
    #[must_use]
    pub fn start(id: SessionId, user_id: UserId, now: Timestamp, lifetime_millis: i64) -> Self {
        Self { id, user_id, created_at: now, expires_at: now.plus_millis(lifetime_millis), revoked_at: None }
    }

    /// Whether the session is valid at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn holds_until_it_expires_or_is_revoked() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let mut session = Session::start(SessionId::new(Uuid::nil()), UserId::new(Uuid::nil()), at(0), 1_000);
        assert!(session.holds(at(999)));
        assert!(!session.holds(at(1_000)));
        session.revoked_at = Some(at(500));
        assert!(!session.holds(at(501)));
    }
}
