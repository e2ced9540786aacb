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

/// How a shared COMMIT ended.
pub(super) type Verdict = Result<(), Loss>;
/// Where somebody waits for it.
pub(super) type Answer = oneshot::Sender<Verdict>;

/// The length of the write-ahead log, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) pages: i64,
    /// How many of them are in the file, too.
    pub(super) moved: i64,
}

impl Log {
    /// How many are not.
    pub(super) fn left(self) -> i64 {
        self.pages - self.moved
    }
}

/// A group that has ended: who is to be told what.
pub(super) struct Ended {
    pub(super) verdict: Verdict,
    /// How many units wanted to be stored; the other answers are refusals.
    pub(super) units: u64,
    /// How long the COMMIT took, if one was tried.
    pub(super) took: Option<Duration>,
    answers: Vec<Answer>,
}

impl Ended {
    /// Whether anybody waits to be told.
    pub(super) fn is_answered(&self) -> bool {
        !self.answers.is_empty()
    }

    pub(super) fn tell(self) {
        for answer in self.answers {
            // Who hung up meanwhile was cancelled: its unit has ended as a whole all the same.
            let _ = answer.send(self.verdict.clone());
        }
    }
}

/// See the module's documentation.
pub(super) struct GroupWriter {
    session: Session,
    /// The guard against a COMMIT at any other place than [`Self::end_group`].
    may_commit: Arc<AtomicBool>,
    /// When the shared transaction was opened, if one is open.
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

    /// Opens the savepoint of a unit, and before it the shared transaction if none is open. Busy when another process
    /// writes.
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

    /// Runs what the open unit asks for. When SQLite ends the whole transaction in it, everybody in the group is told
    /// at once, and nothing can be written after it.
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

    /// Closes the savepoint of the open unit, so that what it wrote is part of the shared transaction.
    pub(super) fn keep_unit(&mut self, answer: Answer) -> rusqlite::Result<()> {
        self.session.control("RELEASE unit")?;
        self.unit_is_open = false;
        self.units += 1;
        self.answers.push(answer);
        Ok(())
    }

    /// Undoes the open unit, if there is one.
    pub(super) fn undo_unit(&mut self) {
        if !self.unit_is_open {
            return;
        }
        self.unit_is_open = false;
        let undone = self.session.control("ROLLBACK TO unit").and_then(|()| self.session.control("RELEASE unit"));
        if undone.is_err() {
            // Half of it may still be there: better nobody's work than this.
            self.abandon(Loss::aborted("a neighbor could not be undone"));
        }
        self.notice_the_end();
    }

    /// Lets somebody wait for the COMMIT who read rows of this group.
    pub(super) fn join(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Whether the shared transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened_at.is_some()
    }

    /// Whether anybody waits for the COMMIT.
    pub(super) fn is_awaited(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether the group has to end now, although others queue to join it.
    pub(super) fn is_due(&self, size: usize, age: Duration) -> bool {
        self.is_awaited()
            && (self.answers.len() >= size || self.opened_at.is_none_or(|opened_at| opened_at.elapsed() >= age))
    }

    /// Ends the shared transaction, by COMMIT if anybody waits for it. Waits for the disk. The answers are not sent yet,
    /// so that the writer can be passed on first.
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

    /// How long the write-ahead log is.
    pub(super) fn log(&self) -> rusqlite::Result<Log> {
        let db = self.session.db();
        db.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| Ok(Log { pages: row.get(1)?, moved: row.get(2)? }))
    }

    /// The connection itself, between two groups.
    pub(super) fn db(&self) -> &Connection {
        self.session.db()
    }

    /// Moves the write-ahead log into the file and empties it; best effort, nothing depends on it.
    pub(super) fn empty_log(&self) {
        let moved = self.session.db().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the last checkpoint failed; the next start repeats it");
        }
    }

    /// Rolls the group back and tells it so.
    fn abandon(&mut self, loss: Loss) {
        self.roll_back();
        self.ended(Err(loss)).tell();
    }

    /// Whether SQLite has ended the transaction by itself, as it does after some errors. Then all that was in it is
    /// gone, and who waits is told.
    fn notice_the_end(&mut self) -> bool {
        if self.opened_at.is_none() || self.session.in_transaction() {
            return false;
        }
        self.unit_is_open = false;
        if self.is_awaited() {
            tracing::warn!(units = self.units, "SQLite rolled a whole group of units back");
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

/// SQLite turns every COMMIT that the hook does not allow into a ROLLBACK.
fn db_with_guard(mut db: Connection, may_commit: Arc<AtomicBool>) -> rusqlite::Result<Connection> {
    db.commit_hook(Some(move || !may_commit.load(Ordering::Relaxed)))?;
    Ok(db)
}
