//! Accounts, log-ins and the set-up.

pub(crate) mod sessions;
pub(crate) mod setup_tokens;
pub(crate) mod users;
