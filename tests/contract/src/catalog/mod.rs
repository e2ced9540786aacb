//! Products, stock and categories.

mod categories;
mod products;
mod reservations;
mod stock;
mod stock_queries;

use crate::clause::Clause;

pub(crate) fn clauses() -> Vec<Clause> {
    [products::clauses(), stock::clauses(), reservations::clauses(), stock_queries::clauses(), categories::clauses()]
        .concat()
}
