//! The index of documents with its dictionary, and how far it is built.

mod builds;
mod postings;
pub(crate) mod schema;
mod words;
