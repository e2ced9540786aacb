//! Sessions of browsers, which a cookie stands for.

use super::{Session, SessionLimits};
use crate::shared::{Timestamp, named};

/// For how long a use is not stored again, in milliseconds. A session may end by this much earlier than its idle limit
/// says, so that not every request writes.
pub const RENEWAL_MILLIS: i64 = 60_000;

named! {
    /// What the owner of a session shows with each request.
    SessionKind {
        /// An access token, which refresh tokens replace.
        Token = "token",
        /// The same secret each time, which a browser keeps.
        Cookie = "cookie",
    }
}

/// The hash of the value of a cookie. The value itself is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieHash(pub [u8; 32]);

/// The cookie of a session, as far as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCookie {
    /// The hash of its value.
    pub hash: CookieHash,
    /// The last use that was stored.
    pub used_at: Timestamp,
}

impl SessionCookie {
    /// Whether a use at `now` is stored.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.used_at.plus_millis(RENEWAL_MILLIS) <= now
    }
}

/// A use of a session that moves its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The time of the use.
    pub at: Timestamp,
    /// The new end of the session.
    pub expires_at: Timestamp,
}

impl Session {
    /// What its owner shows with each request.
    #[must_use]
    pub const fn kind(&self) -> SessionKind {
        if self.cookie.is_some() { SessionKind::Cookie } else { SessionKind::Token }
    }

    /// The renewal that a use at `now` stores; `None` if there is no cookie, or another use was stored a moment ago.
    #[must_use]
    pub fn renewal(&self, now: Timestamp, limits: SessionLimits) -> Option<Renewal> {
        self.cookie.filter(|cookie| cookie.is_due(now))?;
        Some(Renewal { at: now, expires_at: limits.expires_at(self.created_at, now) })
    }

    /// The session after the renewal. Nothing changes if the session has ended, or a later use is stored.
    #[must_use]
    pub fn renewed(self, renewal: Renewal) -> Self {
        let goes_on = self.revoked_at.is_none() && renewal.at < self.expires_at;
        match self.cookie {
            Some(cookie) if goes_on && cookie.used_at < renewal.at => {
                let cookie = Some(SessionCookie { used_at: renewal.at, ..cookie });
                Self { cookie, expires_at: renewal.expires_at, ..self }
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{AuthEpoch, SessionId, UserId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const LIMITS: SessionLimits = SessionLimits { idle_millis: 1_800_000, absolute_millis: 43_200_000 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    /// A session that began at 0.
    fn session() -> Session {
        let cookie = Some(SessionCookie { hash: CookieHash([1; 32]), used_at: at(0) });
        let session = Session::start(SessionId::new(Uuid::nil()), UserId::new(Uuid::nil()), at(0), LIMITS.idle_millis);
        Session { cookie, ..session }
    }

    #[test]
    fn a_use_is_stored_once_a_minute() {
        for (now, stored) in [(-1, false), (0, false), (59_999, false), (60_000, true), (1_799_999, true)] {
            assert_eq!(session().renewal(at(now), LIMITS).is_some(), stored, "{now}");
        }
        let renewed = session().renewed(session().renewal(at(60_000), LIMITS).unwrap());
        assert_eq!((renewed.expires_at, renewed.last_used_at()), (at(1_860_000), at(60_000)));
        assert_eq!(renewed.renewal(at(119_999), LIMITS), None);
    }

    #[test]
    fn a_session_with_tokens_is_not_renewed() {
        let session = Session { cookie: None, ..session() };
        assert_eq!(session.renewal(at(600_000), LIMITS), None);
        let renewal = Renewal { at: at(600_000), expires_at: at(700_000) };
        assert_eq!((session.clone().renewed(renewal), session.kind()), (session, SessionKind::Token));
    }

    #[test]
    fn a_session_that_has_ended_or_was_used_later_stays_as_it_is() {
        let renewal = Renewal { at: at(600_000), expires_at: at(2_400_000) };
        let revoked = Session { revoked_at: Some(at(1)), ..session() };
        let expired = Session { expires_at: at(600_000), ..session() };
        let cookie = SessionCookie { hash: CookieHash([1; 32]), used_at: at(600_000) };
        let used_later = Session { cookie: Some(cookie), ..session() };
        for session in [revoked, expired, used_later] {
            assert_eq!(session.clone().renewed(renewal), session);
        }
    }

    proptest! {
        /// A session that is used goes on until the absolute limit, and no longer. Without a use it ends at the idle
        /// limit, at most a minute early.
        #[test]
        fn uses_prolong_a_session_up_to_the_absolute_limit(gaps in prop::collection::vec(0_i64..2_400_000, 1..60)) {
            let (mut session, mut now, mut used) = (session(), 0, 0);
            for gap in gaps {
                now += gap;
                let holds = session.holds(at(now), AuthEpoch::FIRST);
                prop_assert!(!holds || (now < LIMITS.absolute_millis && now - used < LIMITS.idle_millis));
                let early = now - used < LIMITS.idle_millis - RENEWAL_MILLIS && now < LIMITS.absolute_millis;
                prop_assert!(holds || !early);
                if !holds {
                    break;
                }
                used = now;
                if let Some(renewal) = session.renewal(at(now), LIMITS) {
                    session = session.renewed(renewal);
                }
            }
        }
    }
}
