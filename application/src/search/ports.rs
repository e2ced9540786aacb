//! The ports of search.

use crate::kernel::{StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    search::{Correction, DictionaryEntry, Facet, Posting, SearchBuild, SearchKind, SearchQuery, Space, TermRange},
    shared::Version,
};
use uuid::Uuid;

context! {
    /// The repositories that a command of search can use.
    unit SearchTx {
        /// The index.
        search: SearchRepository by MockSearchRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockSearchTx of SearchMocks
    /// The ports of a store that read the index.
    store SearchStore: SearchQueries
}

/// Writes the index inside a unit of work. Contexts whose documents are found use it, too.
///
/// 1. The postings of a document are stored and deleted with the unit, like everything else.
/// 2. Deleting the postings of a document that has none is no error.
/// 3. Entries of the dictionary are stored with the unit, and a unit finds those that it has stored.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SearchRepository: Send {
    /// Stores postings of documents. `Duplicate` of `POSTING`. One statement for any number of postings.
    async fn insert_postings(&mut self, postings: &[Posting]) -> Result<(), StoreError>;
    /// Deletes all postings of these documents. One statement for any number of documents.
    async fn delete_postings(&mut self, ids: &[Uuid]) -> Result<(), StoreError>;
    /// The entries of the dictionary with these keys, in any order. One statement for any number of keys.
    async fn find_words(&mut self, keys: &[Uuid]) -> Result<Vec<DictionaryEntry>, StoreError>;
    /// Stores entries of the dictionary. `Duplicate` of `DICTIONARY`. One statement for any number of entries.
    async fn insert_words(&mut self, entries: &[DictionaryEntry]) -> Result<(), StoreError>;
    /// The build of this kind.
    async fn find_build(&mut self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError>;
    /// Stores a new build. `Duplicate` of `BUILD_ID` or `BUILD_KIND`.
    async fn insert_build(&mut self, build: &SearchBuild) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`.
    async fn save_build(&mut self, build: &SearchBuild) -> Result<Version, StoreError>;
}

/// Reads the index outside a unit of work.
///
/// 1. Terms are compared byte by byte, and ids as 16 bytes.
/// 2. Postings are listed by term and then by id, both in descending order. So a limit leaves out the oldest documents
///    of a term.
/// 3. Terms of documents are counted without a bound, and listed by their counts in descending order, and then by the
///    term.
/// 4. Words are listed by key and then by word.
///
/// No method returns more than its limit. [`list_postings_of`](Self::list_postings_of) and
/// [`count_terms_of`](Self::count_terms_of) read all postings of the given documents with the terms, and
/// [`list_words`](Self::list_words) all words with the keys.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SearchQueries: Send + Sync {
    /// The number of postings with these terms, counted up to `most`.
    async fn count_postings(&self, space: &Space, range: &TermRange, most: u32) -> Result<u64, StoreError>;
    /// The first `limit` postings with these terms.
    async fn list_postings(&self, space: &Space, range: &TermRange, limit: u32) -> Result<Vec<Posting>, StoreError>;
    /// The first `limit` postings with these terms of these documents, by id and then by term, both in descending order.
    async fn list_postings_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<Posting>, StoreError>;
    /// The first `limit` of these terms that any of these documents has, each with the number of the documents.
    async fn count_terms_of(
        &self,
        space: &Space,
        range: &TermRange,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StoreError>;
    /// The first `limit` entries of the dictionary with these keys.
    async fn list_words(&self, keys: &[Uuid], limit: u32) -> Result<Vec<DictionaryEntry>, StoreError>;
    /// The build of this kind.
    async fn find_build(&self, kind: SearchKind) -> Result<Option<SearchBuild>, StoreError>;
}

/// The documents that match a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking {
    /// The matches, the best first.
    pub hits: Vec<skep_domain::search::Hit>,
    /// Whether these are all matches. Otherwise there may be more.
    pub is_exact: bool,
    /// The words of the query that no document has, if they were taken for others.
    pub corrections: Vec<Correction>,
}

/// How many documents have a value of a facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueCount {
    /// What the documents have, such as `EUR`.
    pub value: String,
    /// The number of documents.
    pub count: u64,
}

/// Finds documents. [`PostingIndex`](super::PostingIndex) does it over the postings of a store; an adapter for a
/// search engine implements this trait.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SearchIndex: Send + Sync {
    /// Finds the documents of this space that match, the best first.
    async fn search(&self, space: &Space, query: &SearchQuery) -> Result<Ranking, StoreError>;
    /// The values of a facet that these documents of the space have, the most common ones first, and of them the first
    /// ones in the order of their bytes. At most `limit` values.
    async fn count_values(
        &self,
        space: &Space,
        facet: Facet,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<ValueCount>, StoreError>;
}
