//! Adapters that need no service: clocks, identifiers, randomness and rate limits inside the process.

mod clock;
mod fallback_limits;
mod ids;
mod limits;
mod random;
mod runtime;
mod separate_limits;

pub use clock::{SystemClock, TokioSleeper};
pub use fallback_limits::{FALLBACK_METRIC, FallbackLimits};
pub use ids::UuidV7;
pub use limits::LocalLimits;
pub use random::OsRandom;
pub use runtime::system_runtime;
pub use separate_limits::SeparateLimits;
