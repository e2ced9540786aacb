//! Finds characters that show nothing: the rules of PRECIS (RFC 8264, 9 and RFC 5892, A), widened to what people write
//! today. PRECIS itself refuses emoji sequences and several spellings that scripts need.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, EmojiModifierBase, ExtendedPictographic,
        GeneralCategory, JoiningType, Script, UnifiedIdeograph,
    },
};
use unicode_normalization::char::canonical_combining_class;

/// Why a character is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It shows nothing in its place.
    Nothing,
    /// It is a mark on nothing.
    Mark,
}

const ZWNJ: char = '\u{200C}';
const ZWJ: char = '\u{200D}';
const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
const KEYCAP: char = '\u{20E3}';
const EMOJI_STYLE: char = '\u{FE0F}';
/// The most emoji that are joined in one (a family). The crates have no list of the sequences that Unicode recommends, so
/// an emoji that has colors of skin, and so is a person or a hand, may be joined with any other.
const MOST_JOINED: usize = 4;
/// Persons without colors of skin.
const PERSONS: [char; 5] = ['👪', '👯', '🤼', '🧞', '🧟'];
/// The emoji that are joined with one other only, as Unicode 17 recommends.
const PAIRS: [(char, char); 19] = [
    ('⛓', '💥'),
    ('❤', '🔥'),
    ('❤', '🩹'),
    ('🍄', '🟫'),
    ('🍋', '🟩'),
    ('🏳', '⚧'),
    ('🏳', '🌈'),
    (BLACK_FLAG, '☠'),
    ('🐈', '⬛'),
    ('🐕', '🦺'),
    ('🐦', '⬛'),
    ('🐦', '🔥'),
    ('🐻', '❄'),
    ('👁', '🗨'),
    ('😮', '💨'),
    ('😵', '💫'),
    ('😶', '🌫'),
    ('🙂', '↔'),
    ('🙂', '↕'),
];
/// The class of the marks that suppress a vowel, and so may make two letters one.
const VIRAMA: u8 = 9;

/// The place (from 1) of the first character that shows nothing.
pub(super) fn find(text: &str, is_block: bool) -> Option<(usize, char, Hidden)> {
    if text.is_ascii() {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let line = Line::of(&chars, is_block);
    let mut open = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let fault = |kind| Some((at + 1, chars[at], kind));
        match chars[at] {
            // A direction ends with its paragraph, and so with its line.
            '\n' | '\r' if !open.is_empty() => break,
            '\u{202A}' | '\u{202B}' | '\u{2066}'..='\u{2068}' => open.push(at),
            '\u{202C}' | '\u{2069}' => match open.pop() {
                Some(opened) if closes(chars[opened], chars[at]) && line.shows_between(opened, at) => {}
                _ => return fault(Hidden::Nothing),
            },
            BLACK_FLAG => at += line.tags_after(at),
            c => match line.judge(c, at) {
                Ok(()) => {}
                Err(kind) => return fault(kind),
            },
        }
        at += 1;
    }
    open.first().map(|at| (at + 1, chars[*at], Hidden::Nothing))
}

fn closes(opened: char, by: char) -> bool {
    matches!(opened, '\u{2066}'..='\u{2068}') == (by == '\u{2069}')
}

/// The characters around the one that is judged.
struct Line<'a> {
    chars: &'a [char],
    is_block: bool,
    is_right_to_left: bool,
    has_braille: bool,
    /// The number of characters with ink before each place, and of all.
    ink: Vec<u32>,
}

impl<'a> Line<'a> {
    /// Looks at the whole text once, so that no mark in it has to.
    fn of(chars: &'a [char], is_block: bool) -> Self {
        let mut line = Self { chars, is_block, is_right_to_left: false, has_braille: false, ink: vec![0] };
        let mut ink = 0;
        for c in chars {
            let has_ink = shows(*c);
            ink += u32::from(has_ink);
            line.ink.push(ink);
            line.is_right_to_left |= has_ink && is_right_to_left(*c);
            line.has_braille |= matches!(c, '\u{2801}'..='\u{28FF}');
        }
        line
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).map(|at| self.chars[at])
    }

    fn after(&self, at: usize) -> Option<char> {
        self.chars.get(at + 1).copied()
    }

    fn judge(&self, c: char, at: usize) -> Result<(), Hidden> {
        if c.is_ascii() {
            return Ok(());
        }
        let fits = match c {
            ZWJ | ZWNJ => self.joins(c, at),
            // Where a line may break and where it may not.
            '\u{200B}' if self.parts_words(at) => true,
            '\u{AD}' | '\u{200B}' | '\u{2060}' => self.is_block && self.is_between(at, shows),
            // The marks of a direction. Two of them are right-to-left characters themselves. A second one in a row
            // changes nothing.
            '\u{200E}' | '\u{200F}' | '\u{61C}' => {
                self.is_right_to_left && !self.before(at).is_some_and(is_mark_of_direction)
            }
            '\u{FE00}'..='\u{FE0F}' => self.before(at).is_some_and(|base| match base.is_ascii() {
                true => c == EMOJI_STYLE && self.after(at) == Some(KEYCAP),
                false => takes_variation(base, c),
            }),
            '\u{E0100}'..='\u{E01EF}' => self.before(at).is_some_and(is_ideograph),
            '\u{180B}'..='\u{180F}' => self.before(at).is_some_and(|base| matches!(base, '\u{1820}'..='\u{18AA}')),
            // A space of Braille.
            '\u{2800}' => self.has_braille,
            _ if shows_only_in_its_script(c) => self.script_before(at) == Some(script(c)),
            _ => {
                if is_mark(c) && !is_invisible(c) {
                    return if self.before(at).is_some_and(carries_mark) { Ok(()) } else { Err(Hidden::Mark) };
                }
                shows(c) || is_space(c)
            }
        };
        if fits { Ok(()) } else { Err(Hidden::Nothing) }
    }

    fn is_between(&self, at: usize, is: fn(char) -> bool) -> bool {
        self.before(at).is_some_and(is) && self.after(at).is_some_and(is)
    }

    /// Whether a joiner changes what is shown: next to a virama, between joining letters, or between emoji.
    fn joins(&self, c: char, at: usize) -> bool {
        let is_virama = |c: char| canonical_combining_class(c) == VIRAMA;
        if self
            .before(at)
            .is_some_and(|before| is_virama(before) || (shows(before) && self.after(at).is_some_and(is_virama)))
        {
            return true;
        }
        let is_seen_through = |c: &&char| joining(**c) == JoiningType::Transparent;
        let joins = |c: Option<&char>| {
            let joins = [JoiningType::DualJoining, JoiningType::RightJoining, JoiningType::LeftJoining];
            c.is_some_and(|c| joins.contains(&joining(*c)))
        };
        let left = joins(self.chars[..at].iter().rev().find(|c| !is_seen_through(c)));
        let right = joins(self.chars[at + 1..].iter().find(|c| !is_seen_through(c)));
        if c == ZWNJ {
            // In Persian, it stands also after letters that do not join, digits and other scripts.
            return (left || right) && self.is_between(at, shows);
        }
        left || right || self.joins_emoji(at)
    }

    /// Whether a joiner stands between emoji that may be one.
    fn joins_emoji(&self, at: usize) -> bool {
        let Some(next) = self.after(at).filter(|next| is_picture(*next)) else { return false };
        let (mut joined, mut end) = (0, at);
        loop {
            let Some((place, first)) = self.emoji_before(end) else { return false };
            joined += 1;
            let goes_on = place.checked_sub(1).filter(|place| self.chars[*place] == ZWJ);
            match goes_on {
                Some(joiner) if joined < MOST_JOINED => end = joiner,
                Some(_) => return false,
                None if is_person(first) => return joined < MOST_JOINED,
                None => return joined == 1 && PAIRS.contains(&(first, next)),
            }
        }
    }

    /// The emoji that ends before this place, with its color of skin or its style, and where it starts.
    fn emoji_before(&self, end: usize) -> Option<(usize, char)> {
        let dress = |c: char| c == EMOJI_STYLE || CodePointSetData::new::<EmojiModifier>().contains(c);
        let place = end.checked_sub(1)?;
        let place = if dress(self.chars[place]) { place.checked_sub(1)? } else { place };
        Some((place, self.chars[place])).filter(|(_, c)| is_picture(*c))
    }

    /// Whether an invisible space stands between two words of a script that writes none between them, or between such a
    /// word and a number or a Latin word.
    fn parts_words(&self, at: usize) -> bool {
        let has_no_spaces = |c| matches!(script(c), Script::Thai | Script::Lao | Script::Khmer | Script::Myanmar);
        let is_foreign = |c: char| c.is_alphanumeric() && matches!(script(c), Script::Common | Script::Latin);
        let (Some(before), Some(after)) = (self.before(at), self.after(at).filter(|c| !is_mark(*c))) else {
            return false;
        };
        match (has_no_spaces(before), has_no_spaces(after)) {
            (true, true) => script(before) == script(after),
            (true, false) => is_foreign(after),
            (false, true) => is_foreign(before),
            (false, false) => false,
        }
    }

    /// The script of the text before this place. Marks and joiners of several scripts have that of their letter.
    fn script_before(&self, at: usize) -> Option<Script> {
        self.chars[..at].iter().rev().map(|c| script(*c)).find(|script| *script != Script::Inherited)
    }

    /// The number of tags after the flag of a region, for example of Scotland. A flag without an end has none.
    fn tags_after(&self, at: usize) -> usize {
        let is_tag = |c: &&char| matches!(**c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
        let count = self.chars[at + 1..].iter().take(7).take_while(is_tag).count();
        let is_closed = (3..=6).contains(&count) && self.chars.get(at + count + 1) == Some(&CANCEL_TAG);
        if is_closed { count + 1 } else { 0 }
    }

    fn shows_between(&self, from: usize, to: usize) -> bool {
        self.ink[to] > self.ink[from + 1]
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn joining(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// Whether the character is a sign to the letters of its script, such as the filler of Khitan, the mirror of hieroglyphs,
/// and the marks that stack letters. Many of them show nothing elsewhere.
fn shows_only_in_its_script(c: char) -> bool {
    matches!(c, '\u{16FE4}' | '\u{13440}') || (canonical_combining_class(c) == VIRAMA && script(c) != Script::Inherited)
}

fn is_mark_of_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{61C}')
}

fn is_person(c: char) -> bool {
    CodePointSetData::new::<EmojiModifierBase>().contains(c) || PERSONS.contains(&c)
}

fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn is_picture(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

fn is_ideograph(c: char) -> bool {
    CodePointSetData::new::<UnifiedIdeograph>().contains(c)
}

fn is_mark(c: char) -> bool {
    use GeneralCategory as Of;
    matches!(category(c), Of::NonspacingMark | Of::SpacingMark | Of::EnclosingMark)
}

fn is_space(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\r') || category(c) == GeneralCategory::SpaceSeparator
}

fn is_right_to_left(c: char) -> bool {
    matches!(CodePointMapData::<BidiClass>::new().get(c), BidiClass::RightToLeft | BidiClass::ArabicLetter)
}

/// Whether the character, which is not a mark, leaves a trace of ink.
fn shows(c: char) -> bool {
    use GeneralCategory as Of;
    let has_ink = match category(c) {
        Of::Unassigned | Of::PrivateUse | Of::Surrogate | Of::Control | Of::SpaceSeparator => false,
        Of::LineSeparator | Of::ParagraphSeparator => false,
        // The signs of numbers, verses and abbreviations that stand under or before their digits.
        Of::Format => matches!(
            c,
            '\u{600}'
                ..='\u{605}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}' | '\u{110BD}' | '\u{110CD}'
        ),
        // The place of an object, a musical null note, and the blanks of hieroglyphs.
        _ => !matches!(c, '\u{2800}' | '\u{FFFC}' | '\u{1D159}' | '\u{13441}' | '\u{13442}'),
    };
    has_ink && !is_invisible(c)
}

/// Whether a mark may follow: anything with ink, and what belongs to it.
fn carries_mark(c: char) -> bool {
    shows(c) || is_mark(c) || matches!(c, ZWJ | ZWNJ)
}

/// Whether the character, which is not ASCII, may have this variation selector: the scripts and symbols of
/// StandardizedVariants.txt, and emoji.
fn takes_variation(base: char, selector: char) -> bool {
    use Script as Of;
    let is_emoji = || CodePointSetData::new::<Emoji>().contains(base);
    let is_symbol = || category(base) == GeneralCategory::MathSymbol;
    let is_wide_or_quote =
        || matches!(base, '\u{2018}'..='\u{201F}' | '\u{3001}' | '\u{3002}' | '\u{FF01}'..='\u{FF1F}');
    match selector {
        '\u{FE0E}' | EMOJI_STYLE => is_emoji(),
        '\u{FE00}' if is_symbol() => true,
        '\u{FE00}' if matches!(script(base), Of::Myanmar | Of::PhagsPa | Of::Manichaean) => !is_mark(base),
        '\u{FE00}' | '\u{FE01}' if is_wide_or_quote() || is_script_capital(base) => true,
        '\u{FE00}'..='\u{FE02}' if is_ideograph(base) => true,
        '\u{FE00}'..='\u{FE06}' => script(base) == Of::EgyptianHieroglyphs && shows(base) && !is_mark(base),
        _ => false,
    }
}

/// Whether the character is a capital in script, which has a chancery and a roundhand style.
fn is_script_capital(c: char) -> bool {
    matches!(c, '\u{1D49C}'..='\u{1D4B5}' | 'ℬ' | 'ℰ' | 'ℱ' | 'ℋ' | 'ℐ' | 'ℒ' | 'ℳ' | 'ℛ')
}

#[cfg(test)]
mod tests;
