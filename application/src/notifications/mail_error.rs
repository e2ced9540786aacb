//! Why a mail was not sent, in words that can be logged and shown to admins.

use crate::kernel::BoxError;
use std::{fmt, time::Duration};

/// The words of a mail server, or of an error about one: one line of at most [`ServerWords::MAX`] characters, without
/// e-mail addresses. Servers repeat the address of the recipient, which logs and stored failures must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerWords(String);

impl ServerWords {
    /// The greatest length in characters.
    pub const MAX: usize = 200;
    /// Stands for an e-mail address.
    const MASK: &str = "[address]";

    /// Shortens and masks these words.
    #[must_use]
    pub fn of(words: &str) -> Self {
        // A hostile server may send much, so most of what is cut off later is not even read.
        let words = words.chars().take(8 * Self::MAX).map(|c| if c.is_control() { ' ' } else { c });
        let words: String = words.collect();
        let masked = words.split_whitespace().map(|word| if word.contains('@') { Self::MASK } else { word });
        let line = masked.collect::<Vec<_>>().join(" ");
        Self(line.chars().take(Self::MAX).collect())
    }
}

impl fmt::Display for ServerWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server does not take the mail, now or later.
    #[error("the mail server refused the mail: {0}")]
    Refused(ServerWords),
    /// The server does not answer, or takes no mail at present.
    #[error("the mail server took no mail")]
    Unavailable {
        /// The fault.
        #[source]
        cause: BoxError,
        /// The time to wait before the next try, if it is known.
        retry_after: Option<Duration>,
    },
}

impl MailError {
    /// The server does not answer, or takes no mail at present.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        Self::Unavailable { cause: cause.into(), retry_after: None }
    }

    /// The words for logs and for admins: the message with its cause, shortened and masked.
    #[must_use]
    pub fn words(&self) -> ServerWords {
        match self {
            Self::Refused(words) => words.clone(),
            Self::Unavailable { cause, .. } => ServerWords::of(&cause.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_short_line_without_addresses() {
        let words = |text: &str| ServerWords::of(text).to_string();
        assert_eq!(words("550 5.1.1 <ada@example.com>: no\r\nsuch user\0"), "550 5.1.1 [address] no such user");
        assert_eq!(words(&"ä".repeat(5_000)), "ä".repeat(200));
        assert_eq!(words(&"a ".repeat(5_000)).chars().count(), 200);
        assert_eq!(words(" \u{7} "), "");
        let error = MailError::unavailable("no answer for ada@example.com");
        assert_eq!(error.words().to_string(), "no answer for [address]");
    }
}
