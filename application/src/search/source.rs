//! What a context declares so that its documents are found.

use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::{
    search::{SearchBuild, SearchField, SearchKind},
    shared::Action,
};
use uuid::Uuid;

/// A thing that was found, as a list of results shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchCard {
    /// What it is, such as a product.
    pub kind: SearchKind,
    /// The id of the thing.
    pub id: Uuid,
    /// What names it for users, one line.
    pub title: String,
    /// The texts by which it is found, in which words of a query can be highlighted.
    pub fields: Vec<SearchField>,
}

/// The ids of things that are indexed together, also of those that have no document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchBatch {
    /// The ids, at most [`SearchBuilds::BATCH`](super::SearchBuilds::BATCH).
    pub ids: Vec<Uuid>,
    /// The place of the last one, in the terms of the context. `None` if nothing follows.
    pub after: Option<String>,
}

/// The documents of one kind. A context has one for each kind, with a line in `app.rs`. It also writes the index with
/// every change, with [`index_change`](super::index_change).
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SearchSource: Send + Sync {
    /// What the documents are, such as products.
    fn kind(&self) -> SearchKind;

    /// The action that lists things of this kind. It decides what a caller finds: all documents, or its own.
    fn action(&self) -> Action;

    /// The things with these ids, in any order. Those that no longer exist are left out.
    async fn show(&self, ids: &[Uuid]) -> Result<Vec<SearchCard>, StoreError>;

    /// The things after this place, which may also have changed since.
    async fn batch(&self, after: Option<String>) -> Result<SearchBatch, StoreError>;

    /// Indexes these documents again and stores how far the build is, in one unit of work. Reads each thing in the
    /// unit, so that no other unit changes it meanwhile. Stores nothing if the version of the build is not that of
    /// `build`: another instance has gone on with it.
    async fn index(&self, ids: &[Uuid], build: &SearchBuild) -> Result<(), StoreError>;
}
