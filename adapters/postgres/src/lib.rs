//! PostgreSQL beneath `skep-sql`: connections, transactions, values and the lock of the schema, with sqlx.
//!
//! - One unit of work holds one connection. `BEGIN`, every statement and `COMMIT` are one round trip each; statements
//!   are prepared once per connection and stay prepared.
//! - Nothing is asked before a connection is used. That a pooled connection is dead shows at `BEGIN`, or at the read
//!   that runs alone, and both are repeated once on a new connection, because nothing has happened yet.
//! - The pool is our own ([`PoolStats`]): sqlx's asks the server once more whenever a connection comes back, cannot be
//!   told to open a new connection instead of handing out the next dead one, and reports a refused connection as a
//!   timeout.
//! - Times pass as `TIMESTAMPTZ`, cut to milliseconds. `INTEGER` and `NUMERIC` columns are not read: `BIGINT` only.

mod database;
mod fault;
mod options;
mod pool;
mod schema;
mod transaction;
mod values;
mod wire;

pub use database::PostgresDatabase;
pub use fault::is_refusal;
pub use options::PostgresOptions;
pub use pool::PoolStats;
