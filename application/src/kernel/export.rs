//! What an export of the data of an account has in it.

use super::{Page, PageRequest, StoreError};
use async_trait::async_trait;
use serde_json::Value;
use skep_domain::shared::{Timestamp, UserId};

/// What the export of the data of an account has of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Export {
    /// The rows of the user are in the sections with these names, without secrets and hashes.
    Sections(&'static [&'static str]),
    /// Nothing, for this reason.
    Left(&'static str),
}

/// Reads a section of an export. Each section has one.
#[async_trait]
pub trait ExportUser: Send + Sync {
    /// The name of the section, as [`Export::Sections`] declares it.
    fn section(&self) -> &'static str;

    /// Reads a page of what the section has of this user, and of no other user. An item is a JSON object without a secret and
    /// without a hash of one.
    ///
    /// # Errors
    /// The store's error.
    async fn read(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Page<Value>, StoreError>;
}

/// A view as an item of a section.
///
/// # Errors
/// `Corrupt` if it cannot be written as JSON. All views can.
pub(crate) fn exported(view: &impl serde::Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(view).map_err(StoreError::unreadable)
}
