//! The index of documents, and how far it is built.

mod builds;
pub(crate) mod migrations;
mod postings;

use crate::declared::Declared;

pub(crate) fn declared() -> Declared {
    postings::declared().and(builds::declared())
}
