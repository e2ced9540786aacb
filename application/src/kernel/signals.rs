//! Wakes the tasks of a process that wait for something new in the store.

use event_listener::Event;
use std::sync::atomic::{AtomicU64, Ordering};

/// Wakes all tasks that wait for it. A task that looks for work reads [`Signal::seen`] first; if something new comes
/// while it looks, [`Signal::later_than`] returns at once, so no wake-up is lost.
#[derive(Debug, Default)]
pub struct Signal {
    count: AtomicU64,
    event: Event,
}

impl Signal {
    /// Wakes the tasks.
    pub fn wake(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.event.notify(usize::MAX);
    }

    /// How often it has woken tasks.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits until it has woken tasks once more than `seen`.
    pub async fn later_than(&self, seen: u64) {
        loop {
            let listener = self.event.listen();
            if self.seen() != seen {
                return;
            }
            listener.await;
        }
    }
}

/// The signals of an instance of a store.
#[derive(Debug, Default)]
pub struct Signals {
    /// A job may have become available.
    pub jobs: Signal,
    /// A schedule may fire at another time.
    pub schedules: Signal,
    /// An event was stored.
    pub events: Signal,
    /// Events have got their positions. The task that places events gives this signal.
    pub placed: Signal,
}

/// What a unit of work announces when it is committed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Announcement {
    /// It has made a job available.
    pub jobs: bool,
    /// It has appended an event.
    pub events: bool,
    /// It has stored a schedule.
    pub schedules: bool,
}

impl Signals {
    /// Wakes the tasks that wait for what is announced. A store calls it after each commit, also after one with an
    /// unknown outcome.
    pub fn announce(&self, announcement: Announcement) {
        if announcement.jobs {
            self.jobs.wake();
        }
        if announcement.events {
            self.events.wake();
        }
        if announcement.schedules {
            self.schedules.wake();
        }
    }
}

/// An instance of a store that signals what it has stored.
///
/// 1. When a unit of work that has made a job available is committed, `signals().jobs` wakes the tasks of this instance.
/// 2. When a unit of work that has appended an event is committed, `signals().events` wakes the tasks of this instance.
/// 3. When a unit of work that has stored a schedule is committed, `signals().schedules` wakes the tasks of this
///    instance.
///
/// A signal may also come without a reason, and one for a commit of another instance may come late or never. So a task
/// that waits looks by itself from time to time.
pub trait Signaling: Send + Sync {
    /// The signals, the same in each call.
    fn signals(&self) -> &Signals;
}
