//! What every unit of work carries: the outbox and the idempotency keys.

mod idempotency;
mod outbox;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [outbox::clauses(), idempotency::clauses()].concat()
}
