//! Users, their known networks, sessions, links and the setup token.

mod account_links;
mod email_keys;
mod groups;
mod known_networks;
pub(crate) mod migrations;
mod roles;
mod sessions;
mod setup_tokens;
mod user_list;
mod users;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    users::declared()
        .and(email_keys::declared())
        .and(known_networks::declared())
        .and(roles::declared())
        .and(groups::declared())
        .and(sessions::declared())
        .and(setup_tokens::declared())
        .and(account_links::declared())
}
