//! The rules for passwords (NIST SP 800-63B-4, 3.1.1.2: length and a block list, no composition rules).

use crate::shared::Email;

/// The rules for passwords. Only the minimum length can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_chars: usize,
}

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Too short to resist guessing.
    #[error("must have at least {min} characters")]
    TooShort {
        /// The least number of characters.
        min: usize,
    },
    /// Longer than [`PasswordPolicy::MAX_CHARS`] or [`PasswordPolicy::MAX_BYTES`].
    #[error("must have at most {} characters and {} bytes", PasswordPolicy::MAX_CHARS, PasswordPolicy::MAX_BYTES)]
    TooLong,
    /// Easy to guess: made of common passwords, a plain sequence, or fewer than four different characters.
    #[error("is too easy to guess")]
    TooCommon,
    /// Made of the account's e-mail address.
    #[error("must not be made of the e-mail address")]
    ContainsEmail,
}

impl PasswordPolicy {
    /// The greatest number of characters; the hasher is never given more.
    pub const MAX_CHARS: usize = 128;
    /// The greatest number of bytes in UTF-8.
    pub const MAX_BYTES: usize = 512;
    /// The lowest minimum that can be configured, for use with a second factor.
    pub const FLOOR: usize = 8;
    /// The minimum where the password is the only factor.
    pub const DEFAULT_MIN_CHARS: usize = 15;

    /// A policy with this minimum length. Returns `None` below [`Self::FLOOR`], and above 64, because a password of 64
    /// characters must always be accepted.
    #[must_use]
    pub const fn with_min_chars(min_chars: usize) -> Option<Self> {
        if min_chars < Self::FLOOR || min_chars > 64 { None } else { Some(Self { min_chars }) }
    }

    /// The least number of characters.
    #[must_use]
    pub const fn min_chars(self) -> usize {
        self.min_chars
    }

    /// Checks a password as typed: spaces count, and nothing is trimmed.
    ///
    /// # Errors
    /// [`PasswordRefusal`].
    pub fn judge(&self, password: &str, email: &Email) -> Result<(), PasswordRefusal> {
        let chars = password.chars().count();
        if password.len() > Self::MAX_BYTES || chars > Self::MAX_CHARS {
            return Err(PasswordRefusal::TooLong);
        }
        if chars < self.min_chars {
            return Err(PasswordRefusal::TooShort { min: self.min_chars });
        }
        let lower = password.to_lowercase();
        let (local, domain) = email.as_str().split_once('@').unwrap_or((email.as_str(), ""));
        if is_made_of(&lower, &[email.as_str(), local, domain]) {
            return Err(PasswordRefusal::ContainsEmail);
        }
        if is_made_of(&lower, COMMON) || has_no_variety(&lower) {
            return Err(PasswordRefusal::TooCommon);
        }
        Ok(())
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: Self::DEFAULT_MIN_CHARS }
    }
}

/// Words at the top of every list of leaked passwords. A longer password made only of them is easy to guess.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "123456789",
    "12345678",
    "1234567",
    "123456",
    "12345",
    "1234",
    "qwertyuiop",
    "qwerty",
    "qwertz",
    "asdfgh",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "administrator",
    "monkey",
    "dragon",
    "football",
    "sunshine",
    "princess",
    "changeme",
    "secret",
    "login",
    "master",
    "abc123",
    "abc",
    "skep",
];

/// Whether the password contains one of the words, and has no letter left without them.
fn is_made_of(password: &str, words: &[&str]) -> bool {
    let mut rest = password.to_owned();
    let mut found = false;
    for word in words.iter().filter(|word| word.chars().count() >= 3) {
        found |= rest.contains(word);
        rest = rest.replace(word, "");
    }
    found && rest.chars().filter(|c| c.is_alphabetic()).count() == 0
}

/// Whether the password has fewer than four different characters, or is one ascending or descending sequence.
fn has_no_variety(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    let different: std::collections::BTreeSet<&char> = chars.iter().collect();
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    different.len() < 4 || chars.windows(2).all(|pair| step(pair) == 1) || chars.windows(2).all(|pair| step(pair) == -1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(password: &str) -> Result<(), PasswordRefusal> {
        PasswordPolicy::default().judge(password, &Email::parse("grace.hopper@example.com").unwrap())
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(judge("correct horse!"), Err(PasswordRefusal::TooShort { min: 15 }));
        assert_eq!(judge("correct horse b"), Ok(()));
        assert_eq!(judge(&"nineteen bees ".repeat(9)[..64]), Ok(()));
        assert_eq!(judge(&"aé🐝x".repeat(32)), Ok(()));
        assert_eq!(judge(&"abcd ".repeat(26)), Err(PasswordRefusal::TooLong));
    }

    #[test]
    fn common_passwords_are_refused() {
        for password in [
            "passwordpassword",
            "Password12345678",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnopq",
            "qwertyqwertyqwerty!",
            "1234567890123456",
        ] {
            assert_eq!(judge(password), Err(PasswordRefusal::TooCommon), "{password}");
        }
    }

    #[test]
    fn a_password_made_of_the_address_is_refused() {
        for password in ["grace.hopper@example.com", "grace.hopper2026", "Grace.Hopper-Example.com1"] {
            assert_eq!(judge(password), Err(PasswordRefusal::ContainsEmail), "{password}");
        }
    }

    #[test]
    fn the_minimum_has_a_floor_and_a_ceiling() {
        assert!(PasswordPolicy::with_min_chars(7).is_none());
        assert!(PasswordPolicy::with_min_chars(8).is_some());
        assert!(PasswordPolicy::with_min_chars(65).is_none());
    }

    proptest! {
        /// No composition rule: twenty random lower-case letters are fine.
        #[test]
        fn random_letters_are_enough(password in "[a-z]{20}") {
            prop_assume!(!has_no_variety(&password));
            prop_assert_eq!(judge(&password), Ok(()));
        }
    }
}
