//! Commands that read.

use super::{
    executor::{Executor, bounded},
    query::Query,
};
use crate::{
    observe::Operation,
    record::{Record, decode},
};
use bson::{Document, RawDocument, RawDocumentBuf};
use mongodb::{
    ClientSession, SessionCursor,
    error::Result as DriverResult,
    options::{AggregateOptions, CountOptions, FindOptions, Hint},
};
use skep_application::kernel::StoreError;

/// More rows than any unit of work reads at once, so that an answer is one batch.
const BATCH: u32 = 10_000;

/// A function that converts one document.
pub(crate) type Reader<T> = fn(&RawDocument) -> Result<T, StoreError>;

/// Reads every document of an answer.
async fn drain<D, T>(
    mut cursor: SessionCursor<D>,
    session: &mut ClientSession,
    read: Reader<T>,
) -> DriverResult<Vec<Result<T, StoreError>>> {
    let mut found = Vec::new();
    while cursor.advance(session).await? {
        found.push(read(cursor.current()));
    }
    Ok(found)
}

impl Executor {
    /// Finds the entities whose documents match.
    pub(crate) async fn find<R: Record>(&mut self, query: Query) -> Result<Vec<R::Entity>, StoreError> {
        let query = match R::FIELDS {
            None => query,
            Some(fields) => query.only(fields),
        };
        self.find_as(R::COLLECTION, query, decode::<R>).await
    }

    /// Finds the entity whose document matches.
    pub(crate) async fn find_one<R: Record>(&mut self, filter: Document) -> Result<Option<R::Entity>, StoreError> {
        Ok(self.find::<R>(Query::of(filter).at_most(1)).await?.pop())
    }

    /// Finds the documents that match and converts them with `read`.
    pub(crate) async fn find_as<T>(
        &mut self,
        collection: &str,
        query: Query,
        read: Reader<T>,
    ) -> Result<Vec<T>, StoreError> {
        // The server takes zero as "no limit".
        if query.limit == Some(0) {
            return Ok(vec![]);
        }
        self.watch(Operation::Find, async |this| this.find_now(collection, query, read).await).await
    }

    async fn find_now<T>(&mut self, collection: &str, query: Query, read: Reader<T>) -> Result<Vec<T>, StoreError> {
        let options = FindOptions::builder()
            .sort(query.sort)
            .skip(query.skip)
            .limit(query.limit)
            .projection(query.projection)
            .hint(query.hint.map(|name| Hint::Name(name.to_owned())))
            .min(query.min)
            .max(query.max)
            .batch_size(BATCH)
            .max_time(self.patience)
            .build();
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        self.sent = true;
        let session = &mut self.session;
        let found = bounded(self.patience, async move {
            let cursor = collection.find(query.filter).with_options(options).session(&mut *session).await?;
            drain(cursor, session, read).await
        });
        let found = found.await?;
        self.answer(found)?.into_iter().collect()
    }

    /// Runs the pipeline on `R`'s collection.
    pub(crate) async fn aggregate<R: Record>(&mut self, pipeline: Vec<Document>) -> Result<Vec<R::Entity>, StoreError> {
        self.watch(Operation::Aggregate, async |this| this.aggregate_now::<R>(pipeline, None).await).await
    }

    /// As [`Self::aggregate`], and reads along this index.
    pub(crate) async fn aggregate_along<R: Record>(
        &mut self,
        pipeline: Vec<Document>,
        index: &'static str,
    ) -> Result<Vec<R::Entity>, StoreError> {
        self.watch(Operation::Aggregate, async |this| this.aggregate_now::<R>(pipeline, Some(index)).await).await
    }

    async fn aggregate_now<R: Record>(
        &mut self,
        pipeline: Vec<Document>,
        index: Option<&'static str>,
    ) -> Result<Vec<R::Entity>, StoreError> {
        let hint = index.map(|name| Hint::Name(name.to_owned()));
        let options = AggregateOptions::builder().batch_size(BATCH).max_time(self.patience).hint(hint).build();
        let collection = self.database.collection::<RawDocumentBuf>(R::COLLECTION);
        self.sent = true;
        let session = &mut self.session;
        let found = bounded(self.patience, async move {
            let cursor = collection.aggregate(pipeline).with_options(options).session(&mut *session).await?;
            drain(cursor, session, decode::<R>).await
        });
        let found = found.await?;
        self.answer(found)?.into_iter().collect()
    }

    /// Counts the documents that match, up to `most`.
    pub(crate) async fn count<R: Record>(
        &mut self,
        filter: Document,
        hint: &str,
        most: i64,
    ) -> Result<u64, StoreError> {
        // The server refuses zero.
        if most == 0 {
            return Ok(0);
        }
        self.watch(Operation::Count, async |this| this.count_now::<R>(filter, hint, most).await).await
    }

    /// Counts all documents of the collection that match.
    pub(crate) async fn count_in(&mut self, collection: &str, filter: Document) -> Result<u64, StoreError> {
        self.watch(Operation::Count, async |this| this.count_in_now(collection, filter).await).await
    }

    async fn count_in_now(&mut self, collection: &str, filter: Document) -> Result<u64, StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let options = CountOptions::builder().max_time(self.patience).build();
        self.sent = true;
        let count = collection.count_documents(filter).with_options(options).session(&mut self.session);
        let count = bounded(self.patience, count).await?;
        self.answer(count)
    }

    async fn count_now<R: Record>(&mut self, filter: Document, hint: &str, most: i64) -> Result<u64, StoreError> {
        let collection = self.database.collection::<RawDocumentBuf>(R::COLLECTION);
        let hint = Hint::Name(hint.to_owned());
        let options = CountOptions::builder().hint(hint).limit(most.unsigned_abs()).max_time(self.patience).build();
        self.sent = true;
        let count = collection.count_documents(filter).with_options(options).session(&mut self.session);
        let count = bounded(self.patience, count).await?;
        self.answer(count)
    }
}
