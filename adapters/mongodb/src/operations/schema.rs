//! The migrations of the keys of this deployment.

use crate::schema::{Collection, Index, MongoSchema, MongoSet, MongoStep, collection, unique};
use bson::{Document, doc};
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use std::{future::Future, pin::Pin};

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

pub(crate) const SET: MongoSet = MongoSet {
    name: "operations",
    after: &[FOUNDATION],
    steps: &[
        MigrationStep {
            name: "key_states",
            work: MongoStep::change(make_active, &[KEYS_WITH_STATES], keep_active, &[KEYS_OF_THE_FOUNDATION]),
        },
        MigrationStep { name: "field_keys", work: MongoStep::collections(&[FIELD_KEYS]) },
    ],
};

/// The keys of sealed fields. Of several instances that add a key at once, one stores it.
const FIELD_KEYS: Collection = collection("field_keys", &[unique("field_keys_number_key", &["number"])]);

/// Of several instances that start at once, one stores the active key of a purpose.
const KEYS_WITH_STATES: Collection = Collection {
    name: "instance_keys",
    validator: None,
    indexes: &[Index {
        only: Some(|| doc! { "state": { "$in": ["next", "active"] } }),
        ..unique("instance_keys_purpose_state_key", &["purpose", "state"])
    }],
};

/// One key per purpose.
const KEYS_OF_THE_FOUNDATION: Collection = Collection {
    name: "instance_keys",
    validator: None,
    indexes: &[unique("instance_keys_purpose_key", &["purpose"])],
};

fn make_active<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        schema.drop_index("instance_keys", "instance_keys_purpose_key").await?;
        let active = doc! { "$set": { "state": "active" } };
        write(schema, doc! { "q": { "state": { "$exists": false } }, "u": active, "multi": true }).await
    })
}

/// One key per purpose stays: the active one. Tokens of retired keys are not valid any more.
fn keep_active<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        // Keys without a state were reverted before an interruption.
        let others = doc! { "q": { "state": { "$in": ["next", "retired"] } }, "limit": 0 };
        schema.command(doc! { "delete": "instance_keys", "deletes": [others] }).await?;
        schema.drop_index("instance_keys", "instance_keys_purpose_state_key").await?;
        let plain = doc! { "$unset": { "state": "", "expires_at": "" } };
        write(schema, doc! { "q": {}, "u": plain, "multi": true }).await
    })
}

async fn write(schema: &mut MongoSchema<'_>, update: Document) -> Result<(), StoreError> {
    schema.command(doc! { "update": "instance_keys", "updates": [update] }).await.map(drop)
}
