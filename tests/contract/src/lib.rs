//! The contract suite: what every store must do, clause by clause, as the ports say it.
//!
//! Whoever has a store writes a [`StoreHarness`] for it and runs every clause of [`clauses`] with [`run`]; whoever
//! counts requests writes a [`LimitsHarness`] and runs [`limits_clauses`] with [`run_limits`]. The suite knows the ports
//! alone: no driver, no address, no schema beyond the names that [`skep_application::kernel::Constraint`] gives.
//!
//! ```ignore
//! for clause in skep_contract::clauses() {
//!     if let Some(reason) = clause.needs.iter().find_map(|need| harness.lacks(*need)) {
//!         println!("{}::{} is not applicable: {reason}", clause.subject, clause.name);
//!     } else {
//!         skep_contract::run(&harness, &clause).await?;
//!     }
//! }
//! ```
//!
//! A clause that a store cannot be put through says so by [`StoreHarness::lacks`], with the reason, and is never passed
//! over in silence. Faults are made in the server or on the wire, never by a wrapper around the store.

mod check;
mod clause;
mod harness;
mod laws;
mod limits;
mod sale;
mod sample;
mod units;
mod world;

mod catalog;
mod identity;
mod kernel;
mod operations;
mod ordering;
mod unit_of_work;

pub use check::Failure;
pub use clause::{Clause, Given, Report, run};
pub use harness::{CommitFault, Instance, Limiter, LimitsHarness, Need, Start, StoreHarness};
pub use limits::{LimitsClause, limits_clauses, run_limits};
pub use sale::{Sales, open_shop};

/// Every clause of every port of a store, grouped by port.
#[must_use]
pub fn clauses() -> Vec<Clause> {
    [
        unit_of_work::clauses(),
        kernel::clauses(),
        identity::clauses(),
        catalog::clauses(),
        ordering::clauses(),
        operations::clauses(),
    ]
    .concat()
}
