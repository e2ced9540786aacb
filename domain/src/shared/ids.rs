//! Typed identifiers. Each wraps a UUID, version 7 when the application makes it (RFC 9562), so that ids sort by the
//! time of their making; a foreign UUID of another version is accepted when read, because it can only miss.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid")]
pub struct InvalidId;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Names nothing: what an id that cannot be read stands for, so that looking for it is judged like any other.
            pub const NIL: Self = Self(Uuid::nil());

            /// Wraps a UUID that was made or stored for this kind of thing.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            /// Reads the hyphenated form only (36 characters), so that one thing has one address.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

typed_id! {
    /// A user account.
    UserId
}
typed_id! {
    /// A log-in of a user; access tokens carry it as `sid`.
    SessionId
}
typed_id! {
    /// A product of the catalogue.
    ProductId
}
typed_id! {
    /// An order.
    OrderId
}
typed_id! {
    /// The claim of one order line on the stock of one product.
    ReservationId
}
typed_id! {
    /// One row of the stock ledger.
    MovementId
}
typed_id! {
    /// A domain event in the outbox. It is also the mark by which a unit of work is recognized after an unknown outcome.
    EventId
}
