//! Keeping the index like the documents.

use super::{SearchRepository, constraints::DICTIONARY};
use crate::kernel::StoreError;
use skep_domain::search::{DictionaryEntry, Posting, SearchDocument, Space, dictionary_entries, word_key};
use std::collections::BTreeMap;
use uuid::Uuid;

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
    match after {
        Some(after) => add(search, std::slice::from_ref(after)).await,
        None => Ok(()),
    }
}

/// Replaces what the index has of these things, whatever it has. `ids` are all of them, also those without a document.
///
/// # Errors
/// Those of the store.
pub async fn index_again(
    search: &mut dyn SearchRepository,
    ids: &[Uuid],
    documents: &[SearchDocument],
) -> Result<(), StoreError> {
    search.delete_postings(ids).await?;
    add(search, documents).await
}

async fn add(search: &mut dyn SearchRepository, documents: &[SearchDocument]) -> Result<(), StoreError> {
    let postings: Vec<Posting> = documents.iter().flat_map(SearchDocument::postings).collect();
    if !postings.is_empty() {
        search.insert_postings(&postings).await?;
    }
    learn(search, documents).await
}

/// Adds the words of documents that the dictionary does not have yet. Most words of most documents are there already, so
/// this is one read. Words stay when their last document is gone: a search passes over them.
async fn learn(search: &mut dyn SearchRepository, documents: &[SearchDocument]) -> Result<(), StoreError> {
    let mut words: BTreeMap<Uuid, (Space, String)> = BTreeMap::new();
    let mut lists: Vec<_> = documents.iter().flat_map(SearchDocument::dictionary).collect();
    lists.sort();
    for (space, list) in lists {
        words.extend(list.into_iter().map(|word| (word_key(&space, &word), (space.clone(), word))));
    }
    if words.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> = words.keys().copied().collect();
    for known in search.find_words(&keys).await? {
        words.remove(&known.key);
    }
    let mut new: Vec<DictionaryEntry> =
        words.values().flat_map(|(space, word)| dictionary_entries(space, word)).collect();
    // In one order, so that units that add the same words wait for each other and not in a circle.
    new.sort();
    if new.is_empty() {
        return Ok(());
    }
    match search.insert_words(&new).await {
        // Another unit has stored the word meanwhile. The next attempt finds it.
        Err(error @ StoreError::Duplicate { constraint: DICTIONARY }) => Err(StoreError::Retry(error.into())),
        inserted => inserted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{search::MockSearchRepository, testing::Seen};
    use skep_domain::search::{SearchField, SearchKind};
    use uuid::Uuid;

    const KIND: SearchKind = SearchKind::new("thing");

    fn document(text: &str) -> SearchDocument {
        let fields = vec![SearchField { name: "text", weight: 1, text: text.to_owned() }];
        SearchDocument { kind: KIND, id: Uuid::nil(), owner: None, fields, facets: vec![] }
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

    fn entries(words: &[&str]) -> Vec<DictionaryEntry> {
        let mut entries: Vec<_> = words.iter().flat_map(|word| dictionary_entries(&Space::all(KIND), word)).collect();
        entries.sort();
        entries
    }

    #[tokio::test]
    async fn the_dictionary_learns_the_words_that_it_does_not_have() {
        let (seen, mut search) = (Seen::default(), MockSearchRepository::new());
        search.expect_insert_postings().returning(|_| Ok(()));
        search.expect_find_words().returning(|keys| {
            let known = word_key(&Space::all(KIND), "honey");
            let found = keys.iter().filter(|key| **key == known);
            Ok(found.map(|key| DictionaryEntry { key: *key, word: "honey".to_owned() }).collect())
        });
        search.expect_insert_words().returning(seen.stores_many("words"));
        index_change(&mut search, None, Some(&document("Wild honey of a bee 500"))).await.unwrap();
        assert_eq!(seen.all::<DictionaryEntry>("words"), entries(&["wild"]));
        index_change(&mut search, None, Some(&document("honey"))).await.unwrap();
        assert_eq!(seen.all::<DictionaryEntry>("words"), entries(&["wild"]), "nothing is written");
    }

    #[tokio::test]
    async fn a_word_that_another_unit_has_stored_meanwhile_is_found_by_the_next_attempt() {
        let mut search = MockSearchRepository::new();
        search.expect_insert_postings().returning(|_| Ok(()));
        search.expect_find_words().returning(|_| Ok(vec![]));
        search.expect_insert_words().returning(|_| Err(StoreError::Duplicate { constraint: DICTIONARY }));
        let stored = index_change(&mut search, None, Some(&document("honey"))).await;
        assert!(matches!(stored, Err(StoreError::Retry(_))));
    }
}
