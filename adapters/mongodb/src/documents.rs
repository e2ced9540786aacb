//! The common reads and writes, derived from the declaration of a document ([`Stored`], [`Versioned`]).

use crate::{
    ops::{Executor, List, Query, Update},
    record::{self, Record, Stored, Versioned, field},
    references::referred,
    unit::MongoUnit,
};
use bson::{Document, RawDocument, RawDocumentBuf, doc};
use skep_application::kernel::{Page, PageRequest, Position, StoreError, Total};
use skep_domain::shared::Version;
use uuid::Uuid;

impl Executor {
    /// Finds the entity with this id.
    pub(crate) async fn by_id<R: Record>(&mut self, id: Uuid) -> Result<Option<R::Entity>, StoreError> {
        self.find_one::<R>(doc! { "_id": record::id(id) }).await
    }

    /// Finds the entity with this id and joins it with the document of the collection `from` that its field `local`
    /// names. The result has the joined document's `fields`, in a list named like the collection. An entity without that
    /// document is treated as missing, like in a join of the SQL stores. The stages `more` run last, in the same
    /// command.
    pub(crate) async fn joined<R: Record>(
        &mut self,
        id: Uuid,
        (local, from, fields): (&str, &str, &[&str]),
        more: Vec<Document>,
    ) -> Result<Option<R::Entity>, StoreError> {
        let fields: Document = fields.iter().map(|field| ((*field).to_owned(), 1_i32.into())).collect();
        let other = doc! {
            "from": from, "localField": local, "foreignField": "_id", "as": from,
            "pipeline": [{ "$project": fields }],
        };
        let entity = doc! { "$match": { "_id": record::id(id) } };
        let with_other = doc! { "$match": { from: { "$ne": [] } } };
        let stages = [vec![entity, doc! { "$lookup": other }, with_other], more].concat();
        Ok(self.aggregate::<R>(stages).await?.pop())
    }

    /// Stores new entities, all in one command.
    pub(crate) async fn add<R: Stored>(&mut self, entities: &[R::Entity]) -> Result<(), StoreError> {
        let documents = entities.iter().map(raw::<R>).collect::<Result<Vec<_>, _>>()?;
        let referred = referred::<R>(&documents)?;
        self.insert_raw(R::COLLECTION, documents).await?;
        self.refer(referred).await
    }

    /// Stores a changed entity over the version that was read, and returns the new version. `Stale`.
    pub(crate) async fn put<R: Versioned>(&mut self, entity: &R::Entity) -> Result<Version, StoreError> {
        let document = raw::<R>(entity)?;
        let (update, next) = save::<R>(&document)?;
        self.update_all(R::COLLECTION, vec![update]).await?;
        self.refer(referred::<R>(&[document])?).await?;
        Ok(next)
    }

    /// Stores changed entities over the versions that were read, all in one command. `Stale` unless every version is
    /// still current.
    pub(crate) async fn put_all<R: Versioned>(&mut self, entities: &[R::Entity]) -> Result<(), StoreError> {
        let documents = entities.iter().map(raw::<R>).collect::<Result<Vec<_>, _>>()?;
        let updates = documents.iter().map(|document| Ok(save::<R>(document)?.0)).collect::<Result<_, StoreError>>()?;
        self.update_all(R::COLLECTION, updates).await?;
        self.refer(referred::<R>(&documents)?).await
    }

    /// Deletes the entity in the version that was read. `Stale`; `Referenced` if a document refers to it.
    pub(crate) async fn remove<R: Versioned>(&mut self, entity: &R::Entity) -> Result<(), StoreError> {
        let document = raw::<R>(entity)?;
        let id = field(&document, "_id")?;
        let as_read = doc! { "_id": &id, "version": field(&document, "version")? };
        if self.delete(R::COLLECTION, as_read).await? == 0 {
            return Err(StoreError::Stale);
        }
        self.unreferenced(R::REFERENCED_BY, &id).await
    }

    /// Deletes the documents that the query finds, up to its limit, and returns their number.
    pub(crate) async fn delete_found<R: Record>(&mut self, query: Query) -> Result<u64, StoreError> {
        let ids = self.find_as(R::COLLECTION, query.only(&[]), |document| field(document, "_id")).await?;
        if ids.is_empty() { Ok(0) } else { self.delete(R::COLLECTION, doc! { "_id": { "$in": ids } }).await }
    }

    /// Reads a page of a list. `place` returns the position of an entity in it.
    pub(crate) async fn page<R: Record>(
        &mut self,
        list: &List,
        page: &PageRequest,
        place: impl Fn(&R::Entity) -> Position,
    ) -> Result<Page<R::Entity>, StoreError> {
        let Some(query) = list.query(page) else { return Ok(Page::empty(page)) };
        let rows = self.find::<R>(query).await?;
        let total = self.total::<R>(list, page).await?;
        Ok(Page::of(rows, page, total, place))
    }

    /// Counts the rows of the list up to the bound of the page, if it has one.
    pub(crate) async fn total<R: Record>(
        &mut self,
        list: &List,
        page: &PageRequest,
    ) -> Result<Option<Total>, StoreError> {
        let Some(bound) = page.count_up_to else { return Ok(None) };
        let most = Total::most_rows(bound);
        Ok(page.total(self.count::<R>(list.filter().clone(), list.index(), most).await?))
    }
}

/// The same operations in a unit of work, which fails with the first error.
impl MongoUnit {
    /// Finds the entity with this id.
    pub(crate) async fn by_id<R: Record>(&mut self, id: Uuid) -> Result<Option<R::Entity>, StoreError> {
        self.run(async |executor| executor.by_id::<R>(id).await).await
    }

    /// Finds the entities with these ids, in no order.
    pub(crate) async fn by_ids<R: Record>(&mut self, ids: Vec<bson::Uuid>) -> Result<Vec<R::Entity>, StoreError> {
        self.all::<R>(Query::of(doc! { "_id": { "$in": ids } })).await
    }

    /// Finds the entities that match.
    pub(crate) async fn all<R: Record>(&mut self, query: Query) -> Result<Vec<R::Entity>, StoreError> {
        self.run(async |executor| executor.find::<R>(query).await).await
    }

    /// Finds the entity that matches.
    pub(crate) async fn first<R: Record>(&mut self, filter: Document) -> Result<Option<R::Entity>, StoreError> {
        self.run(async |executor| executor.find_one::<R>(filter).await).await
    }

    /// Stores new entities.
    pub(crate) async fn add<R: Stored>(&mut self, entities: &[R::Entity]) -> Result<(), StoreError> {
        self.run(async |executor| executor.add::<R>(entities).await).await
    }

    /// Stores a changed entity over the version that was read, and returns the new version. `Stale`.
    pub(crate) async fn put<R: Versioned>(&mut self, entity: &R::Entity) -> Result<Version, StoreError> {
        self.run(async |executor| executor.put::<R>(entity).await).await
    }

    /// Deletes the entity in the version that was read. `Stale`; `Referenced` if a document refers to it.
    pub(crate) async fn remove<R: Versioned>(&mut self, entity: &R::Entity) -> Result<(), StoreError> {
        self.run(async |executor| executor.remove::<R>(entity).await).await
    }

    /// Deletes the documents that the query finds, up to its limit, and returns their number.
    pub(crate) async fn delete_found<R: Record>(&mut self, query: Query) -> Result<u64, StoreError> {
        self.run(async |executor| executor.delete_found::<R>(query).await).await
    }
}

/// Serializes the document of an entity.
fn raw<R: Stored>(entity: &R::Entity) -> Result<RawDocumentBuf, StoreError> {
    bson::serialize_to_raw_document_buf(&R::of(entity)).map_err(StoreError::unreadable)
}

/// The update that saves the document over its version, and the next version.
fn save<R: Versioned>(document: &RawDocument) -> Result<(Update, Version), StoreError> {
    let version = document.get_i64("version").map_err(StoreError::unreadable)?;
    let next = record::version(version).map_err(StoreError::unreadable)?.next();
    let change = match R::SAVED {
        None => {
            let mut whole = Document::try_from(document).map_err(StoreError::unreadable)?;
            whole.insert("version", next.get());
            whole
        }
        Some(names) => {
            let mut set = doc! { "version": next.get() };
            for name in names {
                set.insert(*name, field(document, name)?);
            }
            doc! { "$set": set }
        }
    };
    Ok((Update::of(doc! { "_id": field(document, "_id")?, "version": version }, change), next))
}
