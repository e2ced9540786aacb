//! Wakes the tasks of a process that wait for something new in the store.

use super::WakeUps;
use event_listener::Event;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

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
    /// Events have got their positions. The task that places events announces it.
    pub placed: Signal,
    /// Something was announced that other instances do not know yet.
    pub unsent: Signal,
    /// What they do not know yet. Announcements that are not sent gather in it, so it does not grow.
    gathered: Mutex<Announcement>,
}

/// What a unit of work announces when it is committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announcement {
    /// It has made a job available.
    pub jobs: bool,
    /// It has appended an event.
    pub events: bool,
    /// It has given events their positions.
    pub placed: bool,
    /// It has stored a schedule.
    pub schedules: bool,
}

impl Announcement {
    /// Whether nothing is announced.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Both announcements as one.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            jobs: self.jobs || other.jobs,
            events: self.events || other.events,
            placed: self.placed || other.placed,
            schedules: self.schedules || other.schedules,
        }
    }
}

impl Signals {
    /// Wakes the tasks of this instance that wait for what is announced, and has it sent to the other instances. A store
    /// calls it after each commit, also after one with an unknown outcome.
    pub fn announce(&self, announcement: Announcement) {
        if announcement.is_empty() {
            return;
        }
        self.wake(announcement);
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if gathered.is_empty() {
            self.unsent.wake();
        }
        *gathered = gathered.and(announcement);
    }

    /// Takes what other instances do not know yet.
    #[must_use]
    pub fn take_unsent(&self) -> Announcement {
        std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes the tasks of this instance that wait for what is announced.
    pub fn wake(&self, announcement: Announcement) {
        if announcement.jobs {
            self.jobs.wake();
        }
        if announcement.events {
            self.events.wake();
        }
        if announcement.placed {
            self.placed.wake();
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
/// 4. `signals().take_unsent()` returns once what the committed units have announced since it was called last.
///
/// A signal may also come without a reason, and one for a commit of another instance may come late or never. So a task
/// that waits looks by itself from time to time.
pub trait Signaling: Send + Sync {
    /// The signals, the same in each call.
    fn signals(&self) -> &Signals;

    /// The way to the other instances; `None` if the store has none, because all of them are in one process.
    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_gather_until_they_are_sent_and_what_is_received_is_not_sent_on() {
        let signals = Signals::default();
        signals.announce(Announcement::default());
        assert_eq!((signals.unsent.seen(), signals.take_unsent()), (0, Announcement::default()));
        let (jobs, placed) = (
            Announcement { jobs: true, ..Announcement::default() },
            Announcement { placed: true, ..Announcement::default() },
        );
        signals.announce(jobs);
        signals.announce(placed);
        assert_eq!((signals.jobs.seen(), signals.placed.seen(), signals.unsent.seen()), (1, 1, 1));
        assert_eq!((signals.take_unsent(), signals.take_unsent()), (jobs.and(placed), Announcement::default()));
        signals.announce(jobs);
        assert_eq!((signals.unsent.seen(), signals.take_unsent()), (2, jobs));
        signals.wake(Announcement { events: true, schedules: true, ..jobs });
        assert_eq!((signals.jobs.seen(), signals.events.seen(), signals.schedules.seen()), (3, 1, 1));
        assert!(signals.take_unsent().is_empty());
    }
}
