//! The values that repositories and drivers exchange.

use skep_application::kernel::StoreError;
use skep_domain::shared::{
    EventId, MovementId, OrderId, ProductId, ReservationId, SessionId, Timestamp, UserId, Version,
};
use uuid::Uuid;

/// A value of a parameter or a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// No value. A driver binds it with the kind that the statement declares, because an untyped NULL fails on
    /// PostgreSQL.
    Null,
    /// BOOLEAN on PostgreSQL, INTEGER 0 or 1 on SQLite.
    Bool(bool),
    /// BIGINT on PostgreSQL, INTEGER on SQLite.
    Int(i64),
    /// TEXT on both engines.
    Text(String),
    /// BYTEA on PostgreSQL, BLOB on SQLite.
    Bytes(Vec<u8>),
    /// UUID on PostgreSQL, a BLOB of 16 bytes on SQLite.
    Uuid(Uuid),
    /// TIMESTAMPTZ on PostgreSQL, INTEGER milliseconds since 1970 on SQLite.
    Time(Timestamp),
    /// A set of UUIDs, for `= ANY($n)`, `IN rarray($n)` and joins with `rarray($n)`.
    Uuids(Vec<Uuid>),
}

/// The kind of a parameter or a column, named after the variant of [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Holds [`Value::Bool`].
    Bool,
    /// Holds [`Value::Int`].
    Int,
    /// Holds [`Value::Text`].
    Text,
    /// Holds [`Value::Bytes`].
    Bytes,
    /// Holds [`Value::Uuid`].
    Uuid,
    /// Holds [`Value::Time`].
    Time,
    /// Holds [`Value::Uuids`]. For parameters only.
    Uuids,
}

impl Kind {
    /// The type in PostgreSQL.
    #[must_use]
    pub const fn postgres(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Uuid => "uuid",
            Self::Time => "timestamptz",
            Self::Uuids => "uuid[]",
        }
    }

    /// The type of a column in SQLite. A list is bound as a pointer and has no column type.
    #[must_use]
    pub const fn sqlite(self) -> &'static str {
        match self {
            Self::Bool | Self::Int | Self::Time => "INTEGER",
            Self::Text => "TEXT",
            Self::Bytes | Self::Uuid | Self::Uuids => "BLOB",
        }
    }
}

impl Value {
    /// Whether this value may be used for `kind`. NULL may be used for every kind.
    #[must_use]
    pub const fn is(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Null, _)
                | (Self::Bool(_), Kind::Bool)
                | (Self::Int(_), Kind::Int)
                | (Self::Text(_), Kind::Text)
                | (Self::Bytes(_), Kind::Bytes)
                | (Self::Uuid(_), Kind::Uuid)
                | (Self::Time(_), Kind::Time)
                | (Self::Uuids(_), Kind::Uuids)
        )
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}
impl From<Vec<Uuid>> for Value {
    fn from(value: Vec<Uuid>) -> Self {
        Self::Uuids(value)
    }
}
impl From<Version> for Value {
    fn from(value: Version) -> Self {
        Self::Int(value.get())
    }
}
macro_rules! ids {
    ($($id:ty),+) => { $(
        impl From<$id> for Value {
            fn from(value: $id) -> Self {
                Self::Uuid(value.uuid())
            }
        }
    )+ };
}
ids!(EventId, MovementId, OrderId, ProductId, ReservationId, SessionId, UserId);
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of a result, read from left to right: each reader takes the next column.
#[derive(Debug)]
pub struct Row {
    statement: &'static str,
    values: std::vec::IntoIter<Value>,
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident, $optional:ident: $variant:ident -> $type:ty),+ $(,)?) => {
        impl Row {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// `Corrupt` if the next column is of another kind or NULL.
                pub fn $name(&mut self) -> Result<$type, StoreError> {
                    match self.values.next() {
                        Some(Value::$variant(value)) => Ok(value),
                        other => Err(self.unexpected(stringify!($variant), other.as_ref())),
                    }
                }

                $(#[$doc])*
                /// Returns `None` for NULL.
                ///
                /// # Errors
                /// `Corrupt` if the next column is of another kind.
                pub fn $optional(&mut self) -> Result<Option<$type>, StoreError> {
                    match self.values.next() {
                        Some(Value::$variant(value)) => Ok(Some(value)),
                        Some(Value::Null) => Ok(None),
                        other => Err(self.unexpected(stringify!($variant), other.as_ref())),
                    }
                }
            )+
        }
    };
}

readers! {
    #[doc = "Reads a boolean."]
    bool, optional_bool: Bool -> bool,
    #[doc = "Reads an integer."]
    int, optional_int: Int -> i64,
    #[doc = "Reads a text."]
    text, optional_text: Text -> String,
    #[doc = "Reads bytes."]
    bytes, optional_bytes: Bytes -> Vec<u8>,
    #[doc = "Reads a UUID."]
    uuid, optional_uuid: Uuid -> Uuid,
    #[doc = "Reads a time."]
    time, optional_time: Time -> Timestamp,
}

impl Row {
    /// A row of the result of `statement`, which errors name.
    #[must_use]
    pub fn new(statement: &'static str, values: Vec<Value>) -> Self {
        Self { statement, values: values.into_iter() }
    }

    /// Reads a number of rows.
    ///
    /// # Errors
    /// `Corrupt` if the next column is of another kind, NULL or negative.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        let count = self.int()?;
        u64::try_from(count).map_err(|_| StoreError::Corrupt(format!("{}: {count} rows", self.statement).into()))
    }

    fn unexpected(&self, wanted: &str, found: Option<&Value>) -> StoreError {
        let found = match found {
            None => "no column",
            Some(Value::Null) => "NULL",
            Some(_) => "another kind",
        };
        StoreError::Corrupt(format!("{}: expected {wanted}, found {found}", self.statement).into())
    }
}
