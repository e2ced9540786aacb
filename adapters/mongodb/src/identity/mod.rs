//! Accounts, log-ins and the set-up token.

mod sessions;
mod setup_tokens;
mod users;
