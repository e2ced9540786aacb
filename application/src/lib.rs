//! What Skep does: use cases and queries over ports.
//!
//! A use case holds its ports as `Arc<dyn …>`, takes an [`kernel::Actor`] first and a command second, and answers with
//! a view or an error of its own. Nothing here knows a database, a socket or a clock: those are adapters behind the
//! traits of `ports.rs` in each context and of [`kernel`].

mod app;
pub mod catalog;
#[cfg(test)]
mod fixtures;
pub mod identity;
pub mod kernel;
pub mod operations;
pub mod ordering;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use app::{App, Catalog, Identity, Ordering, Policies, Ports};
