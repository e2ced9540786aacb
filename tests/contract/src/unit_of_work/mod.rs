//! Units of work, whatever they touch.

mod cancellation;
mod commits;
mod errors;
mod refusals;
mod undo;
mod visibility;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [
        visibility::clauses(),
        undo::clauses(),
        errors::clauses(),
        commits::clauses(),
        cancellation::clauses(),
        refusals::clauses(),
    ]
    .concat()
}
