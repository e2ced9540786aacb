//! State that instances share through Redis.

mod inspect;
mod limits;

pub use limits::{InvalidAddress, RedisLimits};
