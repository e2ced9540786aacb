//! The answers of a scanner.

use crate::fault::ClamdFault;
use skep_domain::files::{ThreatName, Verdict};

/// The greatest length of an answer in bytes. A longer one is not read to its end.
pub(crate) const LONGEST: usize = 4 * 1024;
/// The greatest length of the words of a scanner that are logged.
const WORDS: usize = 200;

/// Reads the answer to a content. Only an answer that says so in all its words is a verdict.
pub(crate) fn judge(answer: &[u8]) -> Result<Verdict, ClamdFault> {
    let answer = String::from_utf8_lossy(answer);
    if let Some(words) = answer.strip_suffix("ERROR") {
        let is_long = words.to_ascii_lowercase().contains("size limit exceeded");
        return Err(if is_long { ClamdFault::TooLarge } else { ClamdFault::Failed(plain(words)) });
    }
    match answer.strip_prefix("stream: ") {
        Some("OK") => Ok(Verdict::Clean),
        Some(found) => match found.strip_suffix(" FOUND") {
            Some(name) => Ok(Verdict::Infected(ThreatName::of(name))),
            None => Err(ClamdFault::Unusable("it is neither OK nor FOUND nor ERROR")),
        },
        None => Err(ClamdFault::Unusable("it is not about the content")),
    }
}

/// The words as one short line of plain characters.
fn plain(words: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    words.trim().chars().take(WORDS).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(answer: &[u8]) -> String {
        match judge(answer) {
            Ok(Verdict::Clean) => "clean".to_owned(),
            Ok(Verdict::Infected(name)) => format!("infected: {name}"),
            Err(ClamdFault::TooLarge) => "too large".to_owned(),
            Err(ClamdFault::Failed(words)) => format!("failed: {words}"),
            Err(_) => "unusable".to_owned(),
        }
    }

    #[test]
    fn an_answer_is_clean_infected_or_an_error() {
        for (answer, expected) in [
            ("stream: OK", "clean"),
            ("stream: Eicar-Test-Signature FOUND", "infected: Eicar-Test-Signature"),
            ("stream: OK FOUND", "infected: OK"),
            ("stream: a ERROR FOUND", "infected: a ERROR"),
            ("stream:  FOUND", "infected: unnamed"),
            ("INSTREAM size limit exceeded. ERROR", "too large"),
            ("stream: Can't allocate memory ERROR", "failed: stream: Can't allocate memory"),
            ("a\r\n\u{202E}b ERROR", "failed: a???b"),
            ("ERROR", "failed: "),
        ] {
            assert_eq!(said(answer.as_bytes()), expected, "{answer}");
        }
        let long = format!("{} ERROR", "a".repeat(2 * WORDS));
        assert_eq!(said(long.as_bytes()).len(), "failed: ".len() + WORDS);
    }

    #[test]
    fn anything_else_is_no_verdict() {
        for answer in
            ["", "OK", "stream: ", "stream: O", "stream: ok", "stream: OK ", "stream:OK", " stream: OK", "PONG"]
        {
            assert_eq!(said(answer.as_bytes()), "unusable", "{answer:?}");
        }
        for answer in ["stream: OK\nstream: OK", "UNKNOWN COMMAND", "Stream: OK", "stream: Eicar", "\u{FEFF}stream: OK"]
        {
            assert_eq!(said(answer.as_bytes()), "unusable", "{answer:?}");
        }
        assert_eq!(said(b"stream: \xFF"), "unusable");
    }

    proptest! {
        /// Only one answer in the world says that a content is clean.
        #[test]
        fn no_other_answer_is_clean(answer in prop::collection::vec(any::<u8>(), 0..60), tail in "\\PC{0,5}") {
            let tailed = format!("stream: OK{tail}");
            for answer in [answer.as_slice(), tailed.as_bytes()] {
                prop_assert_eq!(said(answer) == "clean", answer == b"stream: OK");
            }
        }
    }
}
