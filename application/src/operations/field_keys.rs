//! The ports for sealed fields: their keys, and the rows that have them.

use crate::kernel::{SealedField, StoreError};
use async_trait::async_trait;
use skep_domain::shared::{Sealed, Timestamp};

/// A key of sealed fields, wrapped with the secret of the instances or one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldKey {
    /// Identifies the key in the values that it has sealed. At most 64 characters.
    pub id: String,
    /// Counts the keys from 1. The key with the greatest number seals, and all of them open.
    pub number: u32,
    /// The key material, encrypted and authenticated. It names the secret that opens it.
    pub wrapped: Vec<u8>,
    /// When the key was generated.
    pub created_at: Timestamp,
}

/// The keys of sealed fields, shared by the instances of a deployment through the store. No key is ever deleted: a backup,
/// or a program that embeds Skep, may have values that only it opens.
///
/// 1. A number is taken once. If several instances insert a key with the same number at once, exactly one gets `true`.
/// 2. `rewrap_field_key` changes the content of a key only if it is still the one that was read.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait FieldKeys: Send + Sync {
    /// All keys, by number.
    async fn list_field_keys(&self) -> Result<Vec<FieldKey>, StoreError>;
    /// Stores the key unless its number is taken, and returns whether it was stored. If the number is free but the id is
    /// taken, returns `Duplicate` of `FIELD_KEY_ID`.
    async fn insert_field_key(&self, key: &FieldKey) -> Result<bool, StoreError>;
    /// Replaces the wrapped content `from` of the key with this id by `to`. Returns `false`, and changes nothing, if the
    /// key does not exist or has another content.
    async fn rewrap_field_key(&self, id: &str, from: &[u8], to: &[u8]) -> Result<bool, StoreError>;
}

/// A row with a sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The key of the row, as text.
    pub row: String,
    /// Its value.
    pub sealed: Sealed,
}

/// A value that was sealed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The key of the row, as text.
    pub row: String,
    /// The value that was read.
    pub from: Sealed,
    /// The value to store in its place.
    pub to: Sealed,
}

/// The sealed fields of a store: those that its tables declare, and those of a program that embeds it.
///
/// 1. `list_sealed` returns the rows whose values are greater than `after`, in the order of the bytes of the values, and
///    at most `limit` of them. A row without a value is left out.
/// 2. `count_sealed` counts the rows whose values are at least `from` and less than `until`.
/// 3. `replace_sealed` replaces a value only if it is still `from`, and returns how many it has replaced.
/// 4. A field that the store does not declare has no rows.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SealedFields: Send + Sync {
    /// The sealed fields, in no order.
    fn sealed_fields(&self) -> Vec<SealedField>;
    /// A few rows of this field, in the order of their values.
    async fn list_sealed(&self, field: SealedField, after: &str, limit: u32) -> Result<Vec<SealedRow>, StoreError>;
    /// Counts rows of this field.
    async fn count_sealed(&self, field: SealedField, from: &str, until: &str) -> Result<u64, StoreError>;
    /// Replaces values of this field. Each of them is replaced or not, whatever happens to the others.
    async fn replace_sealed(&self, field: SealedField, changes: &[Resealed]) -> Result<u64, StoreError>;
}
