//! The cost of a request, counted and not timed: statements, allocations, bytes. The real HTTP service runs in the
//! process, over real stores.

mod document;
mod server;
mod statements;

pub use document::{Section, Table};
pub use server::{Buyer, PASSWORD, Reply, Server, order, product, stores};
pub use statements::{Statements, summary, taken};
