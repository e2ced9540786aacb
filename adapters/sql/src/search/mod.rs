//! The index of documents with its dictionary, and how far it is built.

mod builds;
pub(crate) mod migrations;
mod postings;
mod words;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    postings::declared().and(words::declared()).and(builds::declared())
}
