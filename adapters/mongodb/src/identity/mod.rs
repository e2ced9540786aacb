//! Users, sessions and the setup token.

mod sessions;
mod setup_tokens;
mod users;
