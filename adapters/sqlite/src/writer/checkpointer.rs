//! Moves the write-ahead log into the file (checkpoints).
//!
//! A thread moves the log while units go on. But SQLite restarts the log only after all of it has been moved, which
//! never happens while units are committed all the time. So the last short part is moved between two groups. Moving the
//! whole log there, as SQLite does by default, would delay every waiting unit by tens of milliseconds.
//!
//! SQLite counts pages as moved that it has not synced. The thread syncs the file, so that the rest has little to sync.
//! **After a failed sync, nothing is moved until the next start.** The kernel may have dropped the pages that it could
//! not write. SQLite would not write them again, and would restart the log, which still holds all of them.

use super::group::Log;
use crate::errors::is_passing;
use rusqlite::Connection;
use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

/// The log is moved when it has this many pages (of 4 KiB) that are not in the file. A higher limit writes a page that
/// every unit touches less often, and makes the first start after a kill slower.
const LONG: i64 = 4_000;
/// At most this many pages are moved between two groups.
const SHORT: i64 = 400;
/// After this many rounds of the thread, the rest is moved between two groups, however long it is: units write faster
/// than the thread moves.
const ROUNDS: u32 = 4;

/// The connection and the file that move the log, apart from the connection that writes.
pub(crate) struct LogMover {
    pub(crate) db: Connection,
    /// The database, opened for syncing. It is never closed: closing any descriptor of a file drops the locks that this
    /// process holds on it.
    pub(crate) file: &'static File,
}

/// Decides when the log is moved, and owns the thread that moves it. See the module's documentation.
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
    rounds: Option<mpsc::Sender<()>>,
    shared: Arc<Shared>,
    plan: Plan,
}

/// The state that the thread shares with the checkpointer.
#[derive(Default)]
struct Shared {
    is_at_work: AtomicBool,
    has_given_up: AtomicBool,
}

impl Shared {
    /// Logs a failed move, and decides whether the next one may be tried. A full disk has lost nothing.
    fn judge(&self, moved: Result<(), Box<dyn std::error::Error>>) {
        let Err(error) = moved else { return };
        if error.downcast_ref().is_some_and(is_passing) {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database file, and grows");
        } else if !self.has_given_up.swap(true, Ordering::AcqRel) {
            tracing::error!(
                %error,
                "the database file could not be written: the write-ahead log keeps everything, grows, and is moved at \
                 the next start"
            );
        }
    }
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(mover: LogMover) -> std::io::Result<Self> {
        let (rounds, wanted) = mpsc::channel::<()>();
        let shared = Arc::<Shared>::default();
        let state = Arc::clone(&shared);
        let work = move || {
            for () in wanted {
                state.judge(move_log(&mover.db).and_then(|()| Ok(mover.file.sync_data()?)));
                state.is_at_work.store(false, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("skep-sqlite-checkpoint".to_owned()).spawn(work)?;
        Ok(Self { thread: Some(thread), rounds: Some(rounds), shared, plan: Plan::default() })
    }

    /// Looks at the log after a COMMIT. Returns whether its rest must be moved now, before the next unit.
    pub(super) fn look(&mut self, log: Log) -> bool {
        let is_there = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        if self.has_given_up() || is_there && self.shared.is_at_work.load(Ordering::Acquire) {
            return false;
        }
        match self.plan.next(log) {
            Step::Nothing => false,
            Step::Rest => true,
            Step::Round => {
                self.shared.is_at_work.store(true, Ordering::Release);
                // Without the thread, all of the log is moved at once, as SQLite does by default.
                !is_there || self.rounds.as_ref().is_none_or(|rounds| rounds.send(()).is_err())
            }
        }
    }

    /// Moves the rest, as far as readers allow, on the connection that writes.
    pub(super) fn move_rest(&mut self, writer: &Connection) {
        self.shared.judge(move_log(writer));
    }

    /// Records the log after its rest was moved.
    pub(super) fn rest_is_moved(&mut self, log: Log) {
        self.plan.last = Some(log);
    }

    /// Ends the thread. Returns whether the log may be emptied.
    pub(super) fn stop(mut self) -> bool {
        self.join();
        !self.has_given_up()
    }

    fn has_given_up(&self) -> bool {
        self.shared.has_given_up.load(Ordering::Acquire)
    }

    fn join(&mut self) {
        self.rounds = None;
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic in the thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Moves the pages that no reader needs. Never waits for a lock.
fn move_log(db: &Connection) -> Result<(), Box<dyn std::error::Error>> {
    Ok(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The log is too short.
    Nothing,
    /// The thread moves the log.
    Round,
    /// The rest is moved between two groups.
    Rest,
}

/// Decides what to do next with a log of a given length.
#[derive(Debug, Default)]
struct Plan {
    /// The rounds of the thread since the log became long.
    rounds: u32,
    /// The log after its rest was last moved, unless it has restarted since.
    last: Option<Log>,
}

impl Plan {
    fn next(&mut self, log: Log) -> Step {
        if self.last.is_some_and(|last| log.pages < last.pages) {
            self.last = None;
        }
        if self.rounds == 0 && log.left() < self.due() {
            return Step::Nothing;
        }
        if self.rounds > 0 && (log.left() <= SHORT || self.rounds >= ROUNDS) {
            self.rounds = 0;
            return Step::Rest;
        }
        self.rounds += 1;
        Step::Round
    }

    /// The least number of pages left for which the log is moved.
    fn due(&self) -> i64 {
        match self.last {
            None => LONG,
            // All was moved, but a reader kept the log from restarting, so it is moved again soon.
            Some(last) if last.left() == 0 => SHORT,
            // A reader needed the pages that are left, and may still need them.
            Some(last) => last.left() + LONG,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(pages: i64, moved: i64) -> Log {
        Log { pages, moved }
    }

    #[test]
    fn the_thread_moves_most_of_the_log_and_the_rest_is_moved_between_two_groups() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(log(LONG - 1, 0)), Step::Nothing);
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
        assert_eq!(plan.next(log(LONG + 900, LONG)), Step::Round);
        assert_eq!(plan.next(log(LONG + 1_200, LONG + 900)), Step::Rest);
        plan.last = Some(log(LONG + 1_200, LONG + 1_200));
        // The log restarts.
        assert_eq!(plan.next(log(SHORT, 0)), Step::Nothing);
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
    }

    #[test]
    fn units_that_outpace_the_thread_finally_wait_for_it() {
        let mut plan = Plan::default();
        for round in 0..i64::from(ROUNDS) {
            assert_eq!(plan.next(log(LONG * (round + 1), LONG * round)), Step::Round);
        }
        assert_eq!(plan.next(log(LONG * 9, LONG * 8)), Step::Rest);
    }

    #[test]
    fn pages_that_a_reader_needs_are_retried_and_moved_in_rounds_after_it() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
        for _ in 1..ROUNDS {
            assert_eq!(plan.next(log(LONG, 10)), Step::Round);
        }
        assert_eq!(plan.next(log(LONG, 10)), Step::Rest);
        plan.last = Some(log(LONG, 10));
        assert_eq!(plan.next(log(LONG + 500, 10)), Step::Nothing);
        assert_eq!(plan.next(log(2 * LONG, 10)), Step::Round);
        // The reader has gone. The units that were committed meanwhile wrote more than a rest.
        assert_eq!(plan.next(log(3 * LONG, 2 * LONG)), Step::Round);
        assert_eq!(plan.next(log(3 * LONG + SHORT, 3 * LONG)), Step::Rest);
        plan.last = Some(log(3 * LONG + SHORT, 3 * LONG + SHORT));
        assert_eq!(plan.next(log(LONG - 1, 0)), Step::Nothing);
    }

    #[test]
    fn a_log_that_was_moved_but_did_not_restart_is_moved_again_soon() {
        let mut plan = Plan { rounds: 0, last: Some(log(5_000, 5_000)) };
        assert_eq!(plan.next(log(5_000 + SHORT - 1, 5_000)), Step::Nothing);
        assert_eq!(plan.next(log(5_000 + SHORT, 5_000)), Step::Round);
        assert_eq!(plan.next(log(5_000 + SHORT + 50, 5_000 + SHORT)), Step::Rest);
    }

    #[test]
    fn without_its_thread_the_log_is_moved_at_once_and_after_a_failed_sync_not_at_all() {
        let file = tempfile::tempfile().unwrap();
        let mover = LogMover { db: Connection::open_in_memory().unwrap(), file: Box::leak(Box::new(file)) };
        let mut checkpointer = Checkpointer::start(mover).unwrap();
        checkpointer.join();
        assert!(!checkpointer.look(log(LONG - 1, 0)));
        assert!(checkpointer.look(log(LONG, 0)));
        checkpointer.plan = Plan::default();
        checkpointer.shared.judge(Err(std::io::Error::other("input/output error").into()));
        assert!(!checkpointer.look(log(LONG, 0)));
        assert!(!checkpointer.stop());
    }
}
