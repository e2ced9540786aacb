//! The migrations of search.

use super::{
    postings::{BY_DOCUMENT, BY_TERM},
    words::BY_KEY,
};
use crate::schema::{MongoSchema, MongoSet, MongoStep, collection, unique};
use bson::doc;
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use std::{future::Future, pin::Pin};

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
        MigrationStep {
            name: "words",
            work: MongoStep::change(nothing, &[collection("search_words", &[BY_KEY])], forget_words, &[]),
        },
    ],
};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

fn nothing<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

/// After the next migration, the sweep builds the index again, with its dictionary.
fn forget_words<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        schema.drop_collection("search_words").await?;
        let earlier = doc! { "$set": { "revision": 1_i64 }, "$inc": { "version": 1_i64 } };
        let plain = doc! { "q": { "revision": { "$gt": 1_i64 } }, "u": earlier, "multi": true };
        schema.command(doc! { "update": "search_builds", "updates": [plain] }).await.map(drop)
    })
}
