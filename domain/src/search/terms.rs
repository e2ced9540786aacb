//! How a text becomes terms.

use caseless::Caseless as _;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use unicode_normalization::{UnicodeNormalization as _, char::canonical_combining_class};
use unicode_segmentation::UnicodeSegmentation as _;

/// The greatest length of a term in characters. A longer word counts as its first characters.
pub const TERM_MAX: usize = 40;
/// The number of terms of a document, over all its fields. Words behind them are not found.
pub const TERMS_MAX: usize = 1_000;

/// The terms of a text, in its order.
///
/// The text is decomposed (NFKD) and case-folded, and loses its accents. Then it is divided into words as UAX 29 says.
/// A letter of a script that has no spaces, such as a Han character, is a word of its own. A term has only letters,
/// digits and the marks that belong to letters. Words are not reduced to stems.
pub fn terms(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().default_case_fold().nfkd().filter(|character| !is_dropped(*character)).collect();
    let words = folded.unicode_words().flat_map(|word| word.split(|character| !is_part(character)));
    let words = words.map(|word| word.trim_start_matches(is_mark)).filter(|word| !word.is_empty());
    words.map(|word| word.chars().take(TERM_MAX).collect()).take(TERMS_MAX).collect()
}

/// Accents of letters and points of Hebrew and Arabic, which many writers leave out, and characters that show nothing.
/// The marks of other scripts stay, because they distinguish syllables.
fn is_dropped(character: char) -> bool {
    matches!(canonical_combining_class(character), 10..=36 | 200..) || is_ignorable(character)
}

/// Characters that show nothing, such as a soft hyphen.
pub(super) fn is_ignorable(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

fn is_mark(character: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(category(character), NonspacingMark | SpacingMark | EnclosingMark)
}

pub(super) fn is_part(character: char) -> bool {
    character.is_alphanumeric() || is_mark(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_widths_do_not_count() {
        for (text, expected) in [
            ("Crème BRÛLÉE", vec!["creme", "brulee"]),
            ("Straße STRASSE", vec!["strasse", "strasse"]),
            ("İstanbul", vec!["istanbul"]),
            ("Ｈｏｎｅｙ ﬁne ²", vec!["honey", "fine", "2"]),
            ("ΟΔΟΣ οδός", vec!["οδοσ", "οδοσ"]),
            ("Ёлка йод", vec!["елка", "иод"]),
            ("שָׁלוֹם مُحَمَّد", vec!["שלום", "محمد"]),
            ("HONEY-500/a_b can't 3.5", vec!["honey", "500", "a", "b", "can", "t", "3", "5"]),
            ("soft\u{AD}hy\u{200D}phen", vec!["softhyphen"]),
            ("蜂蜜はちみつ", vec!["蜂", "蜜", "は", "ち", "み", "つ"]),
            (" -- 🐝 !\"* ", vec![]),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
    }

    #[test]
    fn marks_that_distinguish_syllables_stay() {
        assert_ne!(terms("कि"), terms("का"));
        assert_ne!(terms("が"), terms("か"));
        assert_ne!(terms("น้ำ"), terms("นำ"));
    }

    #[test]
    fn a_long_word_counts_as_its_first_characters() {
        assert_eq!(terms(&"a".repeat(100)), ["a".repeat(TERM_MAX)]);
        assert_eq!(terms(&"a ".repeat(5_000)).len(), TERMS_MAX);
    }

    proptest! {
        #[test]
        fn a_term_is_its_own_term(text in "\\PC{0,60}") {
            for term in terms(&text) {
                prop_assert!(term.chars().count() <= TERM_MAX);
                prop_assert!(term.chars().all(is_part) && !term.starts_with(is_mark), "{:?}", term);
                prop_assert_eq!(terms(&term).concat(), term);
            }
        }

        #[test]
        fn the_spelling_of_a_character_does_not_count(text in "\\PC{0,40}") {
            let (composed, decomposed): (String, String) = (text.nfc().collect(), text.nfd().collect());
            prop_assert_eq!(terms(&composed), terms(&decomposed));
        }
    }
}
