//! Everything that both SQL engines share: statements, repositories, queries and the migration runner, written once
//! against the narrow [`SqlDatabase`]. `skep-sqlite` and `skep-postgres` are the drivers.

mod catalog;
mod database;
mod declared;
mod events;
mod files;
mod identity;
mod jobs;
mod kernel;
mod notifications;
mod observe;
mod operations;
mod ordering;
mod page;
mod sealed;
mod search;
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
pub use declared::{Declared, Misdeclared, statements, tables};
pub use operations::{SqlCode, SqlSet, SqlStep, SqlWork};
pub use page::{Listed, Pages};
pub use shape::{Column, Reference, Role, Rule, Shape, Verb};
pub use statement::{Effect, Engine, Sql, Statement};
pub use store::SqlStore;
pub use stored::{RowId, Stored};
pub use table::Table;
pub use unit::SqlUnit;
pub use value::{Kind, Row, Value};
