//! The store on MongoDB 6.0 and later, in a replica set. A sharded cluster is accepted, but not tested.
//!
//! A unit of work is one transaction with snapshot reads and majority commit. Every command runs in its session, and
//! only the module `ops` sends commands. This store differs from the SQL stores:
//!
//! - Transactions that collide fail at once instead of waiting. Writers of one process queue on the ids that `begin`
//!   names (`locks.rs`). Writers of several processes collide and end with `Retry`, and the application repeats them.
//! - An order and its lines are one document. Text is compared byte by byte, because no collation is set.
//! - There are no foreign keys. A unit writes to the documents that it refers to, so that a parallel deletion of one of
//!   them collides with it (`references.rs`).
//! - A commit whose answer is lost is repeated on its session, which is safe, before its outcome counts as unknown.

mod catalog;
mod documents;
mod error;
mod events;
mod files;
mod identity;
mod inspect;
mod jobs;
mod kernel;
mod latest;
mod locks;
mod migrations;
mod notifications;
mod observe;
mod operations;
mod ops;
mod options;
mod ordering;
mod record;
mod references;
mod reports;
mod schema;
mod search;
mod store;
mod unit;
mod wake_ups;

pub use error::is_refusal;
pub use observe::PoolStats;
pub use ops::ABANDONED;
pub use options::{CommandObserver, ConnectError, MongoOptions};
pub use schema::{MongoCode, MongoSchema, MongoSet, MongoStep};
pub use store::MongoStore;
pub use unit::MongoUnit;
