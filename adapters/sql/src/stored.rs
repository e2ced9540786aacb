//! Reads stored values back, and reports the place of a value that cannot be read.

use super::Row;
use serde::{Serialize, de::DeserializeOwned};
use skep_application::kernel::StoreError;
use skep_domain::{
    events::EventPosition,
    shared::{Currency, Lease, LeaseToken, Version},
};
use std::fmt::Display;

/// A value that is read from the columns of a table's row, in the order of their declaration.
pub trait Stored: Sized {
    /// Reads the columns of the table, and leaves the columns after them.
    ///
    /// # Errors
    /// `Corrupt`, with the place, if a column holds an invalid value.
    fn read(row: &mut Row) -> Result<Self, StoreError>;
}

/// The text of a column that holds JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and times are always JSON")
}

/// A row's table and id, for errors about its values.
pub struct RowId<I>(pub &'static str, pub I);

impl<I: Display> RowId<I> {
    /// Returns the value of a column, or `Corrupt` if it could not be read.
    ///
    /// # Errors
    /// `Corrupt`, which names the row and the column.
    pub fn read<T>(&self, column: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| StoreError::corrupt(self.0, &self.1, &format!("{column} cannot be read")))
    }

    /// Reads a column that [`json`] has written.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        self.read(column, serde_json::from_str(text).ok())
    }

    /// Converts a quantity.
    ///
    /// # Errors
    /// `Corrupt`, which names the row and the column.
    pub fn count(&self, column: &str, value: i64) -> Result<u32, StoreError> {
        self.read(column, u32::try_from(value).ok())
    }

    /// Converts the value of the column `version`.
    ///
    /// # Errors
    /// `Corrupt`, which names the row and the column.
    pub fn version(&self, value: i64) -> Result<Version, StoreError> {
        self.read("version", Version::new(value))
    }

    /// Converts a position in the log of events.
    pub(crate) fn position(&self, column: &str, value: i64) -> Result<EventPosition, StoreError> {
        self.read(column, EventPosition::new(value))
    }

    /// Two columns that are NULL together.
    pub(crate) fn both<A, B>(
        &self,
        column: &str,
        values: (Option<A>, Option<B>),
    ) -> Result<Option<(A, B)>, StoreError> {
        match values {
            (Some(a), Some(b)) => Ok(Some((a, b))),
            (None, None) => Ok(None),
            _ => self.read(column, None),
        }
    }

    /// Reads the columns `lease_token` and `lease_beat`, which are NULL together.
    pub(crate) fn lease(&self, row: &mut Row) -> Result<Option<Lease>, StoreError> {
        let lease = self.both("lease_beat", (row.optional_uuid()?, row.optional_int()?))?;
        let read = |(token, beat)| Ok(Lease { token: LeaseToken::new(token), beat: self.count("lease_beat", beat)? });
        lease.map(read).transpose()
    }

    /// Parses an ISO 4217 code.
    pub(crate) fn currency(&self, column: &str, code: &str) -> Result<Currency, StoreError> {
        self.read(column, code.parse().ok())
    }
}

/// The arguments of a statement, each converted to a [`Value`](crate::Value).
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::Value::from($arg)),*] };
}
