//! Everything that both SQL engines share: statements, repositories, queries and the migration runner, written once
//! against the narrow [`SqlDatabase`]. `skep-sqlite` and `skep-postgres` are drivers beneath it.

mod database;
mod statement;
mod value;

pub use database::{Migration, SqlConnection, SqlDatabase, SqlSchema, SqlTransaction};
pub use statement::{Engine, Sql, Statement};
pub use value::{Kind, Row, Value};
