//! Building the index of documents that exist already.

use crate::shared::{Timestamp, Version, typed_id};

typed_id! {
    /// Identifies the build of a kind of documents.
    SearchBuildId
}

/// The number of the rules by which documents are indexed. If a rule changes, this number grows, and every index is
/// built again.
///
/// Since 2, an index has the values of facets and the words that mistyped ones are taken for.
pub const REVISION: i64 = 2;

/// How far the index of a kind of documents is built. Documents that are stored later are indexed with the change, so
/// a build has an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchBuild {
    /// The identifier.
    pub id: SearchBuildId,
    /// The name of the kind.
    pub kind: String,
    /// The [`REVISION`] of the rules that the documents are indexed by.
    pub revision: i64,
    /// The place of the last document that is indexed, in the terms of its context. `None` at the beginning.
    pub after: Option<String>,
    /// The number of items that were read, also of those that have no document, such as archived products.
    pub indexed: i64,
    /// When all documents were indexed.
    pub done_at: Option<Timestamp>,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl SearchBuild {
    /// A build that begins.
    #[must_use]
    pub fn start(id: SearchBuildId, kind: &str) -> Self {
        let (kind, version) = (kind.to_owned(), Version::FIRST);
        Self { id, kind, revision: REVISION, after: None, indexed: 0, done_at: None, version }
    }

    /// The same build, from the beginning, by the rules of today.
    #[must_use]
    pub fn again(self) -> Self {
        Self { version: self.version, ..Self::start(self.id, &self.kind) }
    }

    /// Whether all documents are indexed by the rules of this program, or by later ones.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_current() && self.done_at.is_some()
    }

    /// Whether the build follows the rules of this program, or those of a later one, which runs beside it.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.revision >= REVISION
    }

    /// The build after `count` more documents. `after` is the place of the last one, or `None` if no document follows.
    #[must_use]
    pub fn advanced(&self, count: usize, after: Option<String>, now: Timestamp) -> Self {
        let indexed = self.indexed.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        let done_at = after.is_none().then_some(now);
        Self { after: after.or_else(|| self.after.clone()), indexed, done_at, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_build_ends_with_the_last_document_and_can_begin_again() {
        let now = Timestamp::from_millis(5).unwrap();
        let build = SearchBuild::start(SearchBuildId::new(Uuid::nil()), "thing");
        let half = build.advanced(100, Some("x".to_owned()), now);
        assert_eq!((half.indexed, half.after.as_deref(), half.is_done()), (100, Some("x"), false));
        let done = half.advanced(7, None, now);
        assert_eq!((done.indexed, done.after.as_deref(), done.is_done()), (107, Some("x"), true));
        assert_eq!(done.clone().again(), build);
        let old = SearchBuild { revision: REVISION - 1, ..done };
        assert!(!old.is_done() && !old.is_current());
        let later = SearchBuild { revision: REVISION + 1, ..old.clone() };
        assert!(later.is_done() && old.again().is_current(), "an earlier program leaves a later build alone");
    }
}
