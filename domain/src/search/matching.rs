//! Which documents match a query, and in which order.

use super::{
    document::{Posting, SearchDocument},
    query::{Clause, SearchQuery},
};
use std::{cmp::Reverse, collections::BTreeMap};
use uuid::Uuid;

/// A document that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The document.
    pub id: Uuid,
    /// The number of errors in the words of the query, as far as they were taken for others.
    pub typos: u32,
    /// What its words count: greater is better.
    pub score: u32,
}

/// The score is less than this, whatever the query and the document.
const SCORES: i64 = 1 << 20;

impl Hit {
    /// The rank: greater is better. A document with fewer errors has a greater rank than one with more.
    #[must_use]
    pub fn rank(&self) -> i64 {
        i64::from(self.score) - i64::from(self.typos) * SCORES
    }
}

/// The best match first: by the number of errors, by score, and then the newest.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.rank(), other.id).cmp(&(self.rank(), self.id))
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
    ///
    /// A word that is taken for others counts as the nearest of them that the document has, and of several equally near
    /// ones as the one with the greatest weight.
    #[must_use]
    pub fn ranked(&self, query: &SearchQuery) -> Vec<Hit> {
        let mut hits: Vec<_> = self.judged(query).flatten().collect();
        hits.sort_unstable();
        hits
    }

    /// Judges one candidate after the other, in the order of their ids, as [`Hits::ranked`] does: `None` for one that
    /// does not match. So a caller with thousands of candidates can pause between them.
    pub fn judged(&self, query: &SearchQuery) -> impl Iterator<Item = Option<Hit>> {
        self.candidates.iter().map(|(id, terms)| {
            let (typos, score) = score(query, terms)?;
            Some(Hit { id: *id, typos, score })
        })
    }
}

type Terms = BTreeMap<String, (u32, Vec<u16>)>;

/// The number of errors and what the words count. `None` if the document does not match.
fn score(query: &SearchQuery, terms: &Terms) -> Option<(u32, u32)> {
    let has_values = query.filters().iter().all(|term| terms.contains_key(term));
    if !has_values || query.excluded().any(|clause| clause_score(clause, terms).is_some()) {
        return None;
    }
    query.wanted().try_fold((0, 0), |(typos, sum), clause| {
        let (more, score) = clause_score(clause, terms)?;
        Some((typos + more, sum + score))
    })
}

/// The number of errors of the clause and what it counts. `None` if the document does not have it.
fn clause_score(clause: &Clause, terms: &Terms) -> Option<(u32, u32)> {
    if let [word] = &clause.words[..]
        && !word.near.is_empty()
    {
        let found = word.near.iter().filter_map(|near| Some((near.typos, terms.get(&near.text)?.0)));
        return found.min_by_key(|(typos, weight)| (*typos, Reverse(*weight)));
    }
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
    Some((0, sum))
}

impl SearchDocument {
    /// How the document matches a query; `None` if it does not match. It reads the text word by word and knows no
    /// index, so it is what every index is compared with.
    #[must_use]
    pub fn hit(&self, query: &SearchQuery) -> Option<Hit> {
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
        let has = |words: &[super::Word]| {
            let is_here = |here: &[Option<&str>]| {
                words.iter().zip(here).all(|(word, term)| {
                    term.is_some_and(
                        |term| if word.is_prefix { term.starts_with(&word.text) } else { term == word.text },
                    )
                })
            };
            text.windows(words.len()).any(is_here)
        };
        let counted = |word: &super::Word| {
            let matching = weighed
                .iter()
                .filter(|(term, _)| if word.is_prefix { term.starts_with(&word.text) } else { **term == word.text });
            matching.map(|(_, (weight, _))| *weight).max().unwrap_or_default()
        };
        // The ways in which a clause may match, each with its number of errors.
        let ways = |clause: &Clause| -> Vec<(u32, Vec<super::Word>)> {
            match &clause.words[..] {
                [word] if !word.near.is_empty() => {
                    let way = |near: &super::NearWord| {
                        let word = super::Word { text: near.text.clone(), is_prefix: false, near: vec![] };
                        (near.typos, vec![word])
                    };
                    word.near.iter().map(way).collect()
                }
                words => vec![(0, words.to_vec())],
            }
        };
        let best = |clause: &Clause| {
            let matching = ways(clause).into_iter().filter(|(_, words)| has(words));
            let count =
                |(typos, words): (u32, Vec<super::Word>)| (typos, Reverse(words.iter().map(counted).sum::<u32>()));
            matching.map(count).min()
        };
        let has_value = |term: &String| self.facets.iter().any(|value| value.term() == *term);
        if query.excluded().any(|clause| has(&clause.words)) || !query.filters().iter().all(has_value) {
            return None;
        }
        let best: Vec<_> = query.wanted().map(best).collect::<Option<_>>()?;
        let typos = best.iter().map(|(typos, _)| typos).sum();
        Some(Hit { id: self.id, typos, score: best.iter().map(|(_, Reverse(score))| score).sum() })
    }

    /// What the document counts for a query, whatever the errors; `None` if it does not match.
    #[must_use]
    pub fn score(&self, query: &SearchQuery) -> Option<u32> {
        self.hit(query).map(|hit| hit.score)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::document::tests::document, *};
    use crate::search::{Correction, NearWord};
    use proptest::prelude::*;

    fn query(text: &str) -> SearchQuery {
        SearchQuery::parse(text).unwrap()
    }

    /// The match by the index.
    fn indexed(document: &SearchDocument, query: &SearchQuery) -> Option<Hit> {
        let mut hits = Hits::default();
        let ranges = query.ranges();
        let postings = document.postings().into_iter();
        postings.filter(|posting| ranges.iter().any(|range| range.has(&posting.term))).for_each(|one| hits.add(one));
        hits.ranked(query).first().copied()
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
            assert_eq!(indexed(&honey, &query(text)), honey.hit(&query(text)), "{text}");
        }
    }

    #[test]
    fn the_best_match_comes_first_and_then_the_newest() {
        let hit = |id, typos, score| Hit { id: Uuid::from_u128(id), typos, score };
        let mut hits = [hit(1, 0, 5), hit(2, 0, 5), hit(3, 0, 9), hit(4, 0, 1), hit(5, 2, 9), hit(6, 1, 2)];
        hits.sort();
        assert_eq!(hits.map(|hit| hit.id.as_u128()), [3, 2, 1, 4, 6, 5]);
    }

    #[test]
    fn a_word_that_is_taken_for_others_counts_as_the_nearest_one() {
        let near = [("honey", 1), ("money", 1), ("hooney", 2)];
        let taken_for = near.map(|(text, typos)| NearWord { typos, text: text.to_owned() }).to_vec();
        let corrections = [Correction { word: "hoeny".to_owned(), taken_for }];
        let query = query("hoeny wild").corrected(&corrections);
        for (text, expected) in [
            ("wild honey", Some((1, 2))),
            ("wild money money honey", Some((1, 3))),
            ("wild hooney hooney", Some((2, 3))),
            ("honey", None),
            ("wild hoeny", None),
        ] {
            let document = document(&[(1, text)], None);
            let found = document.hit(&query);
            assert_eq!(found.map(|hit| (hit.typos, hit.score)), expected, "{text}");
            assert_eq!(indexed(&document, &query), found, "{text}");
        }
    }

    proptest! {
        /// A few letters of several scripts, so that words repeat and begin alike.
        #[test]
        fn the_index_and_the_text_give_the_same(
            title in "[abåÄ мё蜂蜜שじ -]{0,20}",
            text in "[abåÄ мё蜂蜜שじ -]{0,60}",
            asked in "[abм蜂蜜ש \"*-]{1,12}",
            color in 0..3_u8,
        ) {
            let shade = |number: u8| crate::search::Facet::new("color").of(number.to_string());
            let document = SearchDocument { facets: vec![shade(1)], ..document(&[(8, &title), (1, &text)], None) };
            if let Ok(query) = SearchQuery::parse(&asked) {
                let query = if color > 0 { query.narrowed(&shade(color)) } else { query };
                prop_assert_eq!(indexed(&document, &query), document.hit(&query));
            }
        }
    }
}
