//! The search over the postings of a store.

use super::{Ranking, SearchIndex, SearchQueries, ValueCount, corrections::corrections};
use crate::kernel::StoreError;
use async_trait::async_trait;
use skep_domain::search::{Facet, Hit, Hits, Posting, SearchQuery, Space, TermRange, WORDS_MAX};
use std::{future::poll_fn, sync::Arc, task::Poll};
use uuid::Uuid;

/// The bounds of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchPolicy {
    /// The greatest number of postings that a query reads of its rarest word. Of its other words together, it reads at
    /// most [`WORDS_MAX`] times as many. If there are more, the oldest documents are not found by this query, and the
    /// answer says that there may be more.
    pub candidates: u32,
    /// The greatest number of entries of the dictionary that are read to correct a word; 0 corrects none.
    pub near_words: u32,
    /// The greatest number of values of a facet in an answer.
    pub facet_values: u32,
}

impl SearchPolicy {
    /// The most candidates that a deployment can choose.
    pub const MAX_CANDIDATES: u32 = 100_000;
    /// The most entries of the dictionary that a deployment can choose.
    pub const MAX_NEAR_WORDS: u32 = 10_000;
    /// The most values of a facet that a deployment can choose.
    pub const MAX_FACET_VALUES: u32 = 1_000;
}

impl Default for SearchPolicy {
    fn default() -> Self {
        Self { candidates: 10_000, near_words: 1_000, facet_values: 100 }
    }
}

/// Finds documents by the postings of a store, in the same order on every store.
///
/// The candidates are the documents with the rarest word of the query, of which a bounded number is read. Words are
/// counted up to the same bound; of several with the same count, the first one is taken. The other words are looked up
/// for the candidates only.
///
/// If nothing is found because no document has some of the words, these are taken for near ones, and the search begins
/// again.
pub struct PostingIndex {
    queries: Arc<dyn SearchQueries>,
    policy: SearchPolicy,
}

impl PostingIndex {
    /// Reads the postings of this store.
    #[must_use]
    pub fn new(queries: Arc<dyn SearchQueries>, policy: SearchPolicy) -> Self {
        Self { queries, policy }
    }

    /// The word with the fewest postings, as its ranges. `None` if there is no word.
    async fn rarest(&self, space: &Space, words: Vec<Vec<TermRange>>) -> Result<Option<Vec<TermRange>>, StoreError> {
        if words.len() == 1 {
            return Ok(words.into_iter().next());
        }
        let mut rarest: Option<(u64, Vec<TermRange>)> = None;
        for ranges in words {
            let most = self.policy.candidates.saturating_add(1);
            let mut count = 0;
            for range in &ranges {
                count += self.queries.count_postings(space, range, most).await?;
            }
            if rarest.as_ref().is_none_or(|(least, _)| count < *least) {
                rarest = Some((count, ranges));
            }
            if count == 0 {
                break;
            }
        }
        Ok(rarest.map(|(_, ranges)| ranges))
    }

    /// Finds the documents that match the words as they are.
    async fn matches(&self, space: &Space, query: &SearchQuery) -> Result<Ranking, StoreError> {
        let Some(rarest) = self.rarest(space, query.wanted_ranges()).await? else { return Ok(Ranking::default()) };
        let most = usize::try_from(self.policy.candidates).unwrap_or(usize::MAX);
        let mut postings = vec![];
        for range in &rarest {
            postings.extend(self.queries.list_postings(space, range, self.policy.candidates.saturating_add(1)).await?);
        }
        let mut is_exact = postings.len() <= most;
        postings.truncate(most);
        let mut hits = Hits::default();
        add(&mut hits, postings).await;
        // A bound may have cut off terms of a candidate, so the ranges of beginnings are read again.
        let is_one = matches!(&rarest[..], [range] if range.first == range.last);
        let again = |range: &TermRange| !rarest.contains(range) || (!is_exact && !is_one);
        let ranges = query.ranges();
        // As many as exact words have at most. Only beginnings of words have more.
        let words = u32::try_from(WORDS_MAX.max(ranges.len())).unwrap_or(u32::MAX);
        let mut left = self.policy.candidates.saturating_mul(words);
        let others: Vec<_> = ranges.into_iter().filter(again).collect();
        for range in others {
            let ids = hits.ids();
            if ids.is_empty() {
                break;
            }
            let mut found = self.queries.list_postings_of(space, &range, &ids, left.saturating_add(1)).await?;
            let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
            if count > left {
                is_exact = false;
                // The postings of the last document may not be complete.
                if let Some(last) = found.last().map(|posting| posting.id) {
                    hits.keep_newer(last);
                    found.retain(|posting| posting.id > last);
                }
            }
            left = left.saturating_sub(count);
            add(&mut hits, found).await;
        }
        Ok(Ranking { hits: ranked(&hits, query).await, is_exact, corrections: vec![] })
    }
}

/// A search works on so many postings or candidates, less than a millisecond, before it lets other requests have their
/// turn on the thread.
const AT_ONCE: usize = 1_000;

async fn add(hits: &mut Hits, postings: Vec<Posting>) {
    for (number, posting) in (1..).zip(postings) {
        hits.add(posting);
        pause_after(number).await;
    }
}

async fn ranked(hits: &Hits, query: &SearchQuery) -> Vec<Hit> {
    let mut matching = Vec::new();
    for (number, hit) in (1..).zip(hits.judged(query)) {
        matching.extend(hit);
        pause_after(number).await;
    }
    matching.sort_unstable();
    matching
}

/// Gives up the thread after each [`AT_ONCE`] steps, whatever the runtime is.
async fn pause_after(steps: usize) {
    let mut is_due = steps.is_multiple_of(AT_ONCE);
    poll_fn(|context| {
        if !std::mem::take(&mut is_due) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl SearchIndex for PostingIndex {
    async fn search(&self, space: &Space, query: &SearchQuery) -> Result<Ranking, StoreError> {
        let ranking = self.matches(space, query).await?;
        if !ranking.hits.is_empty() || !ranking.is_exact {
            return Ok(ranking);
        }
        let corrections = corrections(&*self.queries, self.policy, space, query).await?;
        if corrections.is_empty() {
            return Ok(ranking);
        }
        let found = self.matches(space, &query.clone().corrected(&corrections)).await?;
        Ok(Ranking { corrections, ..found })
    }

    async fn count_values(
        &self,
        space: &Space,
        facet: Facet,
        ids: &[Uuid],
        limit: u32,
    ) -> Result<Vec<ValueCount>, StoreError> {
        let counted = self.queries.count_terms_of(space, &facet.range(), ids, limit).await?;
        let value = |(term, count): (String, u64)| Some(ValueCount { value: facet.value_of(&term)?.to_owned(), count });
        Ok(counted.into_iter().filter_map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::MockSearchQueries;
    use skep_domain::search::{SearchDocument, SearchField, SearchKind};
    use uuid::Uuid;

    const KIND: SearchKind = SearchKind::new("thing");

    fn postings(texts: &[&str]) -> Vec<Posting> {
        let document = |(id, text): (u128, &&str)| {
            let fields = vec![SearchField { name: "text", weight: 1, text: (*text).to_owned() }];
            SearchDocument { kind: KIND, id: Uuid::from_u128(id), owner: None, fields, facets: vec![] }.postings()
        };
        let mut all: Vec<_> = (1..).zip(texts).flat_map(document).collect();
        all.sort_by(|one, other| (&other.term, other.id).cmp(&(&one.term, one.id)));
        all
    }

    /// An index of these texts, by documents 1, 2, 3 and so on, that is asked for the candidates of this word.
    fn index(texts: &[&str], candidates: u32, rarest: &'static str) -> PostingIndex {
        let (all, mut queries) = (postings(texts), MockSearchQueries::new());
        let (listed, of) = (all.clone(), all.clone());
        let among = |all: &[Posting], range: &TermRange| -> Vec<Posting> {
            all.iter().filter(|one| range.has(&one.term)).cloned().collect()
        };
        queries
            .expect_count_postings()
            .returning(move |_, range, most| Ok(u64::from(most).min(among(&all, range).len() as u64)));
        queries
            .expect_list_postings()
            .times(1)
            .withf(move |_, range, _| range.first == rarest)
            .returning(move |_, range, limit| Ok(among(&listed, range).into_iter().take(limit as usize).collect()));
        queries.expect_list_postings_of().returning(move |_, range, ids, limit| {
            let mut found = among(&of, range);
            found.retain(|one| ids.contains(&one.id));
            found.sort_by(|one, other| (other.id, &other.term).cmp(&(one.id, &one.term)));
            found.truncate(limit as usize);
            Ok(found)
        });
        PostingIndex::new(Arc::new(queries), SearchPolicy { candidates, near_words: 0, ..SearchPolicy::default() })
    }

    async fn found(index: PostingIndex, text: &str) -> (Vec<u128>, bool) {
        let query = SearchQuery::parse(text).unwrap();
        let ranking = index.search(&Space::all(KIND), &query).await.unwrap();
        (ranking.hits.iter().map(|hit| hit.id.as_u128()).collect(), ranking.is_exact)
    }

    const TEXTS: &[&str] = &["wild honey", "honey honey", "honey bee", "honeydew", "wild bee honey"];

    #[tokio::test]
    async fn the_candidates_are_those_of_the_rarest_word() {
        assert_eq!(found(index(TEXTS, 10, "honey"), "honey").await, (vec![2, 5, 3, 1], true));
        assert_eq!(found(index(TEXTS, 10, "wild"), "honey wild").await, (vec![5, 1], true));
        assert_eq!(found(index(TEXTS, 10, "wild"), "honey wild -bee").await, (vec![1], true));
        assert_eq!(found(index(TEXTS, 10, "wild"), "hon* \"wild bee\"").await, (vec![5], true));
        assert_eq!(found(index(TEXTS, 10, "nothing"), "honey nothing").await, (vec![], true));
    }

    #[tokio::test]
    async fn a_common_word_has_a_bounded_number_of_candidates_and_the_answer_says_so() {
        assert_eq!(found(index(TEXTS, 4, "honey"), "honey").await, (vec![2, 5, 3, 1], true));
        assert_eq!(found(index(TEXTS, 3, "honey"), "honey").await, (vec![2, 5, 3], false));
        assert_eq!(found(index(TEXTS, 1, "honey"), "honey wild").await, (vec![5], false));
        assert_eq!(found(index(TEXTS, 2, "ho"), "ho*").await, (vec![5, 4], false));
    }

    #[tokio::test]
    async fn a_beginning_of_many_words_reads_a_bounded_number_of_postings() {
        let numbers = "bee n10 n11 n12 n13 n14 n15 n16 n17 n18 n19";
        let texts = [numbers, "bee n10", numbers, numbers];
        // Of eight for each candidate, the beginning has 31.
        assert_eq!(found(index(&texts, 4, "bee"), "bee n1*").await, (vec![4, 3, 2, 1], true));
        assert_eq!(found(index(&texts[1..], 3, "bee"), "bee n1*").await, (vec![3, 2, 1], true));
        assert_eq!(found(index(&texts[2..], 2, "bee"), "bee n1*").await, (vec![2], false));
        assert_eq!(found(index(&texts[2..], 1, "bee"), "bee n1*").await, (vec![], false));
    }

    #[tokio::test]
    async fn a_search_of_many_documents_lets_others_have_their_turn() {
        let texts = vec!["honey"; 3 * AT_ONCE];
        let mut searching = Box::pin(found(index(&texts, 10_000, "honey"), "honey"));
        let mut turns = 0;
        let (found, is_exact) = loop {
            match poll_fn(|context| Poll::Ready(searching.as_mut().poll(context))).await {
                Poll::Ready(found) => break found,
                Poll::Pending => turns += 1,
            }
        };
        assert_eq!((found.len(), is_exact, turns), (3 * AT_ONCE, true, 6), "3 of the postings and 3 of the candidates");
    }
}
