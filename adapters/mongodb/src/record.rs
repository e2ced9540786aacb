//! How values are kept: ids as binary UUIDs, times as BSON dates (milliseconds), numbers as 64 bits, always.

use bson::{Binary, Bson, DateTime, RawDocument, spec::BinarySubtype};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::{Money, Timestamp, Version};

/// What is wrong with a stored value.
pub(crate) type Unreadable = &'static str;

/// A document of one collection, as it is read.
pub(crate) trait Record: DeserializeOwned + Send + Sync {
    /// The collection.
    const COLLECTION: &'static str;
    /// What a document is read back into.
    type Entity: Send + Sync;
    /// Reads it back.
    fn read(self) -> Result<Self::Entity, Unreadable>;
}

/// A document that is made of an entity. How it is inserted, found and deleted follows from this declaration.
pub(crate) trait Stored: Record + Serialize {
    /// The references to other documents that it holds.
    const REFERENCES: &'static [Reference] = &[];
    /// The references to it, which keep it from being deleted.
    const REFERENCED_BY: &'static [Reference] = &[];
    /// The document of an entity.
    fn of(entity: &Self::Entity) -> Self;
}

/// A document with the field `version`, which is saved over the version that it was read with.
pub(crate) trait Versioned: Stored {
    /// The fields that a save sets, besides the version. Without such a list it replaces the whole document.
    const SAVED: Option<&'static [&'static str]> = None;
}

/// A field that holds the id of a document, or null; what is a foreign key elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    /// The rule.
    pub(crate) constraint: Constraint,
    /// The collection that refers.
    pub(crate) from: &'static str,
    /// Its field.
    pub(crate) field: &'static str,
    /// The collection that is referred to.
    pub(crate) to: &'static str,
}

/// Reads a document back, or says which one cannot be.
pub(crate) fn decode<R: Record>(raw: &RawDocument) -> Result<R::Entity, StoreError> {
    let corrupt = |what: &str| {
        let id = raw.get("_id").ok().flatten().map_or_else(|| "without id".to_owned(), shown_id);
        StoreError::corrupt(R::COLLECTION, id, what)
    };
    let record: R = bson::deserialize_from_slice(raw.as_bytes()).map_err(|error| corrupt(&error.to_string()))?;
    record.read().map_err(corrupt)
}

/// A field that every document of the collection has.
pub(crate) fn field(document: &RawDocument, name: &str) -> Result<Bson, StoreError> {
    let value = document.get(name).map_err(StoreError::unreadable)?;
    let value = value.ok_or_else(|| StoreError::Corrupt(format!("a document without {name}").into()))?;
    Bson::try_from(value).map_err(StoreError::unreadable)
}

fn shown_id(id: bson::RawBsonRef<'_>) -> String {
    match id {
        bson::RawBsonRef::Binary(binary) => {
            uuid::Uuid::from_slice(binary.bytes).map_or_else(|_| "with a binary id".to_owned(), |id| id.to_string())
        }
        other => format!("{other:?}"),
    }
}

/// Money, as kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct MoneyDoc {
    amount: i64,
    currency: String,
}

impl From<Money> for MoneyDoc {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency().code().to_owned() }
    }
}

impl MoneyDoc {
    pub(crate) fn read(&self) -> Result<Money, Unreadable> {
        let currency = self.currency.parse().map_err(|_| "unknown currency")?;
        Ok(Money::new(self.amount, currency))
    }
}

/// A time to be stored.
pub(crate) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millis())
}

/// A stored time.
pub(crate) fn time(date: DateTime) -> Result<Timestamp, Unreadable> {
    Timestamp::from_millis(date.timestamp_millis()).map_err(|_| "time out of range")
}

/// A stored time that may be missing.
pub(crate) fn optional_time(date: Option<DateTime>) -> Result<Option<Timestamp>, Unreadable> {
    date.map(time).transpose()
}

/// A stored version.
pub(crate) fn version(number: i64) -> Result<Version, Unreadable> {
    Version::new(number).ok_or("version below 1")
}

/// A stored number of pieces.
pub(crate) fn pieces(number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| "number of pieces out of range")
}

/// An id to be stored.
pub(crate) fn id(id: uuid::Uuid) -> bson::Uuid {
    bson::Uuid::from_uuid_1(id)
}

/// Ids to be asked for.
pub(crate) fn ids(ids: impl IntoIterator<Item = uuid::Uuid>) -> Vec<bson::Uuid> {
    ids.into_iter().map(id).collect()
}

/// Bytes to be stored.
pub(crate) fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

/// Stored bytes of a hash.
pub(crate) fn hash(binary: &Binary) -> Result<[u8; 32], Unreadable> {
    binary.bytes.as_slice().try_into().map_err(|_| "hash of another length")
}
