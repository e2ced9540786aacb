//! State that instances share through Redis.

mod limits;

pub use limits::{InvalidAddress, RedisLimits};
