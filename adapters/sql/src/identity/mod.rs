//! Users, their known networks, sessions and the setup token.

mod email_keys;
mod known_networks;
pub(crate) mod migrations;
mod sessions;
mod setup_tokens;
mod user_list;
mod users;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    users::declared()
        .and(email_keys::declared())
        .and(known_networks::declared())
        .and(sessions::declared())
        .and(setup_tokens::declared())
}
