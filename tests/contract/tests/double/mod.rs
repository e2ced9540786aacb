//! The store in memory: honest, or with one flaw planted over it.
//!
//! Its flaws are those of whole stores (units of work, races, keys, lists). The flaws of an ordinary entity's own
//! statements are planted in real SQLite, in `tests/suites/tests/flaws.rs`; here the methods of a new port pass through.

mod operations;
mod queries;
mod unit;

use async_trait::async_trait;
use skep_application::{
    Store,
    kernel::{Key, StoreError, TxMode, Units},
    operations::{FOUNDATION, MigrationStep, Migrations as _},
};
use skep_contract::{CommitFault, Failure, Faults, Harness, Instance, Need, Start};
use skep_local::SystemClock;
use skep_memory::{MemorySet, MemoryStep, MemoryStore};
use std::sync::Arc;
use unit::FlawedUnit;

type Done<T> = Result<T, StoreError>;

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// Dropping a unit commits it.
    DropCommits,
    /// A rollback commits what was written so far.
    RollbackCommits,
    /// An error does not end the unit.
    ForgetsErrors,
    /// A commit that failed says `Ok`.
    CommitLies,
    /// What is written is visible before the commit.
    ShowsDrafts,
    /// Another instance sees what was there when it was opened.
    LagsBehind,
    /// A reading unit sees what others commit.
    ReadsChange,
    /// Writers do not wait for each other; the last one wins.
    LosesUpdates,
    /// A save does not look at the version.
    IgnoresVersions,
    /// A save of what is not there inserts it.
    SavesTheMissing,
    /// A duplicate is reported as that of another rule.
    NamesTheWrongRule,
    /// Prices go through a double.
    RoundsPrices,
    /// Times lose their milliseconds.
    CutsMilliseconds,
    /// The lines of an order come back sorted.
    SortsLines,
    /// A save of an order replaces its lines.
    SavesLines,
    /// A claim is always new.
    NeverReplays,
    /// A claim does not look at the fingerprint.
    IgnoresFingerprints,
    /// Keys are never forgotten.
    NeverForgets,
    /// Keys of all principals are the same.
    SharesKeys,
    /// A sweep ignores its limit.
    SweepsAll,
    /// Settling never finds anything.
    NeverSettles,
    /// A reservation can be ended again.
    EndsTwice,
    /// A session can be revoked again.
    RevokesTwice,
    /// A sweep leaves the sessions that were revoked.
    KeepsRevoked,
    /// A set-up token that is there cannot be replaced.
    KeepsTheToken,
    /// Stock is shown though its product is not there.
    ShowsOrphans,
    /// Reservations expire a moment too late.
    ExpiresLate,
    /// Other people's orders are shown and listed.
    IgnoresScopes,
    /// A page starts after the sort key of the last row, whatever its id.
    SkipsEquals,
    /// Lists show what was archived.
    ListsArchived,
    /// A page of orders has as many as are asked for, however many lines.
    ListsEveryLine,
    /// A page that is cut at its lines looks like the last one.
    EndsAtTheCut,
    /// A page reports its own length as the count of all rows.
    CountsThePage,
    /// A second key of a purpose is kept.
    KeepsEveryKey,
    /// A schema with a later step of a known set is moved.
    TouchesNewer,
    /// A schema with a set that the program does not know is moved.
    TouchesUnknownSets,
    /// A step that failed counts as applied.
    RecordsWhatFailed,
    /// The set of a host program runs before ours.
    RunsHostsFirst,
    /// What is taken back is not of the set that was named.
    IgnoresTheNamedSet,
    /// A set is taken back although another was built on it.
    TakesBackTheNeeded,
    /// Every start applies every step.
    MigratesAgain,
}

/// An instance of the store.
#[derive(Clone)]
pub(crate) struct Flawed {
    store: MemoryStore,
    /// What queries see: the store, or what was there when the instance was opened.
    seen: MemoryStore,
    flaw: Flaw,
}

impl Units for Flawed {
    type Unit = FlawedUnit;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<FlawedUnit, StoreError> {
        // A unit that only reads waits for no other one.
        let opened = if self.flaw == Flaw::LosesUpdates { TxMode::Read } else { mode };
        let inner = self.store.open(opened, contended).await?;
        Ok(FlawedUnit::new(inner, self.store.clone(), self.flaw, mode))
    }
}

/// Hands out stores with a flaw.
pub(crate) struct Doubles(pub(crate) Flaw);

#[async_trait]
impl Harness for Doubles {
    fn name(&self) -> &str {
        "double"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::CommitFault(CommitFault::Aborted) | Need::Full | Need::Schema => None,
            _ => Some("the double is in memory"),
        }
    }

    async fn fresh(&self, start: Start, _needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let store = empty();
        if start == Start::Migrated {
            store.up().await?;
        }
        Ok(Box::new(Flawed { seen: store.clone(), store, flaw: self.0 }))
    }
}

fn empty() -> MemoryStore {
    MemoryStore::new(Arc::new(SystemClock::new()))
}

const HOSTED: &[MigrationStep<MemoryStep>] = &[
    MigrationStep { name: "first", work: || Ok(()) },
    MigrationStep { name: "second", work: || Ok(()) },
    MigrationStep { name: "broken", work: || Err(StoreError::Stale) },
];

#[async_trait]
impl Instance for Flawed {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        let mut second = self.clone();
        if self.flaw == Flaw::LagsBehind {
            second.seen = empty();
            second.seen.restore(self.store.state());
        }
        Ok(Arc::new(second))
    }

    fn faults(&self) -> &dyn Faults {
        self
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        let set = MemorySet { name: "suite", after: &[FOUNDATION], steps: &HOSTED[..steps] };
        Ok(Arc::new(Self { store: self.store.clone().with_sets(&[set])?, ..self.clone() }))
    }
}

#[async_trait]
impl Faults for Flawed {
    async fn break_commits(&self, _fault: CommitFault) -> Result<(), Failure> {
        self.fill().await
    }

    async fn mend(&self) -> Result<(), Failure> {
        self.store.set_capacity(usize::MAX);
        Ok(())
    }

    fn lost_commits(&self) -> u64 {
        0
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        Err(Failure::new("the double has no connection"))
    }

    async fn isolate(&self) -> Result<(), Failure> {
        Err(Failure::new("there is no server"))
    }

    async fn fill(&self) -> Result<(), Failure> {
        self.store.set_capacity(0);
        Ok(())
    }

    fn round_trips(&self) -> u64 {
        0
    }
}
