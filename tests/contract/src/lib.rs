//! The contract suite: what every store must do, clause by clause, as the ports say it.
//!
//! An adapter's author writes a [`Harness`] that hands out fresh instances, and runs the clauses of what the adapter is
//! with [`prove`]. An adapter inside the process needs no harness of its own: [`InProcess`] makes one of its constructor. The suite knows the ports alone: no driver, no address, no schema beyond the names that
//! [`skep_application::kernel::Constraint`] gives.
//!
//! | the adapter is | subject | clauses |
//! | --- | --- | --- |
//! | a limiter | `dyn RateLimits` | [`limits::clauses`] |
//! | one repository and its queries | [`catalog::Products`], [`identity::Users`] … | [`catalog::products`], [`identity::users`] … |
//! | the store of one context | `dyn CatalogStore` … | [`catalog::clauses`] … |
//! | such a store with an outbox | [`unit_of_work::CatalogUnits`], [`ordering::Sale`] | [`unit_of_work::clauses`], [`ordering::buying`] |
//! | what units carry, or what a program asks at its start | [`kernel`] and [`operations`] | [`kernel::outbox`] … |
//! | a whole store | `dyn Store` | [`clauses`] |
//!
//! ```
//! # use skep_application::operations::InstanceKeys;
//! # use skep_contract::{InProcess, operations, prove};
//! # use skep_local::SystemClock;
//! # use skep_memory::MemoryStore;
//! # use std::sync::Arc;
//! # #[tokio::main]
//! # async fn main() -> Result<(), skep_contract::Failure> {
//! let keys = InProcess::<dyn InstanceKeys>::new("keys", || Arc::new(MemoryStore::new(Arc::new(SystemClock::new()))));
//! let proof = prove(&keys, operations::instance_keys()).await?;
//! println!("{} clauses hold; not tried: {:?}", proof.held, proof.skipped);
//! # Ok(())
//! # }
//! ```
//!
//! A clause that a store cannot be put through is named by [`Harness::lacks`], with the reason, and is never passed over
//! in silence. Faults are made in the server or on the wire, never by a wrapper around the store.

mod check;
mod clause;
mod harness;
mod laws;
mod part;
mod sale;
mod sample;
mod units;
mod world;

pub mod catalog;
pub mod identity;
pub mod kernel;
pub mod limits;
pub mod operations;
pub mod ordering;
pub mod unit_of_work;

pub use check::Failure;
pub use clause::{Clause, Proof, Report, prove, run};
pub use harness::{CommitFault, Faults, Harness, InProcess, Instance, Need, Start, Subject};
pub use sale::{Sales, open_shop};

/// Every clause of every port of a store, grouped by port.
#[must_use]
pub fn clauses() -> Vec<Clause> {
    [
        unit_of_work::whole(),
        kernel::whole(),
        clause::of(identity::clauses(), |store| store),
        clause::of(catalog::clauses(), |store| store),
        ordering::whole(),
        operations::whole(),
    ]
    .concat()
}

/// The guide, whose blocks are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/write-an-adapter.md")]
mod guide {}
