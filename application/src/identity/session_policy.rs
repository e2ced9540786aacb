//! How long log-ins last, and how often they may be tried.

use crate::kernel::Limit;
use std::time::Duration;

/// How long log-ins last, and how often they may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// How long a session is good.
    pub session_lifetime: Duration,
    /// How often a log-in to one account may be tried.
    pub attempts: Limit,
}

impl Default for SessionPolicy {
    /// An hour, 30 days, 10 a minute.
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_secs(60 * 60),
            session_lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            attempts: Limit { burst: 10, period: Duration::from_secs(60) },
        }
    }
}
