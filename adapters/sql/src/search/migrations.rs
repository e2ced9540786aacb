//! The migrations of search.

use crate::operations::{SqlSet, scripts};
use skep_application::operations::MigrationStep;

pub(crate) const SET: SqlSet = SqlSet {
    name: "search",
    after: &[], // its tables refer to no others
    steps: &[
        MigrationStep { name: "postings", work: scripts!("search/0001_postings") },
        MigrationStep { name: "words", work: scripts!("search/0002_words") },
    ],
};
