//! The sessions of logged-in users.

use super::{AuthEpoch, Device, RefreshChain, SessionCookie};
use crate::shared::{Network, Timestamp, UserId, typed_id};

typed_id! {
    /// A login of a user; access tokens carry it as `sid`.
    SessionId
}

/// Where a session was used last, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionOrigin {
    /// The program that logged in or refreshed the session.
    pub device: Option<Device>,
    /// The network that it called from.
    pub network: Option<Network>,
}

/// A login of a user. Access tokens name it, and stop working when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The identifier; the `sid` claim of access tokens.
    pub id: SessionId,
    /// The account that is logged in.
    pub user_id: UserId,
    /// The epoch of the account in which the session started. It does not hold in a later one.
    pub auth_epoch: AuthEpoch,
    /// Where the user logged in, or refreshed the session last.
    pub origin: SessionOrigin,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// From this time on the session is no longer valid. A refresh moves it.
    pub expires_at: Timestamp,
    /// When the session was ended before it expired; `None` if it was not.
    pub revoked_at: Option<Timestamp>,
    /// Its refresh tokens; `None` for a session of an earlier version, which cannot be refreshed, and for a session with a
    /// cookie.
    pub refresh: Option<RefreshChain>,
    /// Its cookie; `None` for a session with tokens.
    pub cookie: Option<SessionCookie>,
}

/// What decides whether a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTerm {
    /// The epoch of the account in which the session started.
    pub auth_epoch: AuthEpoch,
    /// From this time on the session is no longer valid.
    pub expires_at: Timestamp,
    /// When the session was ended before it expired.
    pub revoked_at: Option<Timestamp>,
}

impl SessionTerm {
    /// Whether the session is valid at `now`, in this epoch of its account.
    #[must_use]
    pub fn holds(&self, now: Timestamp, epoch: AuthEpoch) -> bool {
        self.revoked_at.is_none() && now < self.expires_at && self.auth_epoch == epoch
    }
}

impl Session {
    /// A session in the first epoch of the account, which starts now and lasts `lifetime_millis`.
    #[must_use]
    pub fn start(id: SessionId, user_id: UserId, now: Timestamp, lifetime_millis: i64) -> Self {
        Self {
            id,
            user_id,
            auth_epoch: AuthEpoch::FIRST,
            origin: SessionOrigin::default(),
            created_at: now,
            expires_at: now.plus_millis(lifetime_millis),
            revoked_at: None,
            refresh: None,
            cookie: None,
        }
    }

    /// What decides whether it holds.
    #[must_use]
    pub const fn term(&self) -> SessionTerm {
        SessionTerm { auth_epoch: self.auth_epoch, expires_at: self.expires_at, revoked_at: self.revoked_at }
    }

    /// Whether the session is valid at `now`, in this epoch of its account.
    #[must_use]
    pub fn holds(&self, now: Timestamp, epoch: AuthEpoch) -> bool {
        self.term().holds(now, epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn holds_until_it_expires_or_is_revoked_or_the_epoch_of_the_account_ends() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let epoch = AuthEpoch::FIRST;
        let mut session = Session::start(SessionId::new(Uuid::nil()), UserId::new(Uuid::nil()), at(0), 1_000);
        assert!(session.holds(at(999), epoch));
        assert!(!session.holds(at(1_000), epoch));
        assert!(!session.holds(at(0), epoch.next()));
        session.revoked_at = Some(at(500));
        assert!(!session.holds(at(501), epoch));
    }
}
