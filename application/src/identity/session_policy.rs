//! The rules for sessions, access tokens and login attempts.

use crate::kernel::Limit;
use std::time::Duration;

/// The lifetimes of sessions and access tokens, and the limit of login attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How long an access token is valid, unless its session ends first.
    pub token_lifetime: Duration,
    /// How long a session lasts after the login.
    pub session_lifetime: Duration,
    /// How often a login to one account may be tried.
    pub attempts: Limit,
}

impl Default for SessionPolicy {
    /// One hour for a token, 30 days for a session, and 10 attempts per minute.
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_secs(60 * 60),
            session_lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            attempts: Limit { burst: 10, period: Duration::from_secs(60) },
        }
    }
}
