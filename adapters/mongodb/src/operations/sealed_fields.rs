//! Fields with sealed values. They are read along their indexes, and replaced.

use crate::{
    ops::{Query, Update},
    record::field as value_of,
    store::MongoStore,
};
use async_trait::async_trait;
use bson::{Bson, Document, RawDocumentBuf, doc};
use skep_application::{
    kernel::{SealedField, StoreError},
    operations::{Resealed, SealedFields, SealedRow},
};
use skep_domain::shared::Sealed;
use uuid::Uuid;

impl MongoStore {
    /// Adds the sealed fields of a host program. The documents of such a collection have a UUID or a text as their
    /// `_id`, the field is at their top level, and an index begins with it.
    #[must_use]
    pub fn with_sealed_fields(mut self, fields: &[SealedField]) -> Self {
        self.sealed_fields.extend(fields);
        self
    }

    fn declares(&self, field: SealedField) -> bool {
        self.sealed_fields.contains(&field)
    }
}

/// The document with the key of a row as its id: a UUID or a text.
fn with_id(row: &str) -> Document {
    let text = Bson::from(row);
    match Uuid::try_parse(row) {
        Ok(id) => doc! { "_id": { "$in": [crate::record::id(id), text] } },
        Err(_) => doc! { "_id": text },
    }
}

fn sealed_row(document: &RawDocumentBuf, column: &str) -> Result<SealedRow, StoreError> {
    let row = match value_of(document, "_id")? {
        Bson::String(id) => id,
        Bson::Binary(id) => Uuid::from_slice(&id.bytes).map_err(StoreError::unreadable)?.to_string(),
        other => return Err(StoreError::Corrupt(format!("the id {other} of a document with {column}").into())),
    };
    match value_of(document, column)? {
        Bson::String(sealed) => Ok(SealedRow { row, sealed: Sealed::stored(sealed) }),
        _ => Err(StoreError::Corrupt(format!("a document whose {column} is no text").into())),
    }
}

#[async_trait]
impl SealedFields for MongoStore {
    fn sealed_fields(&self) -> Vec<SealedField> {
        self.sealed_fields.clone()
    }

    async fn list_sealed(&self, field: SealedField, after: &str, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        if !self.declares(field) {
            return Ok(vec![]);
        }
        let query = Query::of(doc! { field.column: { "$gt": after } }).by(doc! { field.column: 1 });
        let query = query.at_most(limit).only(&[field.column]);
        let documents = self.read().await?.find_as(field.table, query, |document| Ok(document.to_owned())).await?;
        documents.iter().map(|document| sealed_row(document, field.column)).collect()
    }

    async fn count_sealed(&self, field: SealedField, from: &str, until: &str) -> Result<u64, StoreError> {
        if !self.declares(field) {
            return Ok(0);
        }
        self.read().await?.count_in(field.table, doc! { field.column: { "$gte": from, "$lt": until } }).await
    }

    async fn replace_sealed(&self, field: SealedField, changes: &[Resealed]) -> Result<u64, StoreError> {
        if !self.declares(field) || changes.is_empty() {
            return Ok(0);
        }
        let update = |Resealed { row, from, to }: &Resealed| {
            let mut filter = with_id(row);
            filter.insert(field.column, from.as_str());
            Update::of(filter, doc! { "$set": { field.column: to.as_str() } })
        };
        self.read().await?.update(field.table, changes.iter().map(update).collect()).await
    }
}
