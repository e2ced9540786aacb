//! The rules for sessions, access tokens and login attempts.

use super::session_tokens::millis;
use crate::kernel::{Limit, WiderNetworks};
use skep_domain::identity::{KnownNetworkPolicy, SessionKind, SessionLimits};
use std::time::Duration;

/// The lifetimes of sessions and access tokens, and the limits of login attempts.
///
/// An attempt counts before the password is verified, and a right password gives it back. So these are limits of wrong
/// passwords, and of verifications that run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How long an access token is valid, unless its session ends first.
    pub token_lifetime: Duration,
    /// How long a session lasts after the login, however often it is refreshed.
    pub session_lifetime: Duration,
    /// How long a session lasts after the login or the last refresh.
    pub session_idle: Duration,
    /// How long a session with a cookie lasts after the login, however often it is used.
    pub cookie_lifetime: Duration,
    /// How long a session with a cookie lasts after the login or the last use. Uses are stored once a minute, so it can
    /// end a minute earlier.
    pub cookie_idle: Duration,
    /// The most sessions of one user, at least 1. The login after that ends the oldest one.
    pub sessions_per_user: u32,
    /// How often a login to one account may be tried from one address.
    pub attempts: Limit,
    /// How many refresh tokens that the deployment has not issued may be sent from one address, and how many refused
    /// ones of one session.
    pub refresh_attempts: Limit,
    /// How often a login or refresh may be tried from the wider networks around an address.
    pub networks: WiderNetworks,
    /// How often a login to one account may be tried from all networks together, except those that the account has
    /// logged in from before. If this is far above `attempts`, one client cannot keep the owner of an account out.
    pub account_attempts: Limit,
    /// How often a login to one account may be tried with the token of one device. After that, the device counts as
    /// unknown.
    pub device_attempts: Limit,
    /// How long the token of a device is valid after the last login on it.
    pub device_lifetime: Duration,
    /// Whether a login needs a verified address.
    pub verified_only: bool,
    /// How many networks an account remembers, and for how long.
    pub known_networks: KnownNetworkPolicy,
}

impl Default for SessionPolicy {
    /// 10 minutes for an access token, 14 days for a session that is not refreshed, 60 days for any session with tokens,
    /// 30 minutes for a session with a cookie that is not used, 12 hours for any session with a cookie, and 100 sessions
    /// of one user. Each minute 10 attempts per account and address, 4 and 16 times as many from networks of 56
    /// and 48 bits, 300 per account, and 60 refreshes with wrong tokens. 10 attempts an hour with the token of a device, which is
    /// valid for 180 days.
    fn default() -> Self {
        let a_minute = |burst| Limit::smooth(burst, Duration::from_secs(60));
        Self {
            token_lifetime: Duration::from_secs(10 * 60),
            session_lifetime: Duration::from_secs(60 * 24 * 60 * 60),
            session_idle: Duration::from_secs(14 * 24 * 60 * 60),
            cookie_lifetime: Duration::from_secs(12 * 60 * 60),
            cookie_idle: Duration::from_secs(30 * 60),
            sessions_per_user: 100,
            attempts: a_minute(10),
            refresh_attempts: a_minute(60),
            networks: WiderNetworks::default(),
            account_attempts: a_minute(300),
            device_attempts: Limit::smooth(10, Duration::from_secs(60 * 60)),
            device_lifetime: Duration::from_secs(180 * 24 * 60 * 60),
            verified_only: false,
            known_networks: KnownNetworkPolicy::default(),
        }
    }
}

impl SessionPolicy {
    /// How long sessions of this kind last.
    #[must_use]
    pub fn limits(&self, kind: SessionKind) -> SessionLimits {
        let (idle, absolute) = match kind {
            SessionKind::Token => (self.session_idle, self.session_lifetime),
            SessionKind::Cookie => (self.cookie_idle, self.cookie_lifetime),
        };
        SessionLimits { idle_millis: millis(idle), absolute_millis: millis(absolute) }
    }
}
