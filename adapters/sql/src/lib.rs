//! Everything that both SQL engines share: statements, repositories, queries and the migration runner, written once
//! against the narrow [`SqlDatabase`]. `skep-sqlite` and `skep-postgres` are the drivers.

mod catalog;
mod database;
mod declared;
mod identity;
mod kernel;
mod observe;
mod operations;
mod ordering;
mod page;
mod shape;
mod statement;
mod store;
mod stored;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unit;
mod value;

pub use database::{SqlConnection, SqlDatabase, SqlSchema, SqlTransaction};
pub use declared::{broken_foreign_key, foreign_key, statements, tables, unique_rule, unique_rule_by_message};
pub use operations::{SqlCode, SqlSet, SqlStep, SqlWork};
pub use shape::{Column, Reference, Role, Rule, Shape};
pub use statement::{Engine, Sql, Statement};
pub use store::SqlStore;
pub use unit::SqlUnit;
pub use value::{Kind, Row, Value};
