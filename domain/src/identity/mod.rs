//! Accounts, passwords and sessions.
//!
//! Uses `access`: accounts have roles.

mod account;
mod account_link;
pub mod actions;
mod auth_epoch;
mod cookie;
mod device;
pub mod events;
mod known_device;
mod known_networks;
mod password;
mod prefix;
mod refresh;
mod session;
mod user;

pub use account::{AccountGrace, AccountState, TooManyGroups};
pub use account_link::{AccountLink, AccountLinkId, LinkPurpose};
pub use auth_epoch::AuthEpoch;
pub use cookie::{CookieHash, RENEWAL_MILLIS, Renewal, SessionCookie, SessionKind};
pub use device::Device;
pub use known_device::{DeviceId, KnownDevice};
pub use known_networks::{KnownNetworkPolicy, KnownNetworks, NetworkMark};
pub use password::{PasswordForm, PasswordOwner, PasswordPolicy, PasswordRefusal};
pub use prefix::{EmailPrefix, InvalidPrefix, NamePrefix};
pub use refresh::{REPEAT_MILLIS, RefreshChain, RefreshDecision, RefreshHash, Rotation, SessionLimits, UsedRefresh};
pub use session::{Session, SessionId, SessionOrigin, SessionTerm};
pub use user::{DISPLAY_NAME_MAX, User, UserId};
