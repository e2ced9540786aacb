//! How hard a password is to guess: the least number of pieces that it is made of. A piece is a character, a word that
//! guessers try first, a walk over the keyboard, a sequence or a repetition.

mod keyboard;
mod words;

use super::{PasswordOwner, PasswordPolicy, PasswordRefusal};
use words::COMMON;

/// A password of fewer pieces is easy to guess, however long it is.
const LEAST_PIECES: usize = 6;
/// Shorter pieces of this kind happen by chance.
const SHORTEST_WORD: usize = 3;
const SHORTEST_RUN: usize = 3;
const SHORTEST_COPY: usize = 4;

/// Checks that a guesser who knows the owner needs many guesses.
pub(super) fn resists(password: &str, owner: PasswordOwner<'_>) -> Result<(), PasswordRefusal> {
    let lower = password.to_lowercase();
    let common = Words::common();
    let (email, name) = (Words::of_email(owner.email), Words::of_name(owner.display_name));
    if email.make(&lower) {
        return Err(PasswordRefusal::ContainsEmail);
    }
    if name.make(&lower) {
        return Err(PasswordRefusal::ContainsName);
    }
    if common.make(&lower) {
        return Err(PasswordRefusal::TooCommon);
    }
    // A letter may become several in lower case.
    let chars: Vec<char> = lower.chars().take(PasswordPolicy::MAX_CHARS).collect();
    let is_weak = |words: &[&Words]| pieces(&chars, words) < LEAST_PIECES;
    if is_weak(&[&common]) {
        Err(PasswordRefusal::TooCommon)
    } else if is_weak(&[&common, &email]) {
        Err(PasswordRefusal::ContainsEmail)
    } else if is_weak(&[&common, &email, &name]) {
        Err(PasswordRefusal::ContainsName)
    } else {
        Ok(())
    }
}

/// Words in lower case that guessers try.
struct Words(Vec<Vec<char>>);

impl Words {
    fn of(words: impl IntoIterator<Item = String>) -> Self {
        let words = words.into_iter().map(|word| word.chars().collect::<Vec<_>>());
        let mut words: Vec<_> = words.filter(|word| word.len() >= SHORTEST_WORD).collect();
        // The longest first, so that its parts do not remain.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Self(words)
    }

    fn common() -> Self {
        Self::of(COMMON.split_ascii_whitespace().map(str::to_owned))
    }

    fn of_email(email: &str) -> Self {
        let email = email.to_lowercase();
        let (local, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
        let parts = email.split(|c: char| !c.is_alphanumeric());
        Self::of([&email, local, domain].into_iter().chain(parts).map(str::to_owned))
    }

    fn of_name(name: &str) -> Self {
        let name = name.to_lowercase();
        let parts = name.split(|c: char| !c.is_alphanumeric()).map(str::to_owned);
        let together: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
        Self::of([name.clone(), together].into_iter().chain(parts))
    }

    /// Whether the password contains one of the words, and has no letter left without them.
    fn make(&self, password: &str) -> bool {
        let mut rest = password.to_owned();
        let mut found = false;
        for word in &self.0 {
            let word: String = word.iter().collect();
            found |= rest.contains(&word);
            rest = rest.replace(&word, "");
        }
        found && rest.chars().filter(|c| c.is_alphabetic()).count() == 0
    }

    /// The lengths of the words that the text starts with, in either direction and with the usual digits for letters.
    fn starts<'a>(&'a self, text: &'a [char]) -> impl Iterator<Item = usize> + 'a {
        let starts =
            move |word: &[char]| text.len() >= word.len() && word.iter().zip(text).all(|(w, c)| looks_like(*c, *w));
        let ends = move |word: &[char]| text.len() >= word.len() && word.iter().rev().zip(text).all(|(w, c)| w == c);
        self.0.iter().filter(move |word| starts(word) || ends(word)).map(Vec::len)
    }
}

/// Whether guessers try this character for the letter.
fn looks_like(c: char, letter: char) -> bool {
    c == letter
        || matches!(
            (c, letter),
            ('0', 'o') | ('1' | '!', 'i' | 'l') | ('3', 'e') | ('4' | '@', 'a') | ('5' | '$', 's') | ('7', 't')
        )
}

/// The least number of pieces. Takes at most some hundred thousand steps for the longest password.
fn pieces(chars: &[char], words: &[&Words]) -> usize {
    let mut least: Vec<usize> = (0..=chars.len()).collect();
    let repeats = Repeats::of(chars);
    for at in 0..chars.len() {
        let before = least[at];
        let rest = &chars[at..];
        let mut reach = |length: usize, cost: usize| {
            let reached = &mut least[at + length];
            *reached = (*reached).min(before + cost);
        };
        reach(1, 1);
        for length in words.iter().flat_map(|words| words.starts(rest)) {
            reach(length, 1);
        }
        for run in [keyboard::walk(rest), sequence(rest), year(rest)] {
            (SHORTEST_RUN..=run).for_each(|length| reach(length, 1));
        }
        for back in 1..=at {
            let same = repeats.length(at, back);
            // The piece just before once more, or again and again, costs a guesser nothing.
            (back..=same).for_each(|length| reach(length, 0));
            (SHORTEST_COPY..=same.min(back)).for_each(|length| reach(length, 1));
        }
    }
    least[chars.len()]
}

/// How far the text at a place repeats the text before it.
struct Repeats {
    size: usize,
    lengths: Vec<u8>,
}

impl Repeats {
    /// The text has at most [`PasswordPolicy::MAX_CHARS`] characters.
    fn of(chars: &[char]) -> Self {
        let size = chars.len() + 1;
        let mut lengths = vec![0; size * size];
        for at in (0..chars.len()).rev() {
            for back in 1..=at {
                if chars[at] == chars[at - back] {
                    let next: u8 = lengths[(at + 1) * size + back];
                    lengths[at * size + back] = next.saturating_add(1);
                }
            }
        }
        Self { size, lengths }
    }

    fn length(&self, at: usize, back: usize) -> usize {
        self.lengths[at * self.size + back].into()
    }
}

/// The length of the sequence (`abc`, `321`) at the start.
fn sequence(text: &[char]) -> usize {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let length = |by: i64| text.windows(2).take_while(|pair| step(pair) == by).count() + 1;
    length(1).max(length(-1))
}

/// Four digits that are a year of our time.
fn year(text: &[char]) -> usize {
    let is_year =
        matches!(text, ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit());
    if is_year { 4 } else { 0 }
}
