//! The keys of the e-mail addresses that earlier versions have stored.

use crate::schema::{Collection, Index, MongoSchema, collection, unique};
use bson::{Bson, Document, doc};
use skep_application::kernel::StoreError;
use skep_domain::shared::Email;
use std::{collections::BTreeMap, future::Future, pin::Pin};

type Step<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

const BATCH: i64 = 500;
/// The index of the documents that have a key.
pub(super) const INDEXES: &[Collection] = &[collection(
    "users",
    &[Index { only: Some(|| doc! { "email_key": { "$exists": true } }), ..unique(NAME, &["email_key"]) }],
)];
const NAME: &str = "users_email_key_key";

/// What was typed is lost. A user whose password has characters with several encodings may have to type the one of its
/// first use.
pub(super) fn unmake<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        schema.drop_index("users", NAME).await?;
        let fields = doc! { "email_key": "", "email_typed": "", "password_form": "" };
        let plain = doc! { "q": {}, "u": { "$unset": fields }, "multi": true };
        schema.command(doc! { "update": "users", "updates": [plain] }).await.map(drop)
    })
}

/// Adds the key to each account. Ids grow with time, so of two accounts with one key the older gets it.
pub(super) fn fill<'a>(schema: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async move {
        let mut last = Bson::MinKey;
        loop {
            let without = doc! { "_id": { "$gt": last }, "email_key": { "$exists": false } };
            let found = find(schema, without, doc! { "email": 1 }, "email").await?;
            let Some((newest, _)) = found.last() else { return Ok(()) };
            last = newest.clone();
            let mut added = BTreeMap::new();
            for (id, address) in &found {
                if let Some(key) = Email::key_of(address) {
                    added.entry(key).or_insert_with(|| id.clone());
                }
            }
            let keys: Vec<_> = added.keys().cloned().collect();
            let older = doc! { "email_key": { "$in": keys } };
            for (_, key) in find(schema, older, doc! { "email_key": 1 }, "email_key").await? {
                added.remove(&key);
            }
            let updates: Vec<_> = added
                .iter()
                .map(|(key, id)| doc! { "q": { "_id": id }, "u": { "$set": { "email_key": key } } })
                .collect();
            if !updates.is_empty() {
                schema.command(doc! { "update": "users", "updates": updates }).await?;
            }
        }
    })
}

pub(super) fn keep<'a>(_: &'a mut MongoSchema<'_>) -> Step<'a> {
    Box::pin(async { Ok(()) })
}

/// The ids of the first [`BATCH`] users that match, each with a text field.
async fn find(
    schema: &mut MongoSchema<'_>,
    filter: Document,
    projection: Document,
    field: &str,
) -> Result<Vec<(Bson, String)>, StoreError> {
    let find = doc! {
        "find": "users", "filter": filter, "projection": projection, "sort": { "_id": 1 },
        "limit": BATCH, "batchSize": BATCH,
    };
    let answer = schema.command(find).await?;
    let found = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let found = found.map_err(|error| StoreError::Corrupt(error.into()))?;
    let unreadable = || StoreError::Corrupt("a user has no id or no address".into());
    let read = |user: &Bson| {
        let user = user.as_document()?;
        Some((user.get("_id")?.clone(), user.get_str(field).ok()?.to_owned()))
    };
    found.iter().map(|user| read(user).ok_or_else(unreadable)).collect()
}
