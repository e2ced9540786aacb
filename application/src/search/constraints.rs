//! The uniqueness rules of search.

use crate::kernel::Constraint;

/// A document has a term once in a space.
pub const POSTING: Constraint = Constraint::new("search_postings_pkey");
/// The id of a build.
pub const BUILD_ID: Constraint = Constraint::new("search_builds_pkey");
/// One build per kind of documents.
pub const BUILD_KIND: Constraint = Constraint::new("search_builds_kind_key");
/// The dictionary has a word once under a key.
pub const DICTIONARY: Constraint = Constraint::new("search_words_pkey");

/// Every uniqueness rule.
pub const ALL: &[Constraint] = &[POSTING, BUILD_ID, BUILD_KIND, DICTIONARY];
