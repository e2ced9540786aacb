//! Schema, health and keys.

mod health;
mod instance_keys;
mod migrations;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [migrations::clauses(), health::clauses(), instance_keys::clauses()].concat()
}
