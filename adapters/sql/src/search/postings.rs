//! The terms of documents, clustered by space, term and document.

use super::{
    builds::{BUILDS, FIND},
    words::{self, WORDS},
};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::StoreError,
    search::{SearchQueries, SearchRepository, constraints},
};
use skep_domain::{
    search::{DictionaryEntry, Positions, Posting, SearchBuild, SearchKind, Space, TermRange},
    shared::Version,
};
use std::sync::LazyLock;
use uuid::Uuid;

static POSTINGS: LazyLock<Table<Posting>> = LazyLock::new(|| {
    Table::<Posting>::new("search_postings", "search.posting", constraints::POSTING)
        .key("space", Kind::Text, |posting| posting.space.as_str().into())
        .key("term", Kind::Text, |posting| posting.term.as_str().into())
        .key("document_id", Kind::Uuid, |posting| posting.id.into())
        .fixed("weight", Kind::Int, |posting| posting.weight.into())
        .fixed("positions", Kind::Bytes, |posting| posting.positions.to_bytes().into())
        .offers(&[Verb::InsertMany])
});

static DELETE: LazyLock<Statement> = LazyLock::new(|| {
    POSTINGS.command("delete_of", "DELETE FROM search_postings AS gone WHERE document_id {in $1}", &[Kind::Uuids], &[])
});
/// The limit is of the index, so no more postings are read than counted. Without the order, PostgreSQL reads the whole
/// table for a common word.
static COUNT: LazyLock<Statement> = LazyLock::new(|| {
    let found = "SELECT 1 FROM search_postings WHERE space = $1 AND term BETWEEN $2 AND $3 \
                 ORDER BY term DESC, document_id DESC LIMIT $4";
    let text = format!("SELECT count(*) FROM ({found}) AS found");
    POSTINGS.command("count", &text, &[Kind::Text, Kind::Text, Kind::Text, Kind::Int], &[Kind::Int]).long()
});
static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM search_postings WHERE space = $1 AND term BETWEEN $2 AND $3 \
                ORDER BY term DESC, document_id DESC LIMIT $4";
    POSTINGS.query("list", text, &[Kind::Text, Kind::Text, Kind::Text, Kind::Int], &[]).long()
});
/// The condition on `space` is an expression, so that SQLite cannot read all documents with the terms, once for each of
/// the given ones.
static LIST_OF: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM {search_postings by document_id in $1} AND space || '' = $2 AND term BETWEEN $3 AND $4 \
                ORDER BY document_id DESC, term DESC LIMIT $5";
    POSTINGS.query("list_of", text, &[Kind::Uuids, Kind::Text, Kind::Text, Kind::Text, Kind::Int], &[]).long()
});
/// As in [`LIST_OF`]. All that it reads is in the index by document.
static COUNT_OF: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT term, count(*) FROM {search_postings by document_id in $1} AND space || '' = $2 \
                AND term BETWEEN $3 AND $4 GROUP BY term ORDER BY count(*) DESC, term LIMIT $5";
    let params = [Kind::Uuids, Kind::Text, Kind::Text, Kind::Text, Kind::Int];
    POSTINGS.command("count_of", text, &params, &[Kind::Text, Kind::Int]).long()
});

pub(super) fn declared() -> Declared {
    Declared::table(&POSTINGS).statements([&*DELETE, &*COUNT, &*LIST, &*LIST_OF, &*COUNT_OF])
}

impl Stored for Posting {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let (space, term, id) = (Space::stored(row.text()?), row.text()?, row.uuid()?);
        let row_id = RowId("search_postings", id);
        let weight = row_id.count("weight", row.int()?)?;
        let positions = row_id.read("positions", Positions::from_bytes(&row.bytes()?))?;
        Ok(Self { space, term, id, weight, positions })
    }
}

#[async_trait]
impl SearchRepository for SqlUnit {
    async fn insert_postings(&mut self, postings: &[Posting]) -> Result<(), StoreError> {
        POSTINGS.insert_many(self, postings).await
    }

    async fn delete_postings(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        self.change(&DELETE, args![ids.to_vec()]).await.map(drop)
    }

    async fn find_words(&mut self, keys: &[Uuid]) -> Result<Vec<DictionaryEntry>, StoreError> {
        self.rows(&words::FIND, args![keys.to_vec()], DictionaryEntry::read).await
    }

    async fn insert_words(&mut self, entries: &[DictionaryEntry]) -> Result<(), StoreError> {
        WORDS.insert_many(self, entries).await
    }

    async fn find_build(&mut self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError> {
        self.row(&FIND, args![kind.name()], SearchBuild::read).await
    }

    async fn insert_build(&mut self, build: &SearchBuild) -> Result<(), StoreError> {
        BUILDS.insert(self, build).await
    }

    async fn save_build(&mut self, build: &SearchBuild) -> Result<Version, StoreError> {
        BUILDS.save(self, build).await
    }
}

#[async_trait]
impl SearchQueries for SqlStore {
    async fn count_postings(&self, space: &Space, range: &TermRange, most: u32) -> Result<u64, StoreError> {
        self.count(&COUNT, args![space.as_str(), range.first.as_str(), range.last.as_str(), most]).await
    }

    async fn list_postings(&self, space: &Space, range: &TermRange, limit: u32) -> Result<Vec<Posting>, StoreError> {
        let args = args![space.as_str(), range.first.as_str(), range.last.as_str(), limit];
        self.rows(&LIST, args, Posting::read).await
    }

    async fn list_postings_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<Posting>, StoreError> {
        let args = args![ids.to_vec(), space.as_str(), range.first.as_str(), range.last.as_str(), limit];
        self.rows(&LIST_OF, args, Posting::read).await
    }

    async fn count_terms_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let args = args![ids.to_vec(), space.as_str(), range.first.as_str(), range.last.as_str(), limit];
        self.rows(&COUNT_OF, args, |row| Ok((row.text()?, row.count()?))).await
    }

    async fn list_words(&self, keys: &[Uuid], limit: u32) -> Result<Vec<DictionaryEntry>, StoreError> {
        self.rows(&words::LIST, args![keys.to_vec(), limit], DictionaryEntry::read).await
    }

    async fn find_build(&self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError> {
        self.row(&FIND, args![kind.name()], SearchBuild::read).await
    }
}
