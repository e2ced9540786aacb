//! Orders, and buying as the application does it.

mod buying;
mod orders;
mod queries;
mod repeats;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [orders::clauses(), queries::clauses(), buying::clauses(), repeats::clauses()].concat()
}
