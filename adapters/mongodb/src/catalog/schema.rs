//! The migrations of the catalog.

use crate::schema::{MongoSchema, MongoSet, MongoStep, collection, index, unique};
use bson::doc;
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use std::{future::Future, pin::Pin};

pub(crate) const SET: MongoSet = MongoSet {
    name: "catalog",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "categories",
            work: MongoStep::collections(&[collection(
                "categories",
                &[
                    unique("categories_slug_key", &["slug"]),
                    index("categories_parent_id_idx", &["parent_id"]),
                    index("categories_name_idx", &["name", "_id"]),
                    index("categories_created_at_idx", &["created_at", "_id"]),
                ],
            )]),
        },
        MigrationStep { name: "pictures", work: MongoStep::code(nothing, remove_pictures) },
    ],
};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A product without the field has no pictures.
fn nothing<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

fn remove_pictures<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let plain = doc! { "q": {}, "u": { "$unset": { "pictures": "" } }, "multi": true };
        schema.command(doc! { "update": "products", "updates": [plain] }).await.map(drop)
    })
}
