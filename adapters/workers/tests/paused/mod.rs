//! A clock that follows the time of tokio, which the tests pause.

use skep_application::kernel::{Clock, Runtime};
use skep_domain::shared::Timestamp;
use skep_local::system_runtime;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

struct Paused {
    start: Instant,
    began: Timestamp,
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        self.began.plus_millis(i64::try_from(self.start.elapsed().as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The runtime of the system, with the paused clock.
pub(crate) fn runtime() -> Runtime {
    let system = system_runtime();
    let clock = Paused { start: Instant::now(), began: system.clock.now() };
    Runtime { clock: Arc::new(clock), ..system }
}
