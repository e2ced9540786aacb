//! The PostgreSQL driver for `skep-sql`, with sqlx: connections, transactions, values and the lock of the schema.
//!
//! - One unit of work holds one connection. `BEGIN`, every statement and `COMMIT` are one round trip each. Statements
//!   are prepared once for each connection and stay prepared.
//! - A connection is not tested before it is used. A dead connection in the pool fails at `BEGIN` or at a single read.
//!   Both are repeated once on a new connection, because nothing has happened yet.
//! - The pool is our own ([`PoolStats`]). The pool of sqlx sends one more request whenever a connection is returned. It
//!   cannot open a new connection in place of the next dead one, and it reports a refused connection as a timeout. Only
//!   the listener of sqlx for messages of other instances has one, with its one connection.
//! - Times are sent as `TIMESTAMPTZ`, truncated to milliseconds. Only `BIGINT` columns are read as integers, and not
//!   `INTEGER` or `NUMERIC`.

mod address;
mod database;
mod fault;
mod inspect;
mod known;
mod options;
mod pool;
mod pooler;
mod schema;
mod server;
mod transaction;
mod values;
mod wake_ups;
mod wire;

pub use address::InvalidAddress;
pub use database::PostgresDatabase;
pub use fault::is_refusal;
pub use options::PostgresOptions;
pub use pool::PoolStats;
pub use pooler::Pooling;
