//! Who moves the write-ahead log into the file, and when.
//!
//! A thread moves it while units go on. But SQLite begins the log anew only if all of it has been moved, which never is
//! so while units are committed all the time: the last short rest is moved between two groups. Moving the whole of it
//! there, as SQLite does by itself, would hold up every unit of that moment for tens of milliseconds.

use super::group::Log;
use rusqlite::Connection;
use std::{
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

/// See the module's documentation.
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
    rounds: Option<mpsc::Sender<()>>,
    is_at_work: Arc<AtomicBool>,
    plan: Plan,
}

impl Checkpointer {
    /// Starts the thread, on a connection of its own.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (rounds, wanted) = mpsc::channel::<()>();
        let is_at_work = Arc::new(AtomicBool::new(false));
        let at_work = Arc::clone(&is_at_work);
        let work = move || {
            for () in wanted {
                move_log(&db);
                at_work.store(false, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("skep-sqlite-checkpoint".to_owned()).spawn(work)?;
        Ok(Self { thread: Some(thread), rounds: Some(rounds), is_at_work, plan: Plan::default() })
    }

    /// Looks at the log after a COMMIT; whether its rest is to be moved now, before the next unit.
    pub(super) fn look(&mut self, log: Log) -> bool {
        let is_there = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        if is_there && self.is_at_work.load(Ordering::Acquire) {
            return false;
        }
        match self.plan.next(log) {
            Step::Nothing => false,
            Step::Rest => true,
            Step::Round => {
                self.is_at_work.store(true, Ordering::Release);
                // Without the thread all of it is moved at once, as SQLite does by itself.
                !is_there || self.rounds.as_ref().is_none_or(|rounds| rounds.send(()).is_err())
            }
        }
    }

    /// The rest was moved, as far as readers let it.
    pub(super) fn rest_is_moved(&mut self, log: Log) {
        self.plan.rest_is_moved(log);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.rounds = None;
        if let Some(thread) = self.thread.take() {
            // It cannot be that thread itself, and a panic in it has been told.
            let _ = thread.join();
        }
    }
}

/// Moves what no reader needs any more; never waits for anybody.
pub(super) fn move_log(db: &Connection) {
    let moved = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = moved {
        tracing::warn!(%error, "the write-ahead log could not be moved into the file, and grows");
    }
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
    /// What readers, or a fault, left in the log when its rest was to be moved last.
    stuck: i64,
}

impl Plan {
    fn next(&mut self, log: Log) -> Step {
        let left = log.pages - log.moved;
        if self.rounds == 0 && left < LONG + self.stuck {
            return Step::Nothing;
        }
        if self.rounds > 0 && (left <= SHORT + self.stuck || self.rounds >= ROUNDS) {
            self.rounds = 0;
            return Step::Rest;
        }
        self.rounds += 1;
        Step::Round
    }

    fn rest_is_moved(&mut self, log: Log) {
        self.stuck = log.pages - log.moved;
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
        plan.rest_is_moved(log(LONG + 1_200, LONG + 1_200));
        // It begins anew.
        assert_eq!(plan.next(log(30, 0)), Step::Nothing);
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
    fn while_a_reader_stands_in_the_way_it_is_tried_now_and_then() {
        let mut plan = Plan::default();
        assert_eq!(plan.next(log(LONG, 0)), Step::Round);
        for _ in 1..ROUNDS {
            assert_eq!(plan.next(log(LONG, 10)), Step::Round);
        }
        assert_eq!(plan.next(log(LONG, 10)), Step::Rest);
        plan.rest_is_moved(log(LONG, 10));
        assert_eq!(plan.next(log(LONG + 500, 10)), Step::Nothing);
        assert_eq!(plan.next(log(2 * LONG, 10)), Step::Round);
        // It is gone.
        assert_eq!(plan.next(log(2 * LONG, 2 * LONG)), Step::Rest);
        plan.rest_is_moved(log(2 * LONG, 2 * LONG));
        assert_eq!(plan.next(log(LONG - 1, 0)), Step::Nothing);
    }
}
