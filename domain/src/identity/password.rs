//! The rules for passwords (NIST SP 800-63B-4, 3.1.1.2: length and a block list, no composition rules).

mod form;
mod guess;

pub use form::PasswordForm;

/// The rules for passwords. Only the minimum length can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_chars: usize,
}

/// What a guesser knows about the owner of a password.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordOwner<'a> {
    /// The e-mail address of the account, or nothing if it is not known.
    pub email: &'a str,
    /// The display name of the account, or nothing if it is not known.
    pub display_name: &'a str,
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
    /// Easy to guess: made of few common words, walks over the keyboard, sequences or repetitions.
    #[error("is too easy to guess")]
    TooCommon,
    /// Made of the account's e-mail address.
    #[error("must not be made of the e-mail address")]
    ContainsEmail,
    /// Made of the account's display name.
    #[error("must not be made of the display name")]
    ContainsName,
}

impl PasswordPolicy {
    /// The greatest number of characters; the hasher is never given more.
    pub const MAX_CHARS: usize = 128;
    /// The greatest number of bytes in UTF-8.
    pub const MAX_BYTES: usize = 512;
    /// The greatest number of bytes as typed. Normalization never makes a text shorter by more than a factor of three.
    pub const MAX_TYPED_BYTES: usize = 4 * Self::MAX_BYTES;
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

    /// Checks a new password as typed, and returns it in the form in which new passwords are hashed
    /// ([`PasswordForm::NEW`]). Spaces count, and nothing is trimmed.
    ///
    /// # Errors
    /// [`PasswordRefusal`].
    pub fn judge(&self, typed: &str, owner: PasswordOwner<'_>) -> Result<String, PasswordRefusal> {
        if typed.len() > Self::MAX_TYPED_BYTES {
            return Err(PasswordRefusal::TooLong);
        }
        let password = PasswordForm::NEW.of(typed);
        let chars = password.chars().count();
        if password.len() > Self::MAX_BYTES || chars > Self::MAX_CHARS {
            return Err(PasswordRefusal::TooLong);
        }
        if chars < self.min_chars {
            return Err(PasswordRefusal::TooShort { min: self.min_chars });
        }
        guess::resists(&password, owner, self.min_chars)?;
        Ok(password)
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: Self::DEFAULT_MIN_CHARS }
    }
}

#[cfg(test)]
mod tests;
