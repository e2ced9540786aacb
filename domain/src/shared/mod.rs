//! Values that every context speaks: identifiers, time, money, versions, names.

mod currency;
mod email;
mod ids;
mod money;
mod page;
mod patch;
mod text;
mod timestamp;
mod version;

pub use currency::{Currency, UnknownCurrency};
pub use email::{Email, InvalidEmail};
pub use ids::{EventId, InvalidId, MovementId, OrderId, ProductId, ReservationId, SessionId, UserId};
pub use money::{Money, MoneyError};
pub use page::{Direction, PageLimit, PageLimitOutOfRange};
pub use patch::Patch;
pub use text::{InvalidText, Text};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use version::Version;
