//! The idempotency keys of commands.

use crate::{
    ops::{Query, Update},
    record::{self, Record, Unreadable, binary, date},
    schema::MongoSchema,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, Bson, DateTime, doc};
use serde::{Deserialize, Serialize};
use skep_application::kernel::{Claimed, IdempotencyClaim, IdempotencyKeys, KeptAnswer, StoreError};
use skep_domain::shared::Timestamp;
use std::{future::Future, pin::Pin};

#[derive(Serialize, Deserialize)]
struct KeyDoc {
    #[serde(rename = "_id")]
    id: KeyId,
    fingerprint: Binary,
    /// The answer to the command: text, or bytes if it is compressed. It is null while the command runs, which only the
    /// claiming unit can see.
    answer: Bson,
    created_at: DateTime,
    expires_at: DateTime,
}

/// The order of the fields matters: MongoDB compares embedded documents field by field.
#[derive(Clone, Serialize, Deserialize)]
struct KeyId {
    principal: bson::Uuid,
    use_case: String,
    key: String,
}

impl Record for KeyDoc {
    const COLLECTION: &'static str = "idempotency_keys";
    type Entity = Self;
    fn read(self) -> Result<Self, Unreadable> {
        Ok(self)
    }
}

impl From<KeyId> for Bson {
    fn from(id: KeyId) -> Self {
        Self::Document(doc! { "principal": id.principal, "use_case": id.use_case, "key": id.key })
    }
}

fn id_of(claim: &IdempotencyClaim) -> KeyId {
    KeyId {
        principal: record::id(claim.principal),
        use_case: claim.use_case.to_owned(),
        key: claim.key.as_str().to_owned(),
    }
}

impl KeyDoc {
    fn of(claim: &IdempotencyClaim) -> Self {
        Self {
            id: id_of(claim),
            fingerprint: binary(&claim.fingerprint),
            answer: Bson::Null,
            created_at: date(claim.now),
            expires_at: date(claim.expires_at()),
        }
    }

    fn renewed(self, claim: &IdempotencyClaim) -> Update {
        let fresh = Self::of(claim);
        let change = doc! {
            "fingerprint": fresh.fingerprint,
            "answer": Bson::Null,
            "created_at": fresh.created_at,
            "expires_at": fresh.expires_at,
        };
        Update::of(doc! { "_id": self.id, "expires_at": self.expires_at }, doc! { "$set": change })
    }

    fn claimed(self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError> {
        if self.fingerprint.bytes != claim.fingerprint {
            return Ok(Claimed::Mismatch);
        }
        let unanswered = || StoreError::corrupt(Self::COLLECTION, claim.use_case, "committed without an answer");
        kept(self.answer).map(Claimed::Replay).ok_or_else(unanswered)
    }
}

fn kept(answer: Bson) -> Option<KeptAnswer> {
    match answer {
        Bson::String(answer) => Some(KeptAnswer::Plain(answer)),
        Bson::Binary(compressed) => Some(KeptAnswer::Compressed(compressed.bytes)),
        _ => None,
    }
}

#[async_trait]
impl IdempotencyKeys for MongoUnit {
    async fn claim(&mut self, claim: &IdempotencyClaim) -> Result<Claimed, StoreError> {
        self.run(async |executor| {
            // Another unit claimed the key after this unit's snapshot. The next attempt sees its result.
            let found = executor.insert_or_find(&KeyDoc::of(claim), "_id").await.map_err(|error| match error {
                StoreError::Duplicate { .. } => StoreError::Retry("the key was claimed meanwhile".into()),
                other => other,
            })?;
            match found {
                None => Ok(Claimed::New),
                Some(row) if row.expires_at > date(claim.now) => row.claimed(claim),
                Some(expired) => {
                    executor.update_all(KeyDoc::COLLECTION, vec![expired.renewed(claim)]).await?;
                    Ok(Claimed::New)
                }
            }
        })
        .await
    }

    async fn fill(&mut self, claim: &IdempotencyClaim, answer: &KeptAnswer) -> Result<(), StoreError> {
        let filter = doc! { "_id": id_of(claim), "fingerprint": binary(&claim.fingerprint), "answer": Bson::Null };
        let answer: Bson = match answer {
            KeptAnswer::Plain(answer) => answer.into(),
            KeptAnswer::Compressed(bytes) => binary(bytes).into(),
        };
        let fill = Update::of(filter, doc! { "$set": { "answer": answer } });
        self.run(async |executor| match executor.update(KeyDoc::COLLECTION, vec![fill]).await? {
            1 => Ok(()),
            _ => Err(StoreError::corrupt(KeyDoc::COLLECTION, claim.use_case, "filled without a claim")),
        })
        .await
    }

    async fn sweep(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let expired = Query::of(doc! { "expires_at": { "$lte": date(now) } });
        self.delete_found::<KeyDoc>(expired.by(doc! { "expires_at": 1 }).at_most(limit)).await
    }
}

/// The number of compressed answers in memory at once.
const BATCH: i32 = 100;

/// Stores every compressed answer as text, for programs that know only text.
pub(super) fn make_plain<'a>(
    schema: &'a mut MongoSchema<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
    Box::pin(async move {
        let unreadable = || StoreError::Corrupt("a compressed answer without a key".into());
        let mut last = Bson::MinKey;
        loop {
            let compressed = doc! { "_id": { "$gt": last.clone() }, "answer": { "$type": "binData" } };
            let find = doc! {
                "find": KeyDoc::COLLECTION, "filter": compressed, "projection": { "answer": 1 }, "sort": { "_id": 1 },
                "limit": BATCH, "singleBatch": true,
            };
            let mut found = schema.command(find).await?;
            let keys = found.get_document_mut("cursor").and_then(|cursor| cursor.get_array_mut("firstBatch"));
            let keys = std::mem::take(keys.map_err(StoreError::unreadable)?);
            if keys.is_empty() {
                return Ok(());
            }
            for key in keys {
                let Bson::Document(mut key) = key else { return Err(unreadable()) };
                last = key.remove("_id").ok_or_else(unreadable)?;
                let answer = key.remove("answer").and_then(kept).ok_or_else(unreadable)?.read()?;
                // One by one, because the longest answers do not fit into one command.
                let update = doc! { "q": { "_id": last.clone() }, "u": { "$set": { "answer": answer } } };
                schema.command(doc! { "update": KeyDoc::COLLECTION, "updates": [update] }).await?;
            }
        }
    })
}
