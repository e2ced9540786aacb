//! Values that every context uses: identifiers, time, money, versions, texts, networks, blocks of addresses, and the
//! shapes of actions and events.

mod action;
mod built_in_role;
mod cidr;
mod currency;
mod email;
mod event;
mod ids;
mod lease;
mod money;
mod named;
mod network;
mod page;
mod patch;
mod sealed;
mod string;
mod text;
mod timestamp;
mod version;

pub use action::{Action, Audience};
pub use built_in_role::BuiltInRole;
pub use cidr::{Cidr, ParseCidrError};
pub use currency::{Currency, UnknownCurrency};
pub use email::{Email, EmailLookup, InvalidEmail, ShownEmail};
pub use event::{Described, Event, EventDescription, Field, Kind};
pub use ids::{EventId, InvalidId};
pub use lease::{Fenced, HeldRows, Lease, LeaseToken};
pub use money::{Money, MoneyError};
pub use named::named;
pub use network::{InvalidNetwork, Network};
pub use page::{Direction, PageLimit, PageLimitOutOfRange};
pub use patch::Patch;
pub use sealed::Sealed;
pub use text::{InvalidText, Text};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use version::Version;

// Contexts know each other's things by id. Each id is declared in the file of its own context.
pub use crate::{
    catalog::{MovementId, ProductId, ReservationId},
    identity::{SessionId, UserId},
    ordering::OrderId,
};

pub(crate) use event::events;
#[cfg(test)]
pub(crate) use event::tests::assert_payload;
pub(crate) use ids::{parse_id, typed_id};
pub(crate) use string::string_type;
