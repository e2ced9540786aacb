//! Users, their known networks, sessions, links and the setup token.

mod account_links;
mod account_states;
mod cookies;
mod email_keys;
mod groups;
mod known_networks;
mod refresh_tokens;
mod roles;
pub(crate) mod schema;
mod session_origins;
mod sessions;
mod setup_tokens;
mod user_list;
mod users;
