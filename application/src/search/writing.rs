//! Keeping the index like the documents.

use super::SearchRepository;
use crate::kernel::StoreError;
use skep_domain::search::{Posting, SearchDocument};

/// Replaces what the index has of a document, in the unit of work that changes what it describes. `before` is the
/// document until now and `after` the new one; `None` if it does not exist. The same document is not written again.
///
/// # Errors
/// Those of the store.
pub async fn index_change(
    search: &mut dyn SearchRepository,
    before: Option<&SearchDocument>,
    after: Option<&SearchDocument>,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    if let Some(before) = before {
        search.delete_postings(&[before.id]).await?;
    }
    match after.map(SearchDocument::postings) {
        Some(postings) if !postings.is_empty() => search.insert_postings(&postings).await,
        _ => Ok(()),
    }
}

/// Replaces what the index has of these things, whatever it has. `ids` are all of them, also those without a document.
///
/// # Errors
/// Those of the store.
pub async fn index_again(
    search: &mut dyn SearchRepository,
    ids: &[uuid::Uuid],
    documents: &[SearchDocument],
) -> Result<(), StoreError> {
    search.delete_postings(ids).await?;
    let postings: Vec<Posting> = documents.iter().flat_map(SearchDocument::postings).collect();
    if postings.is_empty() { Ok(()) } else { search.insert_postings(&postings).await }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{search::MockSearchRepository, testing::Seen};
    use skep_domain::search::{SearchField, SearchKind};
    use uuid::Uuid;

    fn document(text: &str) -> SearchDocument {
        let fields = vec![SearchField { name: "text", weight: 1, text: text.to_owned() }];
        SearchDocument { kind: SearchKind::new("thing"), id: Uuid::nil(), owner: None, fields }
    }

    async fn calls(before: Option<&str>, after: Option<&str>) -> Vec<&'static str> {
        let (seen, mut search) = (Seen::default(), MockSearchRepository::new());
        search.expect_insert_postings().returning(seen.stores_many("insert"));
        search.expect_delete_postings().returning(seen.stores_many("delete"));
        let (before, after) = (before.map(document), after.map(document));
        index_change(&mut search, before.as_ref(), after.as_ref()).await.unwrap();
        seen.calls()
    }

    #[tokio::test]
    async fn only_what_has_changed_is_written() {
        assert_eq!(calls(None, Some("a")).await, ["insert"]);
        assert_eq!(calls(Some("a"), Some("b")).await, ["delete", "insert"]);
        assert_eq!(calls(Some("a"), None).await, ["delete"]);
        assert_eq!(calls(Some("a"), Some("-")).await, ["delete"]);
        assert!(calls(Some("a"), Some("a")).await.is_empty());
        assert!(calls(None, None).await.is_empty());
    }
}
