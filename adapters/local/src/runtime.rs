//! What a running program takes from the world besides stores.

use crate::{OsRandom, SystemClock, TokioSleeper, UuidV7};
use skep_application::kernel::Runtime;
use std::sync::Arc;

/// Puts the clocks of the system, identifiers of version 7, and the randomness of the operating system together.
#[must_use]
pub fn system_runtime() -> Runtime {
    let clock = Arc::new(SystemClock::new());
    Runtime {
        clock: clock.clone(),
        ids: Arc::new(UuidV7::new(clock)),
        random: Arc::new(OsRandom),
        sleeper: Arc::new(TokioSleeper),
    }
}
