//! Search: one index of the documents of all contexts, written with the changes that it describes.
//!
//! A context joins with a [`SearchSource`], and writes the index in its units of work with [`index_change`].

mod builds;
pub mod constraints;
mod corrections;
pub(crate) mod erasures;
mod facets;
mod ports;
mod posting_index;
mod search_documents;
mod source;
mod writing;

pub use builds::{SearchBuilds, advance};
pub use facets::{FacetCounts, Found};
pub use ports::*;
pub use posting_index::{PostingIndex, SearchPolicy};
pub use search_documents::{KIND, SearchDocuments, SearchDocumentsQuery, SearchError, SearchResult, visible_space};
#[cfg(any(test, feature = "testing"))]
pub use source::MockSearchSource;
pub use source::{SearchBatch, SearchCard, SearchSource};
pub use writing::{index_again, index_change};

use crate::app::Ports;
use std::sync::Arc;

/// The use cases of search.
pub struct Search {
    /// Searches the documents of all contexts.
    pub search_documents: SearchDocuments,
    /// Indexes documents that exist already.
    pub builds: Arc<SearchBuilds>,
    /// Finds the documents of one kind.
    pub index: Arc<dyn SearchIndex>,
}

impl Search {
    /// Builds the use cases over these ports.
    #[must_use]
    pub fn new(ports: &Ports, sources: Vec<Arc<dyn SearchSource>>, policy: SearchPolicy) -> Self {
        let index: Arc<dyn SearchIndex> = Arc::new(PostingIndex::new(ports.store.clone(), policy));
        let (store, runtime) = (ports.store.clone(), ports.runtime.clone());
        let builds = SearchBuilds::new(store.clone(), store, sources.clone(), runtime);
        Self { search_documents: SearchDocuments::new(index.clone(), sources), builds: Arc::new(builds), index }
    }
}
