//! Users, sessions and the setup token.

mod sessions;
mod setup_tokens;
mod users;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    users::declared().and(sessions::declared()).and(setup_tokens::declared())
}
