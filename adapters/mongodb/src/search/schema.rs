//! The migrations of search.

use super::{
    postings::{BY_DOCUMENT, BY_TERM},
    words::BY_KEY,
};
use crate::schema::{MongoSet, MongoStep, collection, unique};
use skep_application::operations::{FOUNDATION, MigrationStep};

pub(crate) const SET: MongoSet = MongoSet {
    name: "search",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "postings",
            work: MongoStep::collections(&[
                collection("search_postings", &[BY_TERM, BY_DOCUMENT]),
                collection("search_builds", &[unique("search_builds_kind_key", &["kind"])]),
            ]),
        },
        MigrationStep { name: "words", work: MongoStep::collections(&[collection("search_words", &[BY_KEY])]) },
    ],
};
