//! Keeps the timers and sockets of the runtime going while a handler blocks a thread.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};
use tokio::runtime::{Handle, RuntimeFlavor};

const EVERY: Duration = Duration::from_millis(250);

/// Wakes a thread of the runtime from time to time, until it is dropped.
///
/// One thread of the runtime at a time waits for its timers and sockets. When it gets a task that blocks it, the others may
/// be asleep, and tokio wakes none of them to take its place. Then nothing goes on in the process, not even a time-out.
pub(crate) struct RuntimePulse {
    _until: Sender<()>,
}

impl RuntimePulse {
    /// Wakes the runtime that runs the caller. A runtime with one thread has none that could take the place of a blocked
    /// one.
    pub(crate) fn start() -> Option<Self> {
        let runtime = Handle::current();
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return None;
        }
        let (until, dropped) = channel();
        let wake = move || {
            while dropped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                drop(runtime.spawn(async {}));
            }
        };
        match thread::Builder::new().name("runtime-pulse".to_owned()).spawn(wake) {
            Ok(_) => Some(Self { _until: until }),
            Err(error) => {
                tracing::warn!(%error, "a handler that blocks its thread may hold up other tasks");
                None
            }
        }
    }
}
