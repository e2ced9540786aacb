//! The rotation of refresh tokens: each is used once, and using an old one again ends its session.

use super::{AuthEpoch, Session, SessionOrigin};
use crate::shared::Timestamp;

/// For how long a token that was used gives the same successor again, in milliseconds. It covers calls that a client
/// makes at the same time, and answers that were lost.
pub const REPEAT_MILLIS: i64 = 10_000;

/// The hash of a refresh token. The token itself is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshHash(pub [u8; 32]);

/// The refresh tokens of a session, as far as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshChain {
    /// The only token that can be used.
    pub current: RefreshHash,
    /// The token that was used last; `None` if none was.
    pub used: Option<UsedRefresh>,
}

/// A refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedRefresh {
    /// The hash of the token.
    pub hash: RefreshHash,
    /// When it was used first.
    pub at: Timestamp,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a session lasts after the login or the last refresh, in milliseconds.
    pub idle_millis: i64,
    /// How long a session lasts after the login, however often it is refreshed, in milliseconds.
    pub absolute_millis: i64,
}

impl SessionLimits {
    /// The end of a session that began at `created_at` and is used at `now`.
    #[must_use]
    pub fn expires_at(self, created_at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus_millis(self.idle_millis).min(created_at.plus_millis(self.absolute_millis))
    }
}

/// The decision on a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshDecision {
    /// The token is the current one: its successor replaces it.
    Rotate {
        /// The new end of the session.
        expires_at: Timestamp,
    },
    /// The token was used a moment ago, and its successor was not: the same successor is given again.
    Repeat,
    /// The token was used before, perhaps by a thief: the session ends.
    Revoke,
    /// The session does not hold, or has no refresh tokens.
    Refuse,
}

/// The replacement of a refresh token by its successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The token that is used.
    pub presented: RefreshHash,
    /// The token that replaces it.
    pub successor: RefreshHash,
    /// The time of the use.
    pub at: Timestamp,
    /// The new end of the session.
    pub expires_at: Timestamp,
    /// Where the session is used.
    pub origin: SessionOrigin,
}

impl Session {
    /// Decides what follows if this token of the session is presented at `now`, in this epoch of the account. The token
    /// must be one that was issued for the session: any that is not known counts as an old one.
    #[must_use]
    pub fn refresh(
        &self,
        presented: RefreshHash,
        now: Timestamp,
        epoch: AuthEpoch,
        limits: SessionLimits,
    ) -> RefreshDecision {
        let Some(chain) = self.refresh.filter(|_| self.holds(now, epoch)) else { return RefreshDecision::Refuse };
        if presented == chain.current {
            let expires_at = limits.expires_at(self.created_at, now);
            // A limit may be lower than when the session began.
            return if now < expires_at { RefreshDecision::Rotate { expires_at } } else { RefreshDecision::Refuse };
        }
        let repeats = |used: UsedRefresh| used.hash == presented && now < used.at.plus_millis(REPEAT_MILLIS);
        if chain.used.is_some_and(repeats) { RefreshDecision::Repeat } else { RefreshDecision::Revoke }
    }

    /// The session after the rotation.
    #[must_use]
    pub fn rotated(self, rotation: &Rotation) -> Self {
        let Rotation { presented, successor, at, expires_at, origin } = rotation.clone();
        let used = Some(UsedRefresh { hash: presented, at });
        Self { refresh: Some(RefreshChain { current: successor, used }), origin, expires_at, ..self }
    }

    /// When the session was used last, as far as it is stored: the last refresh or renewal, or else the login.
    #[must_use]
    pub fn last_used_at(&self) -> Timestamp {
        let refreshed = self.refresh.and_then(|chain| chain.used).map(|used| used.at);
        refreshed.or(self.cookie.map(|cookie| cookie.used_at)).unwrap_or(self.created_at)
    }
}

#[cfg(test)]
mod tests;
