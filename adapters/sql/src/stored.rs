//! Reading back what was written, and saying where it cannot be read.

use super::Row;
use skep_application::kernel::StoreError;
use skep_domain::{
    access::Role,
    shared::{Currency, Version},
};
use std::fmt::Display;

/// What a row of a table holds, read from its columns in their order.
pub(crate) trait Stored: Sized {
    /// Reads the columns of the table, and leaves what follows them.
    ///
    /// # Errors
    /// `Corrupt`, with the place, if a value cannot be one.
    fn read(row: &mut Row) -> Result<Self, StoreError>;
}

/// A row, for the errors about it: its table and its id.
pub(crate) struct RowId<I>(pub(crate) &'static str, pub(crate) I);

impl<I: Display> RowId<I> {
    /// The value of a column, if it could be read.
    pub(crate) fn read<T>(&self, column: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| StoreError::corrupt(self.0, &self.1, &format!("{column} cannot be read")))
    }

    /// A number of pieces.
    pub(crate) fn count(&self, column: &str, value: i64) -> Result<u32, StoreError> {
        self.read(column, u32::try_from(value).ok())
    }

    /// A version.
    pub(crate) fn version(&self, value: i64) -> Result<Version, StoreError> {
        self.read("version", Version::new(value))
    }

    /// A currency.
    pub(crate) fn currency(&self, column: &str, code: &str) -> Result<Currency, StoreError> {
        self.read(column, code.parse().ok())
    }

    /// Roles, separated by commas; no text for none.
    pub(crate) fn roles(&self, names: Option<&str>) -> Result<Vec<Role>, StoreError> {
        let names = names.into_iter().flat_map(|names| names.split(','));
        let mut roles =
            names.map(|name| self.read("roles", name.parse::<Role>().ok())).collect::<Result<Vec<_>, _>>()?;
        roles.sort();
        Ok(roles)
    }
}

/// Arguments of a statement.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::Value::from($arg)),*] };
}
pub(crate) use args;
