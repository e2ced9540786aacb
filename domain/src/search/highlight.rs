//! Where a text matches a query, for the lists of results.

use super::{
    document::SearchField,
    query::{SearchQuery, TermRange},
    terms::{TERM_MAX, TERMS_MAX, is_ignorable, is_part, terms},
};
use unicode_segmentation::UnicodeSegmentation as _;

/// The greatest length of a highlighted text in characters, without the signs where it is cut.
pub const HIGHLIGHT_MAX: usize = 200;
/// As many characters of a cut text stand before the first match at most.
const BEFORE: usize = 60;
/// Stands where a text is cut.
const CUT: &str = "…";

/// A part of a highlighted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// The characters of the part, as users wrote them.
    pub text: String,
    /// Whether it is a word of the query.
    pub is_match: bool,
}

/// A field that has words of a query: the text around the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Highlight {
    /// The name of the field.
    pub field: &'static str,
    /// The text in its order. A text that is cut begins or ends with `…`.
    pub parts: Vec<TextPart>,
}

impl SearchQuery {
    /// Highlights the words of this query in a field. `None` if the field has none of them among its first words, of which
    /// a document has as many in the index. Words that the query leaves out do not count, and every word of a phrase counts
    /// wherever it stands.
    #[must_use]
    pub fn highlight(&self, field: &SearchField) -> Option<Highlight> {
        let ranges = self.shown_ranges();
        let pieces = pieces(&field.text);
        let first = pieces.iter().position(|piece| is_match(piece, &ranges))?;
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.chars().count()).collect();
        let from = start(&lengths, first);
        let to = end(&lengths, from).max(first + 1);
        let (mut parts, mut left) = (Vec::new(), HIGHLIGHT_MAX);
        add(&mut parts, if from > 0 { CUT } else { "" }, false);
        for piece in &pieces[from..to] {
            let text: String = piece.chars().take(left).collect();
            left -= text.chars().count();
            add(&mut parts, &text, is_match(piece, &ranges));
        }
        let seen: usize = pieces[..to].iter().map(|piece| piece.len()).sum();
        let is_cut = seen < field.text.len() || left == 0 && lengths[from..to].iter().sum::<usize>() > HIGHLIGHT_MAX;
        add(&mut parts, if is_cut { CUT } else { "" }, false);
        Some(Highlight { field: field.name, parts })
    }
}

/// The first [`TERMS_MAX`] words of a text and what stands between them. Together they are the text up to there.
fn pieces(text: &str) -> Vec<&str> {
    let mut words = 0;
    let within = text.split_word_bounds().flat_map(split).take_while(|piece| {
        words += usize::from(piece.chars().any(is_part));
        words <= TERMS_MAX
    });
    within.collect()
}

/// Divides what UAX 29 calls a word as the terms of it are divided.
fn split(word: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut was_word) = (0, None);
    for (at, character) in word.char_indices() {
        let is_word = is_part(character) || is_ignorable(character);
        if was_word.is_some_and(|was| was != is_word) {
            pieces.push(&word[begin..at]);
            begin = at;
        }
        was_word = Some(is_word);
    }
    pieces.push(&word[begin..]);
    pieces
}

fn is_match(piece: &str, ranges: &[TermRange]) -> bool {
    let has = |term: &str| ranges.iter().any(|range| range.has(term));
    if piece.is_ascii() {
        // Most words are, and then folding is this.
        let is_word = piece.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return is_word && has(&piece[..piece.len().min(TERM_MAX)].to_ascii_lowercase());
    }
    terms(piece).iter().any(|term| has(term))
}

/// The piece with which the text begins: the first one, if the match is near it.
fn start(lengths: &[usize], first: usize) -> usize {
    if lengths[..=first].iter().sum::<usize>() <= HIGHLIGHT_MAX / 2 {
        return 0;
    }
    let mut before = 0;
    let near = lengths[..first].iter().rev().take_while(|length| {
        before += **length;
        before <= BEFORE
    });
    first - near.count()
}

/// The piece before which the text ends.
fn end(lengths: &[usize], from: usize) -> usize {
    let mut sum = 0;
    let fit = lengths[from..].iter().take_while(|length| {
        sum += **length;
        sum <= HIGHLIGHT_MAX
    });
    from + fit.count()
}

/// Adds text to the last part if that is of the same kind.
fn add(parts: &mut Vec<TextPart>, text: &str, is_match: bool) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.is_match == is_match => last.text.push_str(text),
        _ => parts.push(TextPart { text: text.to_owned(), is_match }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(text: &str) -> SearchField {
        SearchField { name: "text", weight: 1, text: text.to_owned() }
    }

    /// The text with brackets around matches.
    fn shown(query: &str, text: &str) -> Option<String> {
        let highlight = SearchQuery::parse(query).unwrap().highlight(&field(text))?;
        let part = |part: &TextPart| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() };
        Some(highlight.parts.iter().map(part).collect())
    }

    #[test]
    fn words_of_the_query_are_marked_as_they_were_written() {
        for (query, text, expected) in [
            ("honey", "Linden HONEY, honeycomb", "Linden [HONEY], honeycomb"),
            ("hon*", "Linden HONEY, honeycomb", "Linden [HONEY], [honeycomb]"),
            ("creme strasse", "Crème in der Straße.", "[Crème] in der [Straße]."),
            ("\"linden honey\" -wax", "wax of linden", "wax of [linden]"),
            ("honey-500", "HONEY-500/b", "[HONEY]-[500]/b"),
            ("b", "a_b a.b", "a_[b] a.[b]"),
            ("蜂蜜", "新しい蜂蜜", "新しい[蜂蜜]"),
            ("softhyphen", "a soft\u{AD}hyphen", "a [soft\u{AD}hyphen]"),
            ("мед", "Мёд липовый", "[Мёд] липовый"),
        ] {
            assert_eq!(shown(query, text).as_deref(), Some(expected));
        }
        assert_eq!(shown("honey", "wax"), None);
        assert_eq!(shown("honey -wax", "wax"), None);
        assert_eq!(shown("honey", ""), None);
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_match() {
        let words = |count| "word ".repeat(count);
        let early = shown("honey", &format!("{}honey {}", words(5), words(100))).unwrap();
        assert!(early.starts_with("word word") && early.ends_with("word…"), "{early}");
        let late = shown("honey", &format!("{}honey {}", words(100), words(100))).unwrap();
        assert!(late.starts_with("…word ") || late.starts_with("… word"), "{late}");
        assert!(late.contains(" [honey] word") && late.ends_with('…'), "{late}");
        let last = shown("honey", &format!("{}honey", words(100))).unwrap();
        assert!(last.ends_with("[honey]"), "{last}");
        let dense = "蜜".repeat(TERMS_MAX) + "蜂";
        assert_eq!(shown("蜂", &dense), None, "the index does not have it");
        assert!(shown("蜜", &dense).unwrap().ends_with('…'));
        let long = "x".repeat(1_000);
        assert_eq!(shown("xx*", &long), Some(format!("[{}]…", "x".repeat(HIGHLIGHT_MAX))));
    }

    proptest! {
        /// Whatever is marked, the parts are the text, and a document that matches one word has a mark.
        #[test]
        fn the_parts_are_the_text(text in "[\\PC\n]{0,300}", query in "\\PC{1,10}") {
            prop_assert_eq!(pieces(&text).concat(), text.as_str());
            let Ok(query) = SearchQuery::parse(&query) else { return Ok(()) };
            let found = query.highlight(&field(&text));
            if let Some(found) = &found {
                let whole: String = found.parts.iter().map(|part| part.text.as_str()).collect();
                let shown = whole.strip_prefix(CUT).unwrap_or(&whole);
                let shown = shown.strip_suffix(CUT).unwrap_or(shown);
                prop_assert!(text.contains(shown) || text.contains(&*whole), "{:?}", whole);
                prop_assert!(whole.chars().count() <= HIGHLIGHT_MAX + 2);
                prop_assert!(found.parts.iter().any(|part| part.is_match));
            }
        }

        /// A word of a text marks itself.
        #[test]
        fn a_word_is_found_again(text in "[a-zà-ÿά-ώ蜂-蟲 _.-]{1,80}") {
            for term in terms(&text) {
                let query = SearchQuery::parse(&term).unwrap();
                prop_assert!(query.highlight(&field(&text)).is_some(), "{:?} of {:?}", term, text);
            }
        }
    }
}
