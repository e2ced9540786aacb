//! State that instances share through Redis.

mod connection;
mod inspect;
mod limits;
mod tickets;

pub use connection::InvalidAddress;
pub use limits::RedisLimits;
pub use tickets::RedisTickets;
