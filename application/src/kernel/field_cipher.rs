//! Sealing of fields: values that a store keeps and only the deployment can read.

use super::{BoxError, StoreError};
use skep_domain::shared::Sealed;
use std::fmt;

/// A column of a table, or a field of a collection, that has sealed values only. A context declares it once, with its
/// table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealedField {
    /// The table or collection.
    pub table: &'static str,
    /// The column or field.
    pub column: &'static str,
}

impl SealedField {
    /// The column of this table.
    #[must_use]
    pub const fn new(table: &'static str, column: &'static str) -> Self {
        Self { table, column }
    }

    /// The place of the value in one row. `row` is the key of the row as text, for example its id.
    #[must_use]
    pub fn of(self, row: impl fmt::Display) -> FieldPlace {
        FieldPlace { field: self, row: row.to_string() }
    }
}

impl fmt::Display for SealedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// The place of a sealed value. A value opens only in the place that it was sealed for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPlace {
    /// The column.
    pub field: SealedField,
    /// The key of the row.
    pub row: String,
}

/// A value that was opened. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened(pub Vec<u8>);

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened([REDACTED])")
    }
}

/// Why a value was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// Another instance has sealed the value with a key that this one has not read yet. It reads the keys at once, so the
    /// attempt may be run again.
    #[error("the field is sealed with the key {key_id}, which this instance has not read yet")]
    UnknownKey {
        /// As the value names it.
        key_id: String,
    },
    /// The deployment does not have the key any more.
    #[error("the field is sealed with the key {key_id}, which the deployment has lost: `skep check` names its values")]
    LostKey {
        /// As the value names it.
        key_id: String,
    },
    /// The value was changed or truncated, is no sealed value, or was sealed for another place.
    #[error("the sealed field is damaged or was moved from another place")]
    Damaged,
    /// The value was sealed by a newer program.
    #[error("the field is sealed in the unknown version {0}")]
    UnknownVersion(String),
    /// The value is too long to be sealed.
    #[error("a field of {0} bytes is too long to be sealed")]
    TooLong(usize),
    /// The system has no randomness.
    #[error("sealing a field failed")]
    Failed,
}

/// A use case repeats its attempt for a key that is new. Everything else is a fault of the stored data.
impl From<CipherError> for StoreError {
    fn from(error: CipherError) -> Self {
        let is_new = matches!(error, CipherError::UnknownKey { .. });
        let source: BoxError = error.into();
        if is_new { Self::Retry(source) } else { Self::Corrupt(source) }
    }
}

/// Seals fields before they are stored, and opens them. Every value has a fresh nonce, so equal values are sealed to
/// different texts. Neither call reads the store, so both may be used inside an attempt.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait FieldCipher: Send + Sync {
    /// Seals a value of at most 64 KiB for this place, with the newest key.
    ///
    /// # Errors
    /// `TooLong`, `Failed`.
    fn seal(&self, place: &FieldPlace, value: &[u8]) -> Result<Sealed, CipherError>;
    /// Opens a value that was sealed for this place, with the key that it names.
    ///
    /// # Errors
    /// Every [`CipherError`] except `TooLong`.
    fn open(&self, place: &FieldPlace, sealed: &Sealed) -> Result<Opened, CipherError>;
    /// The ids of the keys, oldest first. The last one seals.
    fn key_ids(&self) -> Vec<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_that_is_new_lets_an_attempt_be_repeated() {
        let key_id = || "k".to_owned();
        assert!(matches!(CipherError::UnknownKey { key_id: key_id() }.into(), StoreError::Retry(_)));
        let others = [
            CipherError::LostKey { key_id: key_id() },
            CipherError::Damaged,
            CipherError::UnknownVersion("2".to_owned()),
            CipherError::TooLong(70_000),
            CipherError::Failed,
        ];
        for error in others {
            assert!(matches!(error.into(), StoreError::Corrupt(_)));
        }
    }

    #[test]
    fn an_opened_value_is_not_shown() {
        assert_eq!(format!("{:?}", Opened(b"secret".to_vec())), "Opened([REDACTED])");
    }
}
