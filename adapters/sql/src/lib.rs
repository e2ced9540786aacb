//! Everything that both SQL engines share: statements, repositories, queries and the migration runner, written once
//! against the narrow [`SqlDatabase`]. `skep-sqlite` and `skep-postgres` are drivers beneath it.

mod catalog;
mod constraint;
mod database;
mod identity;
mod kernel;
mod observe;
mod operations;
mod ordering;
mod page;
mod statement;
mod store;
mod stored;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unit;
mod value;

pub use constraint::constraint_by_columns;
pub use database::{SqlConnection, SqlDatabase, SqlSchema, SqlTransaction};
pub use operations::{SqlCode, SqlSet, SqlStep, SqlWork};
pub use statement::{Engine, Sql, Statement};
pub use store::SqlStore;
pub use unit::SqlUnit;
pub use value::{Kind, Row, Value};

/// Every statement that the repositories and queries run, for tests that prepare each on both engines.
#[must_use]
pub fn statements() -> Vec<&'static Statement> {
    let declared = [
        kernel::idempotency::STATEMENTS,
        kernel::outbox::STATEMENTS,
        identity::users::STATEMENTS,
        identity::sessions::STATEMENTS,
        identity::setup_tokens::STATEMENTS,
        catalog::products::STATEMENTS,
        catalog::stock::STATEMENTS,
        ordering::orders::STATEMENTS,
        operations::instance_keys::STATEMENTS,
    ];
    let declared = declared.into_iter().flatten().copied();
    declared.chain(catalog::product_list::statements()).chain(ordering::order_list::statements()).collect()
}
