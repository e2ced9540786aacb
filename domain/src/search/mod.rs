//! Search: how a text becomes terms, what a query means, and how a match is ranked.
//!
//! Every rule is here, so that all stores answer alike: a store keeps [`Posting`]s and reads them in order, and judges
//! nothing.

pub mod actions;
mod build;
mod dictionary;
mod document;
mod facet;
mod highlight;
mod matching;
mod query;
mod terms;

pub use build::{REVISION, SearchBuild, SearchBuildId};
pub use dictionary::{
    CORRECTED_MAX, COUNTED_MAX, Correction, DictionaryEntry, NEAR_MAX, NearWord, dictionary_entries, most_common,
    near_keys, nearest, typos_allowed, word_key,
};
pub use document::{FIELDS_MAX, Positions, Posting, SearchDocument, SearchField, SearchKind, Space, TERM_COUNTED};
pub use facet::{Facet, FacetValue};
pub use highlight::{HIGHLIGHT_MAX, Highlight, TextPart};
pub use matching::{Hit, Hits};
pub use query::{Clause, InvalidQuery, QUERY_MAX, SearchQuery, TermRange, WORDS_MAX, Word};
pub use terms::{TERM_MAX, TERMS_MAX, terms};
