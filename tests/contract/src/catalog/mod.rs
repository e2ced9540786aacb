//! Products and stock.

mod lists;
mod products;
mod queries;
mod reservations;
mod stock;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [
        products::clauses(),
        stock::clauses(),
        reservations::clauses(),
        queries::clauses(),
        queries::stock(),
        lists::clauses(),
    ]
    .concat()
}
