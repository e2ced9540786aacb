//! The language of queries.

use super::{
    dictionary::{CORRECTED_MAX, Correction, NearWord, typos_allowed},
    facet::FacetValue,
    terms::terms,
};

/// The greatest length of a query in characters.
pub const QUERY_MAX: usize = 200;
/// The greatest number of words of a query. Each costs the store a read.
pub const WORDS_MAX: usize = 8;
/// The shortest beginning of a word that can be searched for alone. In a phrase, the other words say enough.
const PREFIX_MIN: usize = 2;
/// No term has this character, which is greater than all others.
pub(super) const LAST: char = '\u{10FFFF}';

/// The terms that a word stands for: all from `first` to `last`, inclusive, compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TermRange {
    /// The first term.
    pub first: String,
    /// The last term.
    pub last: String,
}

impl TermRange {
    /// This term alone.
    #[must_use]
    pub fn only(term: &str) -> Self {
        Self { first: term.to_owned(), last: term.to_owned() }
    }

    /// Whether it has this term.
    #[must_use]
    pub fn has(&self, term: &str) -> bool {
        (self.first.as_str()..=self.last.as_str()).contains(&term)
    }
}

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// The term, or its beginning.
    pub text: String,
    /// Whether every term that begins so matches.
    pub is_prefix: bool,
    /// The words that it is taken for, if no document has it.
    pub near: Vec<NearWord>,
}

impl Word {
    /// The terms that match the word as it is written.
    #[must_use]
    pub fn range(&self) -> TermRange {
        let mut last = self.text.clone();
        if self.is_prefix {
            last.push(LAST);
        }
        TermRange { first: self.text.clone(), last }
    }

    /// The terms that match: those of the words that it is taken for, if there are any.
    fn ranges(&self) -> Vec<TermRange> {
        match &self.near[..] {
            [] => vec![self.range()],
            near => near.iter().map(|near| TermRange::only(&near.text)).collect(),
        }
    }
}

/// A part of a query: words that follow each other. One word is a phrase of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clause {
    /// Whether documents with the phrase are left out.
    pub is_excluded: bool,
    /// Whether it was written in quotes, and is taken exactly.
    pub is_quoted: bool,
    /// The words. There is at least one.
    pub words: Vec<Word>,
}

/// A query: a document matches if it has every phrase that is not excluded, no excluded one, and the values of all
/// filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    clauses: Vec<Clause>,
    filters: Vec<String>,
}

/// Why a text is not a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// The text is longer than [`QUERY_MAX`].
    #[error("must have at most {QUERY_MAX} characters")]
    TooLong,
    /// The text has more than [`WORDS_MAX`] words.
    #[error("must have at most {WORDS_MAX} words")]
    TooManyWords,
    /// Nothing in the text can be searched for.
    #[error("must have a word that is searched for")]
    NoWord,
    /// A `*` follows a single character.
    #[error("must have at least {PREFIX_MIN} characters before a *")]
    ShortPrefix,
}

impl SearchQuery {
    /// Reads a query. Parts are separated by spaces:
    ///
    /// - `honey` matches documents with this word.
    /// - `"linden honey"` matches documents in which these words follow each other. The last quote may be missing.
    /// - `hon*` matches documents with a word that begins so.
    /// - `-honey`, `-"linden honey"` and `-hon*` leave out the documents that match.
    ///
    /// A part that has several words, such as `HONEY-500`, is a phrase. A part that has none, such as `&`, is passed
    /// over. The same part counts once.
    ///
    /// # Errors
    /// [`InvalidQuery`].
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        if text.chars().nth(QUERY_MAX).is_some() {
            return Err(InvalidQuery::TooLong);
        }
        let (mut clauses, mut rest, mut words) = (Vec::<Clause>::new(), text.trim_start(), 0);
        while !rest.is_empty() {
            let (is_excluded, part) = rest.strip_prefix('-').map_or((false, rest), |part| (true, part));
            let quoted = part.strip_prefix('"');
            let (part, next) = match quoted {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => part.split_at(part.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(part.len())),
            };
            rest = next.trim_start();
            let clause = Clause { is_excluded, is_quoted: quoted.is_some(), words: phrase(part)? };
            let is_same = |other: &&mut Clause| other.is_excluded == is_excluded && other.words == clause.words;
            if let Some(same) = clauses.iter_mut().find(is_same) {
                same.is_quoted |= clause.is_quoted;
            } else if !clause.words.is_empty() {
                words += clause.words.len();
                clauses.push(clause);
            }
        }
        if words > WORDS_MAX {
            return Err(InvalidQuery::TooManyWords);
        }
        if clauses.iter().all(|clause| clause.is_excluded) {
            return Err(InvalidQuery::NoWord);
        }
        Ok(Self { clauses, filters: vec![] })
    }

    /// The phrases that a document must have.
    pub fn wanted(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|clause| !clause.is_excluded)
    }

    /// The phrases that a document must not have.
    pub fn excluded(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|clause| clause.is_excluded)
    }

    /// The same query for documents that also have this value.
    #[must_use]
    pub fn narrowed(mut self, value: &FacetValue) -> Self {
        let term = value.term();
        if !self.filters.contains(&term) {
            self.filters.push(term);
        }
        self
    }

    /// The terms of the values that a document must have.
    #[must_use]
    pub fn filters(&self) -> &[String] {
        &self.filters
    }

    /// The words that are corrected if no document has them, each once: words that stand alone, without quotes and without
    /// `*`, and are long enough. At most [`CORRECTED_MAX`].
    #[must_use]
    pub fn correctable(&self) -> Vec<&str> {
        let words = self.clauses.iter().filter_map(correctable);
        words.map(|word| word.text.as_str()).take(CORRECTED_MAX).collect()
    }

    /// The same query with these words taken for others.
    #[must_use]
    pub fn corrected(mut self, corrections: &[Correction]) -> Self {
        for clause in self.clauses.iter_mut().filter(|clause| correctable(clause).is_some()) {
            for word in &mut clause.words {
                let correction = corrections.iter().find(|correction| correction.word == word.text);
                word.near = correction.map(|correction| correction.taken_for.clone()).unwrap_or_default();
            }
        }
        self
    }

    /// For each word and each value that a document must have, the terms that match, each range once.
    #[must_use]
    pub fn wanted_ranges(&self) -> Vec<Vec<TermRange>> {
        let words = self.wanted().flat_map(|clause| &clause.words).map(Word::ranges);
        distinct(words.chain(self.filters.iter().map(|term| vec![TermRange::only(term)])))
    }

    /// The terms that a highlight marks: those of the words that a document must have, as they are written and as they
    /// are taken.
    pub(super) fn shown_ranges(&self) -> Vec<TermRange> {
        let words = self.wanted().flat_map(|clause| &clause.words);
        distinct(words.flat_map(|word| word.ranges().into_iter().chain([word.range()])))
    }

    /// The terms of all words and values, in the order of the query, each range once.
    #[must_use]
    pub fn ranges(&self) -> Vec<TermRange> {
        let words = self.clauses.iter().flat_map(|clause| &clause.words).flat_map(Word::ranges);
        distinct(words.chain(self.filters.iter().map(|term| TermRange::only(term))))
    }
}

/// The word of a part that is corrected if no document has it.
fn correctable(clause: &Clause) -> Option<&Word> {
    match &clause.words[..] {
        [word] if !clause.is_excluded && !clause.is_quoted && !word.is_prefix => {
            (typos_allowed(&word.text) > 0).then_some(word)
        }
        _ => None,
    }
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// The words of a part.
fn phrase(part: &str) -> Result<Vec<Word>, InvalidQuery> {
    let is_prefix = part.ends_with('*');
    let mut words: Vec<_> = terms(part).into_iter().map(|text| Word { text, is_prefix: false, near: vec![] }).collect();
    let is_alone = words.len() == 1;
    if let Some(last) = words.last_mut().filter(|_| is_prefix) {
        if is_alone && last.text.chars().nth(PREFIX_MIN - 1).is_none() {
            return Err(InvalidQuery::ShortPrefix);
        }
        last.is_prefix = true;
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The query in one spelling.
    fn shown(text: &str) -> Result<String, InvalidQuery> {
        let word = |word: &Word| format!("{}{}", word.text, if word.is_prefix { "*" } else { "" });
        let clause = |clause: &Clause| {
            let words: Vec<_> = clause.words.iter().map(word).collect();
            format!("{}{}", if clause.is_excluded { "-" } else { "" }, words.join("+"))
        };
        SearchQuery::parse(text).map(|query| query.clauses.iter().map(clause).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_parts_of_a_query_are_words_phrases_beginnings_and_exclusions() {
        for (text, expected) in [
            ("Honey", "honey"),
            ("  linden   HONEY ", "linden honey"),
            ("\"Linden honey\"", "linden+honey"),
            ("\"linden hon*", "linden+hon*"),
            ("hon* -bee -\"wild bee\" -wa*", "hon* -bee -wild+bee -wa*"),
            ("HONEY-500", "honey+500"),
            ("a -- & * \"\" -\"\" b", "a b"),
            ("a A á -a", "a -a"),
            ("a\"b c\"d", "a b+c d"),
            ("honey*bee", "honey+bee"),
            ("蜂蜜", "蜂+蜜"),
            ("мёд honey", "мед honey"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_query_without_a_wanted_word_is_refused() {
        for text in ["", " ", "*", "- \"", "-honey", "-\"wild bee\" -x", "🐝", "((((", "\"\"\"\"\"", "\u{301}"] {
            assert_eq!(shown(text), Err(InvalidQuery::NoWord), "{text}");
        }
    }

    #[test]
    fn length_words_and_beginnings_are_bounded() {
        assert_eq!(shown(&"x".repeat(QUERY_MAX + 1)), Err(InvalidQuery::TooLong));
        assert!(shown(&"x".repeat(QUERY_MAX)).is_ok());
        assert_eq!(shown("1 2 3 4 5 6 7 8 9"), Err(InvalidQuery::TooManyWords));
        assert!(shown("1 2 3 4 5 6 7 -8").is_ok());
        assert_eq!(shown("蜂蜜蜂蜜蜂蜜蜂蜜蜂"), Err(InvalidQuery::TooManyWords));
        assert_eq!(shown("a h*"), Err(InvalidQuery::ShortPrefix));
        assert!(shown("ho*").is_ok());
    }

    #[test]
    fn words_alone_are_corrected_and_quoted_excluded_and_short_ones_are_not() {
        let query = |text: &str| {
            SearchQuery::parse(text).unwrap().correctable().iter().map(|word| (*word).to_owned()).collect()
        };
        let words = |text: &str| -> Vec<String> { query(text) };
        assert_eq!(words("Hoeny bees -pollen lind* HONEY-500 \"thyme\" sweet"), ["hoeny", "sweet"]);
        assert!(words("hoeny \"hoeny\"").is_empty());
        assert_eq!(words("alpha bravo charlie delta"), ["alpha", "bravo", "charlie"]);
    }

    #[test]
    fn a_word_matches_what_it_is_taken_for() {
        let near = ["honey", "money"].map(|text| NearWord { typos: 1, text: text.to_owned() });
        let corrections = [Correction { word: "hoeny".to_owned(), taken_for: near.to_vec() }];
        let query = SearchQuery::parse("hoeny wild -hoeny").unwrap().corrected(&corrections);
        let only = TermRange::only;
        assert_eq!(query.wanted_ranges(), [vec![only("honey"), only("money")], vec![only("wild")]]);
        assert_eq!(query.ranges(), [only("honey"), only("money"), only("wild"), only("hoeny")]);
    }

    #[test]
    fn a_filter_is_a_range_of_one_term() {
        let value = crate::search::Facet::new("color").of("red");
        let query = SearchQuery::parse("honey").unwrap().narrowed(&value).narrowed(&value);
        assert_eq!(query.filters(), [":color:red"]);
        assert_eq!(query.wanted_ranges(), [vec![TermRange::only("honey")], vec![TermRange::only(":color:red")]]);
    }

    #[test]
    fn a_beginning_has_the_terms_that_begin_so() {
        let range = |text: &str, is_prefix| Word { text: text.to_owned(), is_prefix, near: vec![] }.range();
        let (word, prefix) = (range("hon", false), range("hon", true));
        assert!(word.has("hon") && !word.has("hone") && !word.has("ho"));
        for (term, is_in) in [("hon", true), ("honey", true), ("hon\u{FFFD}", true), ("hoo", false), ("ho", false)] {
            assert_eq!(prefix.has(term), is_in, "{term}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_bounded_query_or_a_problem(text in "[\\PC\"*\\- ]{0,220}") {
            if let Ok(query) = SearchQuery::parse(&text) {
                let words: usize = query.clauses.iter().map(|clause| clause.words.len()).sum();
                prop_assert!(words <= WORDS_MAX && query.wanted().count() > 0);
                prop_assert!(query.ranges().len() <= words);
            }
        }
    }
}
