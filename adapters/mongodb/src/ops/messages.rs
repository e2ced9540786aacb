//! The commands of messages between instances, on a small capped collection.

use super::executor::{Executor, bounded};
use crate::error;
use bson::{Document, doc};
use skep_application::kernel::StoreError;
use std::time::Duration;

/// How long the server waits for a message before it answers without one. Shorter than any limit for an answer, so that a
/// connection that is broken is noticed.
const WAIT: Duration = Duration::from_secs(2);

/// A place in the collection, behind which new messages come.
pub(crate) struct Tail {
    collection: &'static str,
    cursor: i64,
}

impl Executor {
    /// Adds a message. It is not confirmed by a majority, because it may be lost.
    pub(crate) async fn add_message(&mut self, collection: &'static str, text: &str) -> Result<(), StoreError> {
        let message = doc! { "text": text };
        let insert = doc! { "insert": collection, "documents": [message], "writeConcern": { "w": 1 } };
        let answer = self.ask(insert).await?;
        match answer.get("writeErrors") {
            Some(failure) => Err(StoreError::Unavailable(format!("mongodb: {failure}").into())),
            None => Ok(()),
        }
    }

    /// Reads the messages that are kept, and stays behind the last one. The server refuses this on a collection that is not
    /// capped, and gives up at once on an empty one.
    pub(crate) async fn tail(&mut self, collection: &'static str) -> Result<(Tail, Vec<String>), StoreError> {
        let find = doc! { "find": collection, "tailable": true, "awaitData": true };
        let (cursor, messages) = read(&self.ask(find).await?, "firstBatch")?;
        Ok((Tail { collection, cursor }, messages))
    }

    /// Waits for further messages, and returns none after a while.
    pub(crate) async fn follow(&mut self, tail: &Tail) -> Result<Vec<String>, StoreError> {
        let wait = i64::try_from(WAIT.min(self.patience / 2).as_millis()).unwrap_or(i64::MAX);
        let more = doc! { "getMore": tail.cursor, "collection": tail.collection, "maxTimeMS": wait };
        Ok(read(&self.ask(more).await?, "nextBatch")?.1)
    }

    async fn ask(&mut self, command: Document) -> Result<Document, StoreError> {
        let call = self.database.run_command(command).session(&mut self.session);
        bounded(self.patience, call).await?.map_err(error::of_statement)
    }
}

/// The cursor of an answer, and the messages in this batch. Without a cursor, nothing would ever follow.
fn read(answer: &Document, batch: &str) -> Result<(i64, Vec<String>), StoreError> {
    let of = answer.get_document("cursor").map_err(StoreError::unreadable)?;
    let messages = of.get_array(batch).map_err(StoreError::unreadable)?.iter();
    let text = |message: &bson::Bson| Some(message.as_document()?.get_str("text").ok()?.to_owned());
    match of.get_i64("id").map_err(StoreError::unreadable)? {
        0 => Err(StoreError::Unavailable("mongodb has closed the cursor of messages".into())),
        cursor => Ok((cursor, messages.filter_map(text).collect())),
    }
}
