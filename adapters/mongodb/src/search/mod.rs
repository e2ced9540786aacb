//! The index of documents, and how far it is built.

mod builds;
mod postings;
pub(crate) mod schema;
