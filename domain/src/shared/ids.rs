//! Typed identifiers.
//!
//! Each wraps a UUID. The application makes version 7 (RFC 9562), so that ids sort by the time of their creation. When
//! an id is parsed, every version is accepted, because an id of another version equals no stored one.

use super::Timestamp;
use uuid::Uuid;

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid")]
pub struct InvalidId;

/// Reads the hyphenated form only (36 characters), so that each resource has one URL.
pub(crate) fn parse_id(text: &str) -> Result<Uuid, InvalidId> {
    if text.len() == 36 { Uuid::try_parse(text).map_err(|_| InvalidId) } else { Err(InvalidId) }
}

/// Declares the type of an identifier: `typed_id! { /// An order. OrderId }`.
macro_rules! typed_id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $type(uuid::Uuid);
        impl $type {
            /// The nil id. Ids that cannot be parsed are mapped to it, so that they get the same authorization check
            /// and the same answer as unknown ids.
            pub const NIL: Self = Self(uuid::Uuid::nil());

            /// Wraps a UUID that was made or stored for this kind of thing.
            #[must_use]
            pub const fn new(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::shared::InvalidId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::shared::parse_id(text).map(Self)
            }
        }
        impl $crate::shared::Described for $type {
            const KIND: $crate::shared::Kind = $crate::shared::Kind::Id;
        }
    };
}
pub(crate) use typed_id;

typed_id! {
    /// Identifies a domain event. After an unknown outcome, its presence in the outbox shows that the unit of work was
    /// committed.
    EventId
}

impl EventId {
    /// The smallest id of version 7 that is made at `time`. Every id of version 7 that is made before is smaller. A time
    /// before 1970 counts as 1970.
    #[must_use]
    pub fn first_at(time: Timestamp) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_hyphenated_form_is_read() {
        let text = "0192a3b4-c5d6-7e8f-9012-3456789abcde";
        assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        for text in ["", "0192a3b4c5d67e8f90123456789abcde", "{0192a3b4-c5d6-7e8f-9012-3456789abcde}", &"x".repeat(36)]
        {
            assert_eq!(text.parse::<EventId>(), Err(InvalidId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_of_version_7_is_below_the_first_id_of_every_later_time(
            made_at in 0..=Timestamp::MAX.as_millis(),
            // Close to the other time, so that both are often equal.
            later in -3_i64..4,
            rest in any::<[u8; 10]>(),
        ) {
            let id = uuid::Builder::from_unix_timestamp_millis(made_at.unsigned_abs(), &rest).into_uuid();
            prop_assert_eq!(id.get_version_num(), 7);
            let time = Timestamp::from_millis(made_at).unwrap().plus_millis(later);
            prop_assert_eq!(EventId::new(id) < EventId::first_at(time), made_at < time.as_millis());
        }
    }
}
