//! Accounts and log-ins.

mod session_queries;
mod sessions;
mod setup_tokens;
mod users;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [users::clauses(), sessions::clauses(), setup_tokens::clauses(), session_queries::clauses()].concat()
}
