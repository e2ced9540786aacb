//! Commands that write.

use super::{
    executor::{Executor, bounded},
    query::Update,
};
use crate::{
    error,
    observe::Operation,
    record::{Record, decode},
};
use bson::{Bson, Document, RawArrayBuf, RawDocumentBuf, doc, rawdoc};
use serde::Serialize;
use skep_application::kernel::{StoreError, TxMode};

/// The most bytes of changes in one command. The server accepts commands of 16 MiB.
const COMMAND_MAX: usize = 15 * 1024 * 1024;

/// Divides the changes among commands.
fn portions(updates: Vec<Update>) -> Result<Vec<RawArrayBuf>, StoreError> {
    let (mut portions, mut length) = (vec![], 0);
    for Update { filter, change, upsert, multi } in updates {
        let update = doc! { "q": filter, "u": change, "upsert": upsert, "multi": multi };
        let update = RawDocumentBuf::try_from(&update).map_err(StoreError::unreadable)?;
        length += update.as_bytes().len();
        if portions.is_empty() || length > COMMAND_MAX {
            length = update.as_bytes().len();
            portions.push(RawArrayBuf::new());
        }
        if let Some(portion) = portions.last_mut() {
            portion.push(update);
        }
    }
    Ok(portions)
}

impl Executor {
    /// Inserts the document, or returns the existing one with the same value of the unique field `by`, in one command.
    /// Only in a transaction.
    pub(crate) async fn insert_or_find<R: Record + Serialize>(
        &mut self,
        record: &R,
        by: &str,
    ) -> Result<Option<R::Entity>, StoreError> {
        self.watch(Operation::FindAndModify, async |this| this.insert_or_find_now(record, by).await).await
    }

    async fn insert_or_find_now<R: Record + Serialize>(
        &mut self,
        record: &R,
        by: &str,
    ) -> Result<Option<R::Entity>, StoreError> {
        if self.mode != Some(TxMode::Write) {
            return Err(StoreError::Corrupt("only a unit of work for writing may insert or find".into()));
        }
        let mut fresh = bson::serialize_to_document(record).map_err(StoreError::unreadable)?;
        // An upsert stores the fields of its query, too.
        let value = fresh.remove(by).ok_or_else(|| StoreError::Corrupt(format!("a document without {by}").into()))?;
        let command = doc! {
            "findAndModify": R::COLLECTION,
            "query": { by: value },
            "update": { "$setOnInsert": fresh },
            "upsert": true,
        };
        self.sent = true;
        let call = self.database.run_command(command).session(&mut self.session);
        let answer = bounded(self.patience, call).await?;
        match self.answer(answer)?.get("value") {
            None | Some(Bson::Null) => {
                self.wrote = true;
                Ok(None)
            }
            Some(Bson::Document(found)) => {
                let found = RawDocumentBuf::try_from(found).map_err(StoreError::unreadable)?;
                decode::<R>(&found).map(Some)
            }
            Some(_) => Err(StoreError::Corrupt("an answer of findAndModify without a document".into())),
        }
    }

    /// Inserts the documents, all in one command.
    pub(crate) async fn insert_raw(
        &mut self,
        collection: &str,
        documents: Vec<RawDocumentBuf>,
    ) -> Result<(), StoreError> {
        if documents.is_empty() {
            return Ok(());
        }
        let documents: bson::RawArrayBuf = documents.into_iter().collect();
        self.write(rawdoc! { "insert": collection, "documents": documents, "ordered": true }).await.map(|_| ())
    }

    /// Makes the changes in this order, in one command unless they are too long for it. Returns the number of documents
    /// that matched or were inserted.
    pub(crate) async fn update(&mut self, collection: &str, updates: Vec<Update>) -> Result<u64, StoreError> {
        let mut matched = 0;
        for updates in portions(updates)? {
            matched += self.write(rawdoc! { "update": collection, "updates": updates, "ordered": true }).await?;
        }
        Ok(matched)
    }

    /// Makes the changes, each of which names the version that was read. `Stale` unless every one of them matches.
    pub(crate) async fn update_all(&mut self, collection: &str, updates: Vec<Update>) -> Result<(), StoreError> {
        let expected = updates.len() as u64;
        let matched = self.update(collection, updates).await?;
        if matched == expected { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// Deletes the documents that match, and returns their number.
    pub(crate) async fn delete(&mut self, collection: &str, filter: Document) -> Result<u64, StoreError> {
        let command = doc! { "delete": collection, "deletes": [{ "q": filter, "limit": 0 }] };
        self.write(RawDocumentBuf::try_from(&command).map_err(StoreError::unreadable)?).await
    }

    /// Sends a write and reads `n` from the answer. With `ok: 1`, single documents may still have failed.
    async fn write(&mut self, command: RawDocumentBuf) -> Result<u64, StoreError> {
        self.watch(Operation::Write, async |this| this.write_now(command).await).await
    }

    async fn write_now(&mut self, mut command: RawDocumentBuf) -> Result<u64, StoreError> {
        match self.mode {
            Some(TxMode::Read) => return Err(StoreError::Corrupt("a unit of work for reading must not write".into())),
            Some(TxMode::Write) => {}
            None => command.append(bson::cstr!("writeConcern"), rawdoc! { "w": "majority" }),
        }
        (self.sent, self.wrote) = (true, true);
        let call = self.database.run_raw_command(command).session(&mut self.session);
        let answer = bounded(self.patience, call).await?;
        self.answered = true;
        let classify = if self.mode.is_some() { error::of_statement } else { error::of_single_write };
        let answer = answer.map_err(classify)?;
        if let Some(failure) = answer.get_array("writeErrors").ok().and_then(|all| all.first()?.as_document()) {
            let code = failure.get_i32("code").unwrap_or_default();
            let message = failure.get_str("errmsg").unwrap_or_default();
            let other = || StoreError::Corrupt(format!("mongodb write error {code}: {message}").into());
            return Err(error::of_code(code, message).unwrap_or_else(other));
        }
        if let Ok(failure) = answer.get_document("writeConcernError") {
            return Err(StoreError::OutcomeUnknown(format!("not confirmed by a majority: {failure}").into()));
        }
        let n = answer.get_i32("n").map_err(|_| StoreError::Corrupt("an answer without a count".into()))?;
        u64::try_from(n).map_err(StoreError::unreadable)
    }
}
