//! The stored form of values: ids as binary UUIDs, times as BSON dates (milliseconds), numbers always as 64 bits.

use bson::{Binary, Bson, DateTime, RawDocument, spec::BinarySubtype};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::{Lease, LeaseToken, Money, Timestamp, Version};

/// The fault of a stored value.
pub(crate) type Unreadable = &'static str;

/// A document of one collection, for reading.
pub(crate) trait Record: DeserializeOwned + Send + Sync {
    /// The collection that holds the documents.
    const COLLECTION: &'static str;
    /// The fields that queries read besides the id. `None` reads all.
    const FIELDS: Option<&'static [&'static str]> = None;
    /// The type that a document is converted to.
    type Entity: Send + Sync;
    /// Converts the document.
    fn read(self) -> Result<Self::Entity, Unreadable>;
}

/// A document that is made from an entity. Inserting, finding and deleting it are derived from this declaration.
pub(crate) trait Stored: Record + Serialize {
    /// The references that the document holds.
    const REFERENCES: &'static [Reference] = &[];
    /// The references to the document, which prevent its deletion.
    const REFERENCED_BY: &'static [Reference] = &[];
    /// Makes the document of an entity.
    fn of(entity: &Self::Entity) -> Self;
}

/// A document with the field `version`. A save checks the version that was read.
pub(crate) trait Versioned: Stored {
    /// The fields that a save sets in addition to the version. Without this list a save replaces the whole document.
    const SAVED: Option<&'static [&'static str]> = None;
}

/// A field that holds the id of a document, or null, like a foreign key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    /// The rule, for errors.
    pub(crate) constraint: Constraint,
    /// The collection that holds the field.
    pub(crate) from: &'static str,
    /// The name of the field that holds the id.
    pub(crate) field: &'static str,
    /// The collection that the id belongs to.
    pub(crate) to: &'static str,
}

/// Converts a document, or names the one that cannot be read.
pub(crate) fn decode<R: Record>(raw: &RawDocument) -> Result<R::Entity, StoreError> {
    let corrupt = |what: &str| {
        let id = raw.get("_id").ok().flatten().map_or_else(|| "without id".to_owned(), shown_id);
        StoreError::corrupt(R::COLLECTION, id, what)
    };
    let record: R = bson::deserialize_from_slice(raw.as_bytes()).map_err(|error| corrupt(&error.to_string()))?;
    record.read().map_err(corrupt)
}

/// Reads a field that every document of the collection has.
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

/// The stored form of [`Money`].
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

/// The stored form of a [`Lease`].
#[derive(Serialize, Deserialize)]
pub(crate) struct LeaseDoc {
    token: bson::Uuid,
    beat: i64,
}

impl From<Lease> for LeaseDoc {
    fn from(lease: Lease) -> Self {
        Self { token: id(lease.token.uuid()), beat: lease.beat.into() }
    }
}

impl LeaseDoc {
    pub(crate) fn read(self) -> Result<Lease, Unreadable> {
        Ok(Lease { token: LeaseToken::new(self.token.to_uuid_1()), beat: counter(self.beat)? })
    }
}

/// Converts a time for storing.
pub(crate) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millis())
}

/// Reads a stored time.
pub(crate) fn time(date: DateTime) -> Result<Timestamp, Unreadable> {
    Timestamp::from_millis(date.timestamp_millis()).map_err(|_| "time out of range")
}

/// Reads a stored time that may be missing.
pub(crate) fn optional_time(date: Option<DateTime>) -> Result<Option<Timestamp>, Unreadable> {
    date.map(time).transpose()
}

/// Reads a stored version.
pub(crate) fn version(number: i64) -> Result<Version, Unreadable> {
    Version::new(number).ok_or("version below 1")
}

/// Reads a stored quantity.
pub(crate) fn pieces(number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| "quantity out of range")
}

/// Reads a stored counter.
pub(crate) fn counter(number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| "counter out of range")
}

/// Converts an id for storing.
pub(crate) fn id(id: uuid::Uuid) -> bson::Uuid {
    bson::Uuid::from_uuid_1(id)
}

/// Converts ids for a query.
pub(crate) fn ids(ids: impl IntoIterator<Item = uuid::Uuid>) -> Vec<bson::Uuid> {
    ids.into_iter().map(id).collect()
}

/// Converts bytes for storing.
pub(crate) fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

/// Reads a stored hash.
pub(crate) fn hash(binary: &Binary) -> Result<[u8; 32], Unreadable> {
    binary.bytes.as_slice().try_into().map_err(|_| "hash of another length")
}
