//! Which documents match a query, and in which order.

use super::{
    document::{Posting, SearchDocument},
    query::{Clause, SearchQuery},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A document that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The document.
    pub id: Uuid,
    /// Its rank: greater is better.
    pub score: u32,
}

/// The best match first: by score, and then the newest.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.score, other.id).cmp(&(self.score, self.id))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What an index has of the candidates of a query.
#[derive(Debug, Default)]
pub struct Hits {
    /// For each document, its terms of the query, each once.
    candidates: BTreeMap<Uuid, BTreeMap<String, (u32, Vec<u16>)>>,
}

impl Hits {
    /// Adds a posting of a candidate. A posting may be added twice.
    pub fn add(&mut self, posting: Posting) {
        let terms = self.candidates.entry(posting.id).or_default();
        terms.insert(posting.term, (posting.weight, posting.positions.0));
    }

    /// Drops the candidates that are not newer than this document.
    pub fn keep_newer(&mut self, than: Uuid) {
        self.candidates = self.candidates.split_off(&than);
        self.candidates.remove(&than);
    }

    /// The ids of the candidates.
    #[must_use]
    pub fn ids(&self) -> Vec<Uuid> {
        self.candidates.keys().copied().collect()
    }

    /// The candidates that match, the best first. Postings of every range of the query must have been added.
    ///
    /// The score is the sum over the words that the document must have. A word counts the weight of its term, and a
    /// beginning the greatest weight among its terms. The weight of a term is the sum over the fields of the
    /// document: the weight of the field times the occurrences, at most [`TERM_COUNTED`](super::TERM_COUNTED).
    #[must_use]
    pub fn ranked(&self, query: &SearchQuery) -> Vec<Hit> {
        let hit = |(id, terms): (&Uuid, &BTreeMap<_, _>)| Some(Hit { id: *id, score: score(query, terms)? });
        let mut hits: Vec<_> = self.candidates.iter().filter_map(hit).collect();
        hits.sort_unstable();
        hits
    }
}

type Terms = BTreeMap<String, (u32, Vec<u16>)>;

fn score(query: &SearchQuery, terms: &Terms) -> Option<u32> {
    if query.excluded().any(|clause| clause_score(clause, terms).is_some()) {
        return None;
    }
    query.wanted().try_fold(0, |sum, clause| Some(sum + clause_score(clause, terms)?))
}

/// What the clause counts. `None` if the document does not have it.
fn clause_score(clause: &Clause, terms: &Terms) -> Option<u32> {
    // The places behind the words so far, each reached by the words in a row.
    let (mut reached, mut sum): (Option<Vec<u16>>, u32) = (None, 0);
    for word in &clause.words {
        let range = word.range();
        let found = terms.range(range.first.clone()..=range.last);
        let (mut best, mut places) = (None, Vec::new());
        for (_, (weight, positions)) in found {
            best = best.max(Some(*weight));
            places.extend_from_slice(positions);
        }
        sum += best?;
        places.sort_unstable();
        if let Some(reached) = reached {
            places.retain(|place| reached.binary_search(place).is_ok());
        }
        if places.is_empty() {
            return None;
        }
        reached = Some(places.into_iter().map(|place| place + 1).collect());
    }
    Some(sum)
}

impl SearchDocument {
    /// What the document counts for a query; `None` if it does not match. It reads the text word by word and knows no
    /// index, so it is what every index is compared with.
    #[must_use]
    pub fn score(&self, query: &SearchQuery) -> Option<u32> {
        let weighed = self.weighed();
        let mut text: Vec<Option<&str>> = Vec::new();
        for (term, (_, positions)) in &weighed {
            for place in &positions.0 {
                let place = usize::from(*place);
                if text.len() <= place {
                    text.resize(place + 1, None);
                }
                text[place] = Some(term);
            }
        }
        let has = |clause: &Clause| {
            let is_here = |words: &[Option<&str>]| {
                clause.words.iter().zip(words).all(|(word, term)| {
                    term.is_some_and(
                        |term| if word.is_prefix { term.starts_with(&word.text) } else { term == word.text },
                    )
                })
            };
            text.windows(clause.words.len()).any(is_here)
        };
        let counted = |clause: &Clause| {
            let word = |word: &super::Word| {
                let matching = weighed.iter().filter(|(term, _)| {
                    if word.is_prefix { term.starts_with(&word.text) } else { **term == word.text }
                });
                matching.map(|(_, (weight, _))| *weight).max().unwrap_or_default()
            };
            clause.words.iter().map(word).sum::<u32>()
        };
        let is_match = query.wanted().all(has) && !query.excluded().any(has);
        is_match.then(|| query.wanted().map(counted).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::document::tests::document, *};
    use proptest::prelude::*;

    fn query(text: &str) -> SearchQuery {
        SearchQuery::parse(text).unwrap()
    }

    /// The score by the index.
    fn indexed(document: &SearchDocument, query: &SearchQuery) -> Option<u32> {
        let mut hits = Hits::default();
        let ranges = query.ranges();
        let postings = document.postings().into_iter();
        postings.filter(|posting| ranges.iter().any(|range| range.has(&posting.term))).for_each(|one| hits.add(one));
        hits.ranked(query).first().map(|hit| hit.score)
    }

    #[test]
    fn a_document_matches_if_it_has_all_words_and_no_excluded_one() {
        let honey = document(&[(8, "Linden honey, raw"), (1, "The honey of the linden forest. 500 g")], None);
        for (text, expected) in [
            ("honey", Some(9)),
            ("linden honey", Some(18)),
            ("\"linden honey\"", Some(18)),
            ("\"honey linden\"", None),
            ("\"raw the\"", None),
            ("\"honey of the lin*\"", Some(21)),
            ("honey -forest", None),
            ("honey -\"forest raw\"", Some(9)),
            ("honey -fo*", None),
            ("lin* th*", Some(11)),
            ("\"the\" hon*", Some(11)),
            ("bee", None),
        ] {
            assert_eq!(honey.score(&query(text)), expected, "{text}");
            assert_eq!(indexed(&honey, &query(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_best_match_comes_first_and_then_the_newest() {
        let hit = |id, score| Hit { id: Uuid::from_u128(id), score };
        let mut hits = [hit(1, 5), hit(2, 5), hit(3, 9), hit(4, 1)];
        hits.sort();
        assert_eq!(hits.map(|hit| hit.id.as_u128()), [3, 2, 1, 4]);
    }

    proptest! {
        /// A few letters of several scripts, so that words repeat and begin alike.
        #[test]
        fn the_index_and_the_text_give_the_same(
            title in "[abåÄ мё蜂蜜שじ -]{0,20}",
            text in "[abåÄ мё蜂蜜שじ -]{0,60}",
            asked in "[abм蜂蜜ש \"*-]{1,12}",
        ) {
            let document = document(&[(8, &title), (1, &text)], None);
            if let Ok(query) = SearchQuery::parse(&asked) {
                prop_assert_eq!(indexed(&document, &query), document.score(&query));
            }
        }
    }
}
