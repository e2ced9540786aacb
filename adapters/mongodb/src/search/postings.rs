//! The terms of documents.

use super::{
    builds::BuildDoc,
    words::{self, WordDoc},
};
use crate::{
    ops::Query,
    record::{self, Record, Stored, Unreadable},
    schema::{Index, index, unique},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Binary, Document, doc, spec::BinarySubtype};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::StoreError,
    search::{SearchQueries, SearchRepository},
};
use skep_domain::{
    search::{DictionaryEntry, Positions, Posting, SearchBuild, SearchKind, Space, TermRange},
    shared::Version,
};
use std::slice::from_ref;
use uuid::Uuid;

/// Along it, the candidates of a word are read.
pub(super) const BY_TERM: Index = unique("search_postings_pkey", &["space", "term", "document_id"]);
/// For deleting a document, and for looking up other words of candidates.
pub(super) const BY_DOCUMENT: Index = index("search_postings_document_idx", &["document_id", "term", "space"]);

/// The most documents of one command. The server accepts 100,000, and 16 MiB.
const AT_ONCE: usize = 10_000;

#[derive(Serialize, Deserialize)]
struct PostingDoc {
    space: String,
    term: String,
    document_id: bson::Uuid,
    weight: i64,
    positions: Binary,
}

impl Record for PostingDoc {
    const COLLECTION: &'static str = "search_postings";
    type Entity = Posting;
    fn read(self) -> Result<Posting, Unreadable> {
        Ok(Posting {
            space: Space::stored(self.space),
            term: self.term,
            id: self.document_id.to_uuid_1(),
            weight: u32::try_from(self.weight).map_err(|_| "weight out of range")?,
            positions: Positions::from_bytes(&self.positions.bytes).ok_or("positions of half a byte")?,
        })
    }
}

impl Stored for PostingDoc {
    fn of(posting: &Posting) -> Self {
        Self {
            space: posting.space.as_str().to_owned(),
            term: posting.term.clone(),
            document_id: record::id(posting.id),
            weight: posting.weight.into(),
            positions: Binary { subtype: BinarySubtype::Generic, bytes: posting.positions.to_bytes() },
        }
    }
}

/// A term with the number of the documents that have it.
#[derive(Serialize, Deserialize)]
struct TermCountDoc {
    #[serde(rename = "_id")]
    term: String,
    count: i64,
}

impl Record for TermCountDoc {
    const COLLECTION: &'static str = PostingDoc::COLLECTION;
    type Entity = (String, u64);
    fn read(self) -> Result<(String, u64), Unreadable> {
        Ok((self.term, u64::try_from(self.count).map_err(|_| "count out of range")?))
    }
}

fn within(space: &Space, range: &TermRange) -> Document {
    doc! { "space": space.as_str(), "term": { "$gte": &range.first, "$lte": &range.last } }
}

fn documents(ids: &[Uuid]) -> Document {
    doc! { "$in": record::ids(ids.iter().copied()) }
}

fn of_kind(kind: SearchKind) -> Document {
    doc! { "kind": kind.name() }
}

#[async_trait]
impl SearchRepository for MongoUnit {
    async fn insert_postings(&mut self, postings: &[Posting]) -> Result<(), StoreError> {
        for some in postings.chunks(AT_ONCE) {
            self.add::<PostingDoc>(some).await?;
        }
        Ok(())
    }

    async fn delete_postings(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        let of_documents = doc! { "document_id": documents(ids) };
        self.run(async |executor| executor.delete(PostingDoc::COLLECTION, of_documents).await.map(drop)).await
    }

    async fn find_words(&mut self, keys: &[Uuid]) -> Result<Vec<DictionaryEntry>, StoreError> {
        self.run(async |executor| executor.find::<WordDoc>(words::with(keys)).await).await
    }

    async fn insert_words(&mut self, entries: &[DictionaryEntry]) -> Result<(), StoreError> {
        for some in entries.chunks(AT_ONCE) {
            self.add::<WordDoc>(some).await?;
        }
        Ok(())
    }

    async fn find_build(&mut self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError> {
        self.first::<BuildDoc>(of_kind(kind)).await
    }

    async fn insert_build(&mut self, build: &SearchBuild) -> Result<(), StoreError> {
        self.add::<BuildDoc>(from_ref(build)).await
    }

    async fn save_build(&mut self, build: &SearchBuild) -> Result<Version, StoreError> {
        self.put::<BuildDoc>(build).await
    }
}

#[async_trait]
impl SearchQueries for MongoStore {
    async fn count_postings(&self, space: &Space, range: &TermRange, most: u32) -> Result<u64, StoreError> {
        self.read().await?.count::<PostingDoc>(within(space, range), BY_TERM.name, most.into()).await
    }

    async fn list_postings(&self, space: &Space, range: &TermRange, limit: u32) -> Result<Vec<Posting>, StoreError> {
        let newest = doc! { "term": -1, "document_id": -1 };
        let query = Query::of(within(space, range)).along(BY_TERM.name).by(newest).at_most(limit);
        self.read().await?.find::<PostingDoc>(query).await
    }

    async fn list_postings_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<Posting>, StoreError> {
        let mut found = within(space, range);
        found.insert("document_id", documents(ids));
        let newest = doc! { "document_id": -1, "term": -1 };
        let query = Query::of(found).along(BY_DOCUMENT.name).by(newest).at_most(limit);
        self.read().await?.find::<PostingDoc>(query).await
    }

    async fn count_terms_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        // The server refuses zero.
        if limit == 0 {
            return Ok(vec![]);
        }
        let mut found = within(space, range);
        found.insert("document_id", documents(ids));
        let pipeline = vec![
            doc! { "$match": found },
            doc! { "$group": { "_id": "$term", "count": { "$sum": 1_i64 } } },
            doc! { "$sort": { "count": -1, "_id": 1 } },
            doc! { "$limit": i64::from(limit) },
        ];
        self.read().await?.aggregate_along::<TermCountDoc>(pipeline, BY_DOCUMENT.name).await
    }

    async fn list_words(&self, keys: &[Uuid], limit: u32) -> Result<Vec<DictionaryEntry>, StoreError> {
        let query = words::with(keys).by(doc! { "key": 1, "word": 1 }).at_most(limit);
        self.read().await?.find::<WordDoc>(query).await
    }

    async fn find_build(&self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError> {
        self.read().await?.find_one::<BuildDoc>(of_kind(kind)).await
    }
}
