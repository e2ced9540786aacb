//! What the erasure and the export of an account do with the tables of this context.

use crate::kernel::{Erasure, UserData};

/// Every table of this context. The terms of a document are deleted in the unit of work that deletes what it describes.
/// Its words stay in the dictionary; no document of a person is indexed.
pub(crate) const ALL: &[Erasure] =
    &[("search_postings", UserData::None), ("search_builds", UserData::None), ("search_words", UserData::None)];
