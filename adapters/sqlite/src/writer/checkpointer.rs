//! Who moves the write-ahead log into the file, and when.
//!
//! A thread moves it while units go on. But SQLite begins the log anew only if all of it has been moved, which never is
//! so while units are committed all the time: the last short rest is moved between two groups. Moving the whole of it
//! there, as SQLite does by itself, would hold up every unit of that moment for tens of milliseconds.
//!
//! What SQLite counts as moved while units go on it has not synced. The thread does that, so that the rest has little to
//! sync, and **a sync that fails ends all moving until the next start**: the kernel may have dropped what it could not
//! write, SQLite would not write it again, and the log, which still has all of it, would be begun anew.

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

/// The log is moved when so many pages (of 4 KiB) in it are not in the file. The more, the rarer is a page that every
/// unit touches written to the file, and the longer takes the first start after a kill.
const LONG: i64 = 4_000;
/// So few are moved between two groups.
const SHORT: i64 = 400;
/// After so many rounds of the thread, the rest is moved between two groups, however long it is: units come quicker than
/// the thread is.
const ROUNDS: u32 = 4;

/// What the log is moved with, beside the connection that writes.
pub(crate) struct LogMover {
    pub(crate) db: Connection,
    /// The database, to be synced. Never closed: closing any descriptor of a file drops the locks that this process has
    /// on it.
    pub(crate) file: &'static File,
}

/// See the module's documentation.
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
    rounds: Option<mpsc::Sender<()>>,
    shared: Arc<Shared>,
    plan: Plan,
}

/// What the thread tells.
#[derive(Default)]
struct Shared {
    is_at_work: AtomicBool,
    has_given_up: AtomicBool,
}

impl Shared {
    /// Whether a move that has failed may be tried again: a full disk has lost nothing.
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
        let told = Arc::clone(&shared);
        let work = move || {
            for () in wanted {
                told.judge(move_log(&mover.db).and_then(|()| Ok(mover.file.sync_data()?)));
                told.is_at_work.store(false, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("skep-sqlite-checkpoint".to_owned()).spawn(work)?;
        Ok(Self { thread: Some(thread), rounds: Some(rounds), shared, plan: Plan::default() })
    }

    /// Looks at the log after a COMMIT; whether its rest is to be moved now, before the next unit.
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
                // Without the thread all of it is moved at once, as SQLite does by itself.
                !is_there || self.rounds.as_ref().is_none_or(|rounds| rounds.send(()).is_err())
            }
        }
    }

    /// Moves the rest, as far as readers let it, on the connection that writes.
    pub(super) fn move_rest(&mut self, writer: &Connection) {
        self.shared.judge(move_log(writer));
    }

    /// The log as it is after its rest was moved.
    pub(super) fn rest_is_moved(&mut self, log: Log) {
        self.plan.last = Some(log);
    }

    /// Ends the thread; whether the log may be emptied.
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
            // A panic in it has been told.
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Moves what no reader needs any more; never waits for anybody.
fn move_log(db: &Connection) -> Result<(), Box<dyn std::error::Error>> {
    Ok(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The log is not long enough yet.
    Nothing,
    /// A round of the thread.
    Round,
    /// The rest, between two groups.
    Rest,
}

/// What to do next with a log of this length.
#[derive(Debug, Default)]
struct Plan {
    /// How many rounds the thread has done since the log was long.
    rounds: u32,
    /// The log after its rest was moved last, unless it has begun anew since.
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

    /// How much has to be left to be moved.
    fn due(&self) -> i64 {
        match self.last {
            None => LONG,
            // All was moved, but a reader kept the log from beginning anew: soon again.
            Some(last) if last.left() == 0 => SHORT,
            // A reader needs what it has not moved, perhaps still.
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
    fn the_thread_moves_most_of_it_and_the_rest_is_moved_between_two_groups() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(log(LONG - 1, 0)), Step::Nothing);
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
        assert_eq!(plan.next(log(LONG + 900, LONG)), Step::Round);
        assert_eq!(plan.next(log(LONG + 1_200, LONG + 900)), Step::Rest);
        plan.last = Some(log(LONG + 1_200, LONG + 1_200));
        // It begins anew.
        assert_eq!(plan.next(log(SHORT, 0)), Step::Nothing);
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
    }

    #[test]
    fn units_that_are_quicker_than_the_thread_are_held_up_in_the_end() {
        let mut plan = Plan::default();
        for round in 0..i64::from(ROUNDS) {
            assert_eq!(plan.next(log(LONG * (round + 1), LONG * round)), Step::Round);
        }
        assert_eq!(plan.next(log(LONG * 9, LONG * 8)), Step::Rest);
    }

    #[test]
    fn what_a_reader_needs_is_tried_now_and_then_and_moved_in_rounds_when_it_has_gone() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
        for _ in 1..ROUNDS {
            assert_eq!(plan.next(log(LONG, 10)), Step::Round);
        }
        assert_eq!(plan.next(log(LONG, 10)), Step::Rest);
        plan.last = Some(log(LONG, 10));
        assert_eq!(plan.next(log(LONG + 500, 10)), Step::Nothing);
        assert_eq!(plan.next(log(2 * LONG, 10)), Step::Round);
        // It has gone, and units went on: what they wrote meanwhile is not the rest yet.
        assert_eq!(plan.next(log(3 * LONG, 2 * LONG)), Step::Round);
        assert_eq!(plan.next(log(3 * LONG + SHORT, 3 * LONG)), Step::Rest);
        plan.last = Some(log(3 * LONG + SHORT, 3 * LONG + SHORT));
        assert_eq!(plan.next(log(LONG - 1, 0)), Step::Nothing);
    }

    #[test]
    fn a_log_that_was_moved_but_did_not_begin_anew_is_moved_again_soon() {
        let mut plan = Plan { rounds: 0, last: Some(log(5_000, 5_000)) };
        assert_eq!(plan.next(log(5_000 + SHORT - 1, 5_000)), Step::Nothing);
        assert_eq!(plan.next(log(5_000 + SHORT, 5_000)), Step::Round);
        assert_eq!(plan.next(log(5_000 + SHORT + 50, 5_000 + SHORT)), Step::Rest);
    }

    #[test]
    fn without_its_thread_all_is_moved_at_once_and_after_a_failed_sync_nothing() {
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
