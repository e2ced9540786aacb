//! The words of an index, and which of them are near a word that was mistyped.
//!
//! Two words are near if a few characters are left out, added, replaced or exchanged with their neighbor. If so, both
//! become the same by leaving out as many characters of each. So an index keeps each word under what is left of its
//! beginning in every such way, and looks a word of a query up in the same ways: it finds all near words, by equality
//! alone.

use super::document::{SearchDocument, Space};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The least number of characters of a word of a query in which one error is corrected.
const ONE_TYPO: usize = 5;
/// The least number of characters of a word of a query in which two errors are corrected.
const TWO_TYPOS: usize = 9;
/// As many first characters of a word decide where an index keeps it. More would need more rows for each word.
const BEGINNING: usize = 7;

/// The greatest number of words of a query that are corrected.
pub const CORRECTED_MAX: usize = 3;
/// The greatest number of words that one word of a query is taken for.
pub const NEAR_MAX: usize = 3;
/// The greatest number of near words whose documents are counted, to find the most common ones.
pub const COUNTED_MAX: usize = 12;

/// A place of a word in the dictionary of a space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DictionaryEntry {
    /// Where the word is found: a hash of the space and of the word with characters left out. Words of other places may
    /// have the same key by chance, so a reader compares the words.
    pub key: Uuid,
    /// What documents have, as [`terms`](super::terms) makes it.
    pub word: String,
}

/// A word that documents have instead of one of a query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearWord {
    /// The number of errors between both.
    pub typos: u32,
    /// The word.
    pub text: String,
}

/// A word of a query that no document has, and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The word of the query, as [`terms`](super::terms) makes it.
    pub word: String,
    /// The words that documents are found by instead, the nearest first. There is at least one.
    pub taken_for: Vec<NearWord>,
}

impl Correction {
    /// Adds words that the word is taken for elsewhere.
    pub fn add(&mut self, near: Vec<NearWord>) {
        let all: BTreeSet<_> = self.taken_for.drain(..).chain(near).collect();
        self.taken_for.extend(all);
    }
}

/// Whether an index keeps the word in its dictionary. Words with digits are codes and numbers, which are taken exactly.
fn is_kept(word: &str) -> bool {
    word.chars().nth(ONE_TYPO - 2).is_some() && !word.chars().any(char::is_numeric)
}

/// The number of errors that are corrected in this word of a query.
#[must_use]
pub fn typos_allowed(word: &str) -> u32 {
    let count = word.chars().count();
    if !is_kept(word) || count < ONE_TYPO {
        return 0;
    }
    if count < TWO_TYPOS { 1 } else { 2 }
}

/// The key of the word itself. A unit that adds words looks here for those that the dictionary has.
#[must_use]
pub fn word_key(space: &Space, word: &str) -> Uuid {
    hash(space, &format!("={word}"))
}

/// Every place of a word, in the order of their keys. The first characters in all ways to leave some out: two of a word
/// that may stand for one with two errors, and one of a shorter word.
#[must_use]
pub fn dictionary_entries(space: &Space, word: &str) -> Vec<DictionaryEntry> {
    let typos = if word.chars().nth(TWO_TYPOS - 3).is_some() { 2 } else { 1 };
    let keys = keys(space, word, typos).into_iter().chain([word_key(space, word)]);
    let keys: BTreeSet<_> = keys.collect();
    keys.into_iter().map(|key| DictionaryEntry { key, word: word.to_owned() }).collect()
}

/// The keys under which the dictionary has the words near this one, in their order. Empty if it is not corrected.
#[must_use]
pub fn near_keys(space: &Space, word: &str) -> Vec<Uuid> {
    match typos_allowed(word) {
        0 => vec![],
        typos => keys(space, word, typos).into_iter().collect(),
    }
}

/// Those of the words that are near this one, the nearest first and then in the order of their bytes; at most
/// [`COUNTED_MAX`].
#[must_use]
pub fn nearest(word: &str, among: impl IntoIterator<Item = String>) -> Vec<NearWord> {
    let most = typos_allowed(word);
    let near = |text: String| Some(NearWord { typos: distance(word, &text, most).filter(|typos| *typos > 0)?, text });
    let near: BTreeSet<_> = among.into_iter().filter_map(near).collect();
    near.into_iter().take(COUNTED_MAX).collect()
}

/// What a word is taken for: the nearest words, of them those that most documents have, and of them the first ones in the
/// order of their bytes. A word that no document has any more does not count. At most [`NEAR_MAX`].
#[must_use]
pub fn most_common(counted: Vec<(NearWord, u64)>) -> Vec<NearWord> {
    let mut counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
    counted
        .sort_by(|(one, ones), (other, others)| (one.typos, others, &one.text).cmp(&(other.typos, ones, &other.text)));
    counted.into_iter().map(|(near, _)| near).take(NEAR_MAX).collect()
}

impl SearchDocument {
    /// The words of the document that the dictionary of each of its spaces has, in their order.
    #[must_use]
    pub fn dictionary(&self) -> Vec<(Space, Vec<String>)> {
        let words: Vec<String> = self.weighed().into_keys().filter(|word| is_kept(word)).collect();
        self.spaces().map(|space| (space, words.clone())).collect()
    }
}

/// The keys of the first characters of a word, with up to `typos` of them left out.
fn keys(space: &Space, word: &str, typos: u32) -> BTreeSet<Uuid> {
    let beginning: String = word.chars().take(BEGINNING).collect();
    let mut left: BTreeSet<String> = BTreeSet::from([beginning]);
    for _ in 0..typos {
        let shorter: Vec<_> = left.iter().flat_map(|text| without_one(text)).collect();
        left.extend(shorter);
    }
    left.iter().map(|text| hash(space, text)).collect()
}

fn without_one(text: &str) -> impl Iterator<Item = String> {
    text.char_indices().map(move |(at, character)| [&text[..at], &text[at + character.len_utf8()..]].concat())
}

/// FNV-1a with 128 bits.
fn hash(space: &Space, text: &str) -> Uuid {
    const START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = space.as_str().bytes().chain([b':']).chain(text.bytes());
    Uuid::from_u128(bytes.fold(START, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
}

/// The number of errors between two words, if there are at most `most`: characters left out, added, replaced, or
/// exchanged with their neighbor.
fn distance(one: &str, other: &str, most: u32) -> Option<u32> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > most as usize {
        return None;
    }
    let first: Vec<u32> = (0..).take(other.len() + 1).collect();
    let (mut before, mut last) = (first.clone(), first);
    for (row, (at, left)) in (1..).zip(one.iter().enumerate()) {
        let mut line = vec![row];
        for (to, right) in other.iter().enumerate() {
            let replaced = last[to] + u32::from(left != right);
            let mut least = replaced.min(last[to + 1] + 1).min(line[to] + 1);
            if at > 0 && to > 0 && *left == other[to - 1] && one[at - 1] == *right {
                least = least.min(before[to - 1] + 1);
            }
            line.push(least);
        }
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().filter(|typos| *typos <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::SearchKind;
    use proptest::prelude::*;

    fn space() -> Space {
        Space::all(SearchKind::new("thing"))
    }

    fn near(word: &str, among: &[&str]) -> Vec<(String, u32)> {
        let among = among.iter().map(|text| (*text).to_owned());
        nearest(word, among).into_iter().map(|near| (near.text, near.typos)).collect()
    }

    #[test]
    fn errors_are_counted() {
        for (one, other, typos) in [
            ("honey", "honey", 0),
            ("honey", "hony", 1),
            ("honey", "honeys", 1),
            ("honey", "money", 1),
            ("honey", "hnoey", 1),
            ("pollination", "polinatoin", 2),
            ("мёд", "мед", 1),
        ] {
            assert_eq!(distance(one, other, 2), Some(typos), "{one} {other}");
            assert_eq!(distance(other, one, 2), Some(typos), "{other} {one}");
        }
        assert_eq!(distance("honey", "hoyenx", 2), None);
        assert_eq!(distance("honey", "hon", 1), None);
    }

    #[test]
    fn short_words_and_codes_are_taken_exactly() {
        let allowed = ["bees", "hony", "honey", "pollens", "pollinate", "honey5", "", "蜂"].map(typos_allowed);
        assert_eq!(allowed, [0, 0, 1, 1, 2, 0, 0, 0]);
        assert!(near_keys(&space(), "bees").is_empty());
    }

    #[test]
    fn the_nearest_words_come_first_and_then_the_most_common_ones() {
        let words = ["honeys", "hone", "money", "bees", "honey", "hoonneeyy"];
        let one = |text: &str| (text.to_owned(), 1);
        assert_eq!(near("honey", &words), ["hone", "honeys", "money"].map(one));
        let near = |text: &str, typos, count| (NearWord { typos, text: text.to_owned() }, count);
        let counted = vec![near("far", 2, 9), near("b", 1, 2), near("a", 1, 2), near("gone", 1, 0), near("most", 1, 3)];
        let chosen: Vec<_> = most_common(counted).into_iter().map(|near| near.text).collect();
        assert_eq!(chosen, ["most", "a", "b"]);
    }

    #[test]
    fn a_word_has_a_bounded_number_of_places() {
        let count = |word: &str| dictionary_entries(&space(), word).len();
        assert_eq!((count("hone"), count("abcdef"), count("abcdefg"), count(&"abcdefgh".repeat(5))), (6, 8, 30, 30));
        assert_eq!(near_keys(&space(), "abcdefghi").len(), 29);
    }

    #[test]
    fn a_document_gives_each_of_its_spaces_its_words() {
        let owner = crate::shared::UserId::new(Uuid::from_u128(5));
        let document =
            super::super::document::tests::document(&[(1, "Wild honey of the bees, H0NEY 500")], Some(owner));
        let words = vec!["bees".to_owned(), "honey".to_owned(), "wild".to_owned()];
        let kind = SearchKind::new("thing");
        assert_eq!(document.dictionary(), [(Space::all(kind), words.clone()), (Space::owned(kind, owner), words)]);
    }

    proptest! {
        /// Words of few letters, so that many are near each other.
        #[test]
        fn the_dictionary_finds_every_word_that_is_near(one in "[abcж]{4,12}", other in "[abcж]{4,12}") {
            let most = typos_allowed(&one);
            let keys = near_keys(&space(), &one);
            let is_near = most > 0 && distance(&one, &other, most).is_some();
            let has = dictionary_entries(&space(), &other).iter().any(|entry| keys.contains(&entry.key));
            prop_assert!(has || !is_near, "{} {}", one, other);
        }

        /// Errors that touch each other can count as three.
        #[test]
        fn mistyped_words_are_near(
            word in "[a-eё]{9,16}",
            late in proptest::option::of((0..4_u8, 6..8_usize)),
            early in proptest::option::of((0..4_u8, 0..4_usize)),
        ) {
            let mut typed: Vec<char> = word.chars().collect();
            let edits: Vec<_> = late.into_iter().chain(early).collect();
            for &(edit, at) in &edits {
                match edit {
                    0 => drop(typed.remove(at)),
                    1 => typed.insert(at, 'x'),
                    2 => typed[at] = 'y',
                    _ => typed.swap(at, at + 1),
                }
            }
            let typed: String = typed.into_iter().collect();
            let typos = distance(&typed, &word, 2);
            prop_assert!(typos.is_some_and(|typos| typos as usize <= edits.len()), "{} {} {:?}", typed, word, typos);
        }
    }
}
