//! How hard a password is to guess. Two numbers say so:
//!
//! - the least number of pieces that it is made of. A piece is a character, a word that guessers try first, a walk over
//!   the keyboard, a sequence or a repetition;
//! - its length without what it repeats. A word that is written twice is as long for a guesser as the word.

mod keyboard;
mod words;

use super::{PasswordOwner, PasswordPolicy, PasswordRefusal};
use std::iter;
use unicode_normalization::UnicodeNormalization as _;
use words::COMMON;

/// A password of fewer pieces is easy to guess, however long it is.
const LEAST_PIECES: usize = 6;
/// Shorter pieces of this kind happen by chance.
const SHORTEST_WORD: usize = 3;
const SHORTEST_RUN: usize = 3;
const SHORTEST_COPY: usize = 4;
/// Two sequences that alternate are two runs.
const SHORTEST_PAIR_OF_RUNS: usize = 2 * SHORTEST_RUN;
/// A copy of as many characters adds nothing to the length. Shorter ones are parts of most sentences.
const SHORTEST_REPEATED_WORD: usize = 6;
/// Shorter labels of a domain, such as `com` and `co`, say nothing about the owner.
const SHORTEST_LABEL: usize = 4;

/// Checks that a guesser who knows the owner needs many guesses. `min_chars` is the least length of a password.
pub(super) fn resists(password: &str, owner: PasswordOwner<'_>, min_chars: usize) -> Result<(), PasswordRefusal> {
    let lower = as_guessed(password);
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
    let repeats = Repeats::of(&chars);
    let is_weak = |words: &[&Words]| pieces(&chars, &repeats, words) < LEAST_PIECES;
    if repeats.length_without(SHORTEST_REPEATED_WORD) < min_chars || is_weak(&[&common]) {
        Err(PasswordRefusal::TooCommon)
    } else if is_weak(&[&common, &email]) {
        Err(PasswordRefusal::ContainsEmail)
    } else if is_weak(&[&common, &email, &name]) {
        Err(PasswordRefusal::ContainsName)
    } else {
        Ok(())
    }
}

/// The text in lower case, in which a variant of a letter, such as a full-width one, is the letter. The number of
/// characters stays the same, except where a letter has several in lower case.
fn as_guessed(text: &str) -> String {
    let plain = |c: char| {
        let mut plain = iter::once(c).nfkc();
        plain.next().filter(|_| plain.next().is_none()).unwrap_or(c)
    };
    text.chars().map(plain).collect::<String>().to_lowercase()
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
        let email = as_guessed(email);
        let (local, domain) = email.rsplit_once('@').unwrap_or((&email, ""));
        // The last label is that of many owners.
        let (labels, _) = domain.rsplit_once('.').unwrap_or_default();
        let parts = |text: &'_ str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
        let labels = parts(labels).into_iter().filter(|label| label.chars().count() >= SHORTEST_LABEL);
        let whole = [&email, local, domain].map(str::to_owned);
        Self::of(whole.into_iter().chain(parts(local)).chain(labels))
    }

    fn of_name(name: &str) -> Self {
        let name = as_guessed(name);
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
fn pieces(chars: &[char], repeats: &Repeats, words: &[&Words]) -> usize {
    let mut least: Vec<usize> = (0..=chars.len()).collect();
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
        (SHORTEST_PAIR_OF_RUNS..=two_sequences(rest)).for_each(|length| reach(length, 1));
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

    /// The number of characters without copies of earlier text that have at least `shortest` characters.
    fn length_without(&self, shortest: usize) -> usize {
        let (mut at, mut length) = (0, 0);
        while at + 1 < self.size {
            let copied = (1..=at).map(|back| self.length(at, back)).max().unwrap_or_default();
            let is_copy = copied >= shortest;
            at += if is_copy { copied } else { 1 };
            length += usize::from(!is_copy);
        }
        length
    }
}

/// How far the second character is behind the first one.
fn step(from: char, to: char) -> i64 {
    i64::from(u32::from(to)) - i64::from(u32::from(from))
}

/// The length of the sequence at the start (`abc`, `321`), in which a character may be repeated (`112233`).
fn sequence(text: &[char]) -> usize {
    let length = |by: i64| text.windows(2).take_while(|pair| [0, by].contains(&step(pair[0], pair[1]))).count() + 1;
    length(1).max(length(-1))
}

/// The length of two sequences at the start that alternate (`1a2b3c`). One of them may stay at its character (`a1a2a3`).
fn two_sequences(text: &[char]) -> usize {
    let [first, second, third, fourth, ..] = text else { return 0 };
    let steps = [step(*first, *third), step(*second, *fourth)];
    if steps.iter().any(|by| by.abs() > 1) {
        return 0;
    }
    let goes_on = |(at, pair): &(usize, &[char])| step(pair[0], pair[2]) == steps[at % 2];
    text.windows(3).enumerate().take_while(goes_on).count() + 2
}

/// Four digits that are a year of our time.
fn year(text: &[char]) -> usize {
    let is_year =
        matches!(text, ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit());
    if is_year { 4 } else { 0 }
}
