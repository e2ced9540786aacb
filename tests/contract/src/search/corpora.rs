//! Random queries over random documents in many scripts, compared with a scan of all documents.

use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    units::commit,
    world,
};
use skep_application::search::{PostingIndex, SearchIndex as _, SearchPolicy, SearchStore, ValueCount, index_change};
use skep_domain::{
    search::{
        Correction, Facet, Hit, SearchDocument, SearchField, SearchKind, SearchQuery, Space, most_common, nearest,
    },
    shared::UserId,
};
use std::{cmp::Reverse, collections::BTreeMap};

clauses! { clauses of "search_corpora" on dyn SearchStore:
    a_search_finds_what_a_scan_finds_in_the_same_order,
    a_search_with_few_candidates_finds_a_part_in_the_same_order,
    a_mistyped_word_is_taken_for_what_a_scan_of_all_words_finds,
    results_are_counted_by_facets_as_a_scan_counts_them,
}

type Given = clause::Given<dyn SearchStore>;

const KIND: SearchKind = SearchKind::new("suite_thing");
const COLOR: Facet = Facet::new("color");
const SIZE: Facet = Facet::new("size");
const COLORS: &[&str] = &["red", "green", "blue:dark", "é蜂", "RED"];

/// Words of several scripts that share beginnings, spellings and characters.
const WORDS: &[&str] = &[
    "Honey",
    "Pollination",
    "Bienenstöcke",
    "bienenstock",
    "honig",
    "hone",
    "Honeydew",
    "crème",
    "CREME",
    "straße",
    "Strasse",
    "İzmir",
    "izmir",
    "ﬁne",
    "HONEY-500",
    "a.b",
    "мёд",
    "МЕД",
    "медовый",
    "ήλιος",
    "ΗΛΙΟΣ",
    "שלום",
    "שָׁלוֹם",
    "عَسَل",
    "عسل",
    "शहद",
    "शह",
    "น้ำผึ้ง",
    "น้ำ",
    "蜂蜜",
    "蜂",
    "ハチミツ",
    "はちみつ",
    "꿀",
    "꿀벌",
    "🐝",
    "x2",
    "²",
    "500",
];

/// A sequence that is the same in each run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((number ^ (number >> 31)) % below as u64).unwrap_or_default()
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len())]
    }

    /// A text of up to `most` words. Common words are more common.
    fn text(&mut self, most: usize) -> String {
        let count = self.next(most + 1);
        let word = |_| {
            let bound = 1 + self.next(WORDS.len());
            self.pick(&WORDS[..bound])
        };
        (0..count).map(word).collect::<Vec<_>>().join(self.pick(&[" ", ", ", "-", " \u{200B}"]))
    }

    fn document(&mut self, owners: &[UserId]) -> SearchDocument {
        let fields =
            [(8, 4), (1, 12)].map(|(weight, most)| SearchField { name: "text", weight, text: self.text(most) });
        let owner = owners.get(self.next(owners.len() + 1)).copied();
        let sizes = 1 + self.next(12);
        let color = (self.next(4) > 0).then(|| COLOR.of(self.pick(COLORS)));
        let facets = color.into_iter().chain([SIZE.of(self.next(sizes).to_string())]).collect();
        SearchDocument { kind: KIND, id: world::uuid(), owner, fields: fields.to_vec(), facets }
    }

    /// A word with up to two errors.
    fn mistyped(&mut self) -> String {
        let mut word: Vec<char> = self.pick(WORDS).to_lowercase().chars().collect();
        for _ in 0..1 + self.next(2) {
            let at = self.next(word.len());
            match self.next(4) {
                0 if word.len() > 1 => drop(word.remove(at)),
                1 => word.insert(at, 'e'),
                2 => word[at] = 'o',
                _ => word.swap(at, 0),
            }
        }
        word.into_iter().collect()
    }

    fn query(&mut self) -> String {
        let count = 1 + self.next(3);
        let part = |_| {
            let (exclusion, word, other) = (self.pick(&["", "", "", "-"]), self.pick(WORDS), self.pick(WORDS));
            let part = match self.next(5) {
                0 => format!("\"{word} {other}\""),
                1 => {
                    let beginning: String = word.chars().take(2 + self.next(2)).collect();
                    format!("{beginning}*")
                }
                2 => format!("\"{word}"),
                _ => word.to_owned(),
            };
            exclusion.to_owned() + &part
        };
        (0..count).map(part).collect::<Vec<_>>().join(" ")
    }
}

/// Stores random documents, changes some and deletes others. Returns those that are left.
async fn corpus(given: &Given, numbers: &mut Numbers, owners: &[UserId]) -> Checked<Vec<SearchDocument>> {
    let mut documents: Vec<_> = (0..90).map(|_| numbers.document(owners)).collect();
    commit!(given.store, tx => {
        for document in &documents {
            index_change(tx.search(), None, Some(document)).await?;
        }
    })?;
    let changes: Vec<_> = documents.iter().take(30).map(|_| numbers.document(owners)).collect();
    let changed = |(old, new): (&SearchDocument, SearchDocument)| SearchDocument { id: old.id, ..new };
    let changed: Vec<_> = documents.iter().zip(changes).map(changed).collect();
    commit!(given.store, tx => {
        for (old, new) in documents.iter().zip(&changed) {
            index_change(tx.search(), Some(old), Some(new)).await?;
        }
        for gone in &documents[80..] {
            index_change(tx.search(), Some(gone), None).await?;
        }
    })?;
    documents.truncate(80);
    documents.splice(..30, changed);
    Ok(documents)
}

fn scan(documents: &[SearchDocument], owner: Option<UserId>, query: &SearchQuery) -> Vec<Hit> {
    let visible = documents.iter().filter(|document| owner.is_none() || document.owner == owner);
    let mut hits: Vec<_> = visible.filter_map(|one| one.hit(query)).collect();
    hits.sort();
    hits
}

fn space(owner: Option<UserId>) -> Space {
    owner.map_or_else(|| Space::all(KIND), |owner| Space::owned(KIND, owner))
}

/// Takes all words as they are.
fn exact(candidates: u32) -> SearchPolicy {
    SearchPolicy { candidates, near_words: 0, ..SearchPolicy::default() }
}

async fn a_search_finds_what_a_scan_finds_in_the_same_order(given: &Given) -> Checked {
    let index = PostingIndex::new(given.store.clone(), exact(10_000));
    let (mut numbers, owners) = (Numbers(1), [UserId::new(world::uuid()), UserId::new(world::uuid())]);
    let documents = corpus(given, &mut numbers, &owners).await?;
    let (mut queries, mut matches) = (0, 0);
    while queries < 120 {
        let text = numbers.query();
        let Ok(mut query) = SearchQuery::parse(&text) else { continue };
        if numbers.next(3) == 0 {
            query = query.narrowed(&COLOR.of(numbers.pick(COLORS)));
        }
        let owner = owners.get(numbers.next(4)).copied();
        let space = space(owner);
        let found = index.search(&space, &query).await?;
        let expected = scan(&documents, owner, &query);
        holds(found.hits == expected, format!("{text}: found {:?}, expected {expected:?}", found.hits))?;
        holds(found.is_exact, "all matches are found")?;
        (queries, matches) = (queries + 1, matches + expected.len());
    }
    holds(matches > 500, format!("the queries have only {matches} matches"))
}

async fn a_search_with_few_candidates_finds_a_part_in_the_same_order(given: &Given) -> Checked {
    let few = PostingIndex::new(given.store.clone(), exact(7));
    let mut numbers = Numbers(2);
    let documents = corpus(given, &mut numbers, &[]).await?;
    let mut cut = 0;
    for _ in 0..60 {
        let Ok(query) = SearchQuery::parse(&numbers.query()) else { continue };
        let (found, all) = (few.search(&Space::all(KIND), &query).await?, scan(&documents, None, &query));
        let part: Vec<_> = all.iter().filter(|hit| found.hits.contains(hit)).copied().collect();
        equal(&found.hits, &part)?;
        holds(found.hits.len() <= 7, "no more matches than candidates")?;
        holds(!found.is_exact || found.hits == all, "a part is called a part")?;
        cut += usize::from(!found.is_exact);
    }
    holds(cut > 5, format!("only {cut} queries have more candidates"))
}

/// What the words of a query are taken for, by a look at every word of every document that the caller sees.
fn corrections(documents: &[SearchDocument], owner: Option<UserId>, query: &SearchQuery) -> Vec<Correction> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for document in documents.iter().filter(|document| owner.is_none() || document.owner == owner) {
        for posting in document.postings().into_iter().filter(|posting| posting.space == Space::all(KIND)) {
            *counts.entry(posting.term).or_default() += 1;
        }
    }
    let words = || counts.keys().filter(|word| word.chars().all(char::is_alphabetic) || !word.is_ascii()).cloned();
    let correct = |word: &str| {
        if counts.contains_key(word) {
            return None;
        }
        let counted = nearest(word, words()).into_iter().map(|near| (near.clone(), counts[&near.text])).collect();
        let taken_for = most_common(counted);
        (!taken_for.is_empty()).then(|| Correction { word: word.to_owned(), taken_for })
    };
    query.correctable().into_iter().filter_map(correct).collect()
}

async fn a_mistyped_word_is_taken_for_what_a_scan_of_all_words_finds(given: &Given) -> Checked {
    let index = PostingIndex::new(given.store.clone(), SearchPolicy::default());
    let (mut numbers, owners) = (Numbers(3), [UserId::new(world::uuid())]);
    let documents = corpus(given, &mut numbers, &owners).await?;
    let (mut queries, mut corrected, mut matches) = (0, 0, 0);
    while queries < 100 {
        let typed = numbers.mistyped();
        let text = match numbers.next(3) {
            0 => format!("{typed} {}", numbers.query()),
            1 => format!("\"{typed}\" -{}", numbers.mistyped()),
            _ => typed,
        };
        let Ok(query) = SearchQuery::parse(&text) else { continue };
        let owner = owners.get(numbers.next(3)).copied();
        let found = index.search(&space(owner), &query).await?;
        let exact = scan(&documents, owner, &query);
        let expected = if exact.is_empty() { corrections(&documents, owner, &query) } else { vec![] };
        equal(&found.corrections, &expected)?;
        let expected = scan(&documents, owner, &query.corrected(&expected));
        holds(found.hits == expected, format!("{text}: found {:?}, expected {expected:?}", found.hits))?;
        corrected += usize::from(!found.corrections.is_empty());
        (queries, matches) = (queries + 1, matches + expected.iter().filter(|hit| hit.typos > 0).count());
    }
    holds(corrected > 8, format!("only {corrected} queries are corrected"))?;
    holds(matches > 40, format!("the corrected queries have only {matches} matches"))
}

async fn results_are_counted_by_facets_as_a_scan_counts_them(given: &Given) -> Checked {
    let index = PostingIndex::new(given.store.clone(), exact(10_000));
    let (mut numbers, owners) = (Numbers(4), [UserId::new(world::uuid())]);
    let documents = corpus(given, &mut numbers, &owners).await?;
    let mut counted = 0;
    for _ in 0..40 {
        let Ok(query) = SearchQuery::parse(&numbers.query()) else { continue };
        let owner = owners.get(numbers.next(3)).copied();
        let found = index.search(&space(owner), &query).await?;
        for facet in [COLOR, SIZE] {
            let is_hit = |document: &&SearchDocument| found.hits.iter().any(|hit| hit.id == document.id);
            let values = documents.iter().filter(is_hit).flat_map(|document| &document.facets);
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for value in values.filter(|value| value.facet == facet) {
                *counts.entry(&value.value).or_default() += 1;
            }
            let count = |(value, count): (&str, u64)| ValueCount { value: value.to_owned(), count };
            let mut expected: Vec<_> = counts.into_iter().map(count).collect();
            expected.sort_by_key(|value| Reverse(value.count));
            let ids: Vec<_> = found.hits.iter().map(|hit| hit.id).collect();
            for limit in [100, 2] {
                expected.truncate(limit as usize);
                equal(index.count_values(&space(owner), facet, &ids, limit).await?, expected.clone())?;
            }
            counted += expected.len();
        }
    }
    holds(counted > 60, format!("the results have only {counted} values"))
}
