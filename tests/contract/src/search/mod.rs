//! Clauses of search.

mod builds;
mod corpora;
mod postings;
mod words;

use crate::{clause::Clause, units::opens};
use skep_application::search::{SearchStore, SearchTx};

opens! { SearchStore: SearchTx }

/// All clauses of search.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn SearchStore>> {
    [postings::clauses(), words::clauses(), builds::clauses(), corpora::clauses()].concat()
}
