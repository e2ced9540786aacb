//! The connection that writes, and the transaction that a group of units shares on it.

use crate::{
    errors::{Loss, fault},
    session::Session,
};
use rusqlite::Connection;
use skep_application::kernel::StoreError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The outcome of a shared COMMIT.
pub(super) type Verdict = Result<(), Loss>;
/// The channel on which a caller waits for the outcome.
pub(super) type Answer = oneshot::Sender<Verdict>;

/// The length of the write-ahead log, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) pages: i64,
    /// The number of these pages that are also in the file.
    pub(super) moved: i64,
}

impl Log {
    /// The number of pages that are not in the file yet.
    pub(super) fn left(self) -> i64 {
        self.pages - self.moved
    }
}

/// A group that has ended, with its verdict and the callers that wait for it.
pub(super) struct Ended {
    pub(super) verdict: Verdict,
    /// The number of units to be stored. The other answers are refusals.
    pub(super) units: u64,
    /// How long the COMMIT took, if it was tried.
    pub(super) took: Option<Duration>,
    answers: Vec<Answer>,
}

impl Ended {
    /// Whether a caller waits for the verdict.
    pub(super) fn is_answered(&self) -> bool {
        !self.answers.is_empty()
    }

    pub(super) fn tell(self) {
        for answer in self.answers {
            // If the receiver is gone, its caller was cancelled. Its unit was committed or rolled back regardless.
            let _ = answer.send(self.verdict.clone());
        }
    }
}

/// The connection that writes, with its open transaction and the callers that wait for the COMMIT.
pub(super) struct GroupWriter {
    session: Session,
    /// Allows a COMMIT only within [`Self::end_group`].
    may_commit: Arc<AtomicBool>,
    /// When the open shared transaction began.
    opened_at: Option<Instant>,
    /// Whether a unit's savepoint is open.
    unit_is_open: bool,
    answers: Vec<Answer>,
    units: u64,
    /// Runs before the next COMMIT.
    #[cfg(test)]
    pub(super) before_commit: Option<Box<dyn FnOnce() + Send>>,
}

impl GroupWriter {
    pub(super) fn new(db: Connection) -> rusqlite::Result<Self> {
        let may_commit = Arc::new(AtomicBool::new(false));
        let guard = Arc::clone(&may_commit);
        db_with_guard(db, guard).map(|db| Self {
            session: Session::new(db),
            may_commit,
            opened_at: None,
            unit_is_open: false,
            answers: Vec::new(),
            units: 0,
            #[cfg(test)]
            before_commit: None,
        })
    }

    /// Opens the savepoint of a unit, after the shared transaction if none is open. Busy while another process writes.
    pub(super) fn begin_unit(&mut self) -> rusqlite::Result<()> {
        if self.opened_at.is_none() {
            if self.session.in_transaction() {
                self.session.control("ROLLBACK")?;
            }
            self.session.control("BEGIN IMMEDIATE")?;
            self.opened_at = Some(Instant::now());
        }
        let begun = self.session.control("SAVEPOINT unit");
        self.unit_is_open = begun.is_ok();
        self.notice_the_end();
        begun
    }

    /// Runs the statements of the open unit. If SQLite ends the whole transaction meanwhile, every caller in the group
    /// gets the error at once, and the unit can write nothing more.
    pub(super) fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.unit_is_open {
            return Err(StoreError::after_error());
        }
        let result = work(&mut self.session);
        if self.notice_the_end() {
            return result.and_then(|_| Err(fault("a statement", "ended the transaction")));
        }
        result
    }

    /// Closes the savepoint of the open unit. Its writes then belong to the shared transaction.
    pub(super) fn keep_unit(&mut self, answer: Answer) -> rusqlite::Result<()> {
        self.session.control("RELEASE unit")?;
        self.unit_is_open = false;
        self.units += 1;
        self.answers.push(answer);
        Ok(())
    }

    /// Rolls the open unit back, if there is one.
    pub(super) fn undo_unit(&mut self) {
        if !self.unit_is_open {
            return;
        }
        self.unit_is_open = false;
        let undone = self.session.control("ROLLBACK TO unit").and_then(|()| self.session.control("RELEASE unit"));
        if undone.is_err() {
            // Part of the unit may still be there, so the whole group is rolled back.
            self.abandon(Loss::aborted("another unit of the group could not be rolled back"));
        }
        self.notice_the_end();
    }

    /// Adds a caller that read rows of this group and waits for their COMMIT.
    pub(super) fn join(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Whether the shared transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened_at.is_some()
    }

    /// Whether a caller waits for the COMMIT.
    pub(super) fn is_awaited(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether the group must end now, even if other units queue to join it.
    pub(super) fn is_due(&self, size: usize, age: Duration) -> bool {
        self.is_awaited()
            && (self.answers.len() >= size || self.opened_at.is_none_or(|opened_at| opened_at.elapsed() >= age))
    }

    /// Ends the shared transaction, by COMMIT if a caller waits for it. Blocks until it is on disk. The answers are not
    /// sent yet, so that the writer can be passed on first.
    pub(super) fn end_group(&mut self) -> Ended {
        if !self.is_awaited() {
            self.roll_back();
            return self.ended(Ok(()));
        }
        if !self.session.in_transaction() {
            return self.ended(Err(Loss::aborted("the shared transaction was gone")));
        }
        #[cfg(test)]
        if let Some(probe) = self.before_commit.take() {
            probe();
        }
        self.may_commit.store(true, Ordering::Relaxed);
        let started = Instant::now();
        let committed = self.session.control("COMMIT");
        let took = started.elapsed();
        self.may_commit.store(false, Ordering::Relaxed);
        let verdict = committed.map_err(Loss::of_commit);
        if verdict.is_err() {
            self.roll_back();
        }
        Ended { took: Some(took), ..self.ended(verdict) }
    }

    /// Ends the group after a panic in [`Self::end_group`].
    pub(super) fn end_after_panic(&mut self) -> Ended {
        self.may_commit.store(false, Ordering::Relaxed);
        let loss = if self.session.in_transaction() {
            Loss::aborted("a panic before the shared commit")
        } else {
            Loss::unknown("a panic in the shared commit")
        };
        self.roll_back();
        self.ended(Err(loss))
    }

    /// Reads the length of the write-ahead log.
    pub(super) fn log(&self) -> rusqlite::Result<Log> {
        let db = self.session.db();
        db.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| Ok(Log { pages: row.get(1)?, moved: row.get(2)? }))
    }

    /// The connection, for use between two groups.
    pub(super) fn db(&self) -> &Connection {
        self.session.db()
    }

    /// Moves the write-ahead log into the file and empties it. Only logs a failure, because nothing depends on it.
    pub(super) fn empty_log(&self) {
        let moved = self.session.db().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the last checkpoint failed, and the next start repeats it");
        }
    }

    /// Rolls the group back and answers its callers.
    fn abandon(&mut self, loss: Loss) {
        self.roll_back();
        self.ended(Err(loss)).tell();
    }

    /// Whether SQLite has ended the transaction by itself, as it does after some errors. Everything in it is then gone,
    /// and the waiting callers get the error.
    fn notice_the_end(&mut self) -> bool {
        if self.opened_at.is_none() || self.session.in_transaction() {
            return false;
        }
        self.unit_is_open = false;
        if self.is_awaited() {
            tracing::warn!(units = self.units, "SQLite rolled back a whole group of units");
        }
        self.ended(Err(Loss::aborted("SQLite rolled back the transaction that the unit was part of"))).tell();
        true
    }

    fn roll_back(&self) {
        if self.session.in_transaction()
            && let Err(error) = self.session.control("ROLLBACK")
        {
            tracing::error!(%error, "a rollback failed");
        }
    }

    fn ended(&mut self, verdict: Verdict) -> Ended {
        self.opened_at = None;
        self.unit_is_open = false;
        Ended {
            verdict,
            units: std::mem::take(&mut self.units),
            took: None,
            answers: std::mem::take(&mut self.answers),
        }
    }
}

/// Installs a commit hook: SQLite turns every COMMIT that it does not allow into a ROLLBACK.
fn db_with_guard(mut db: Connection, may_commit: Arc<AtomicBool>) -> rusqlite::Result<Connection> {
    db.commit_hook(Some(move || !may_commit.load(Ordering::Relaxed)))?;
    Ok(db)
}
