//! The contract suite. Its clauses test what the documentation of the ports promises, on any adapter.
//!
//! The author of an adapter writes a [`Harness`] that opens fresh instances, and passes it to [`prove`] together with
//! the clauses of the adapter's ports. For an adapter inside the process, [`InProcess`] makes a harness from the
//! constructor. The suite uses the ports only. It knows no driver, no address, and no part of the schema except the
//! names of [`skep_application::kernel::Constraint`].
//!
//! | adapter | subject | clauses |
//! | --- | --- | --- |
//! | a rate limiter | `dyn RateLimits` | [`limits::clauses`] |
//! | a queue of jobs outside of the store | `dyn TicketQueue` | [`tickets::clauses`] |
//! | a store of contents | [`files::Contents`] | [`files::contents`] |
//! | a mailer | [`notifications::Mailbox`] | [`notifications::mailer`] |
//! | one repository and its queries | [`catalog::Products`], [`identity::Users`] … | [`catalog::products`], [`identity::users`] … |
//! | the store of one context | `dyn CatalogStore` … | [`catalog::clauses`] … |
//! | such a store with an outbox | [`unit_of_work::CatalogUnits`], [`ordering::Sale`] | [`unit_of_work::clauses`], [`ordering::buying`] |
//! | an outbox, keys, migrations or health | see [`kernel`] and [`operations`] | [`kernel::outbox`] … |
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
//! If a clause cannot run on a store, [`Harness::lacks`] gives the reason, and the report lists the clause as skipped.
//! Faults are made in the server or on the wire, never by a wrapper around the store.

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
pub mod events;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod kernel;
pub mod limits;
pub mod notifications;
pub mod operations;
pub mod ordering;
pub mod search;
pub mod tickets;
pub mod unit_of_work;

pub use check::Failure;
pub use clause::{Clause, Proof, Report, catches, prove, run};
pub use harness::{CommitFault, Faults, Harness, InProcess, Instance, Need, Start, Subject};
pub use sale::{Sales, open_shop};

/// All clauses for a whole store, grouped by port.
#[must_use]
pub fn clauses() -> Vec<Clause> {
    [
        unit_of_work::whole(),
        kernel::whole(),
        clause::of(identity::clauses(), |store| store),
        clause::of(catalog::clauses(), |store| store),
        ordering::whole(),
        clause::of(jobs::clauses(), |store| store),
        clause::of(notifications::clauses(), |store| store),
        clause::of(events::clauses(), |store| store),
        clause::of(files::clauses(), |store| store),
        clause::of(search::clauses(), |store| store),
        operations::whole(),
    ]
    .concat()
}

/// The code blocks of the guide are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/write-an-adapter.md")]
mod guide {}
