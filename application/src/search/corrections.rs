//! Taking mistyped words for others.

use super::{SearchPolicy, SearchQueries};
use crate::kernel::StoreError;
use skep_domain::search::{Correction, SearchQuery, Space, TermRange, most_common, near_keys, nearest};

/// What the words of a query that no document of the space has are taken for. Words that nothing is near are left out.
///
/// # Errors
/// Those of the store.
pub(super) async fn corrections(
    queries: &dyn SearchQueries,
    policy: SearchPolicy,
    space: &Space,
    query: &SearchQuery,
) -> Result<Vec<Correction>, StoreError> {
    let mut corrections = Vec::new();
    if policy.near_words == 0 {
        return Ok(corrections);
    }
    for word in query.correctable() {
        if queries.count_postings(space, &TermRange::only(word), 1).await? > 0 {
            continue;
        }
        let entries = queries.list_words(&near_keys(space, word), policy.near_words).await?;
        let mut counted = Vec::new();
        for near in nearest(word, entries.into_iter().map(|entry| entry.word)) {
            let range = TermRange::only(&near.text);
            counted.push((near, queries.count_postings(space, &range, policy.candidates).await?));
        }
        let taken_for = most_common(counted);
        if !taken_for.is_empty() {
            corrections.push(Correction { word: word.to_owned(), taken_for });
        }
    }
    Ok(corrections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::MockSearchQueries;
    use skep_domain::search::{DictionaryEntry, SearchKind};

    /// What `query` is taken for in an index with these words and the numbers of their documents.
    async fn taken(words: &'static [(&'static str, u64)], text: &str, near_words: u32) -> Vec<String> {
        let mut queries = MockSearchQueries::new();
        queries.expect_count_postings().returning(move |_, range, most| {
            let found = words.iter().find(|(word, _)| range.has(word));
            Ok(found.map_or(0, |(_, count)| (*count).min(most.into())))
        });
        queries.expect_list_words().returning(move |keys, limit| {
            let entry = |(word, _): &(&str, u64)| DictionaryEntry { key: keys[0], word: (*word).to_owned() };
            Ok(words.iter().map(entry).take(limit as usize).collect())
        });
        let (query, space) = (SearchQuery::parse(text).unwrap(), Space::all(SearchKind::new("thing")));
        let policy = SearchPolicy { near_words, ..SearchPolicy::default() };
        let found = corrections(&queries, policy, &space, &query).await.unwrap();
        let shown = |one: Correction| {
            let near: Vec<_> = one.taken_for.iter().map(|near| near.text.as_str()).collect();
            format!("{}: {}", one.word, near.join(" "))
        };
        found.into_iter().map(shown).collect()
    }

    const WORDS: &[(&str, u64)] = &[("honey", 5), ("money", 9), ("gone", 0), ("hney", 0), ("pollination", 1)];

    #[tokio::test]
    async fn a_word_that_no_document_has_is_taken_for_near_ones_that_documents_have() {
        assert_eq!(taken(WORDS, "honey", 9).await, [""; 0]);
        assert_eq!(taken(WORDS, "hoeny honye", 9).await, ["hoeny: honey", "honye: honey"]);
        assert_eq!(taken(WORDS, "poney", 9).await, ["poney: money honey"]);
        assert_eq!(taken(WORDS, "polination honey", 9).await, ["polination: pollination"]);
        assert_eq!(taken(WORDS, "unknown", 9).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_bounded_number_of_entries_is_read() {
        assert_eq!(taken(WORDS, "poney", 1).await, ["poney: honey"]);
        assert_eq!(taken(WORDS, "poney", 0).await, [""; 0]);
    }
}
