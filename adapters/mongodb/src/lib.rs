//! The store on MongoDB, 6.0 and later, in a replica set. A sharded cluster is let in, but nothing here is tested on one.
//!
//! A unit of work is one transaction: snapshot reads, majority commit, every command in the session (`ops` is the
//! only module that sends any). Where this store differs from the SQL ones:
//!
//! - Transactions collide at once instead of waiting. Writers of one process queue on the ids that `begin` names
//!   (`locks.rs`); writers of several processes collide, end with `Retry` and are repeated by the application.
//! - An order and its lines are one document. Text is compared byte by byte, for no collation is set.
//! - There are no foreign keys. A unit writes to the documents that it refers to, so that a deletion of one of them at the
//!   same time collides with it (`references.rs`).
//! - A commit whose answer is lost is repeated on its session, which is safe, before its outcome is called unknown.

mod catalog;
mod documents;
mod error;
mod identity;
mod kernel;
mod latest;
mod locks;
mod migrations;
mod observe;
mod operations;
mod ops;
mod options;
mod ordering;
mod record;
mod references;
mod schema;
mod store;
mod unit;

pub use error::is_refusal;
pub use observe::PoolStats;
pub use options::{CommandObserver, ConnectError, MongoOptions};
pub use schema::{MongoCode, MongoSchema, MongoSet, MongoStep};
pub use store::MongoStore;
pub use unit::MongoUnit;
