//! The store in memory, either correct or with one planted flaw.
//!
//! The flaws are those of whole stores (units of work, races, keys, lists). The flaws in the statements of an ordinary
//! entity are planted in real SQLite, in `tests/suites/tests/flaws.rs`. Here the methods of a new port pass through.

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

/// The mistake that a store makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The store is correct.
    None,
    /// Dropping a unit commits it.
    DropCommits,
    /// A rollback commits what was written so far.
    RollbackCommits,
    /// An error does not end the unit.
    ForgetsErrors,
    /// A commit that failed returns `Ok`.
    CommitLies,
    /// Writes are visible before the commit.
    ShowsDrafts,
    /// Another instance sees only the data from the time when it was opened.
    LagsBehind,
    /// A reading unit sees the later commits of other units.
    ReadsChange,
    /// Writers do not wait for each other; the last one wins.
    LosesUpdates,
    /// Writers do not wait for each other, and accounts and products that a unit holds can be changed.
    HoldsNothing,
    /// A save does not check the version.
    IgnoresVersions,
    /// A save of a missing row inserts it.
    SavesTheMissing,
    /// A duplicate is reported with another constraint.
    NamesTheWrongRule,
    /// Prices are rounded to a floating-point number.
    RoundsPrices,
    /// Times lose their milliseconds.
    CutsMilliseconds,
    /// The lines of an order come back sorted.
    SortsLines,
    /// A save of an order replaces its lines.
    SavesLines,
    /// A claim is always new.
    NeverReplays,
    /// A claim does not check the fingerprint.
    IgnoresFingerprints,
    /// Keys never expire.
    NeverForgets,
    /// Keys of all principals are the same.
    SharesKeys,
    /// A sweep ignores its limit.
    SweepsAll,
    /// `settle` never finds an event.
    NeverSettles,
    /// A reservation can be ended again.
    EndsTwice,
    /// A session can be revoked again.
    RevokesTwice,
    /// A link can be used again, and so can one that does not exist.
    ConsumesTwice,
    /// A refresh token can be replaced again.
    RotatesTwice,
    /// A session that has ended is renewed.
    RenewsTheEnded,
    /// A user keeps one session more than asked for.
    KeepsOneSessionMore,
    /// A sweep does not delete revoked sessions.
    KeepsRevoked,
    /// An existing setup token cannot be replaced.
    KeepsTheToken,
    /// Stock is shown although its product does not exist.
    ShowsOrphans,
    /// Reservations and orders expire 1 ms too late.
    ExpiresLate,
    /// Reservations that have expired are shown as reserved, and orders that have expired count as open.
    CountsExpired,
    /// Reservations of paid orders still expire.
    KeepsNothing,
    /// Orders of other users are shown and listed.
    IgnoresScopes,
    /// A page starts after the sort key of the last row and ignores its id.
    SkipsEquals,
    /// Lists include archived products.
    ListsArchived,
    /// A page of orders ignores the limit of lines.
    ListsEveryLine,
    /// A page that ends at the limit of lines looks like the last one.
    EndsAtTheCut,
    /// A page reports its own length as the total.
    CountsThePage,
    /// A total ignores its bound.
    CountsEveryRow,
    /// A second key for the same purpose is stored.
    KeepsEveryKey,
    /// The active key stays active beside the one that replaces it.
    ForgetsToRetire,
    /// Every key counts as activated.
    ActivatesAgain,
    /// All retired keys are deleted.
    ForgetsRetiredKeys,
    /// A store that works is said to be unusable.
    FindsDefects,
    /// Looking at an empty store migrates it.
    MigratesToInspect,
    /// A schema with a later step of a known set is migrated.
    TouchesNewer,
    /// A schema with an unknown set is migrated.
    TouchesUnknownSets,
    /// A step that failed counts as applied.
    RecordsWhatFailed,
    /// The set of a host program runs before ours.
    RunsHostsFirst,
    /// Steps of other sets than the named one are reverted.
    IgnoresTheNamedSet,
    /// A set is reverted although another set depends on it.
    TakesBackTheNeeded,
    /// Each start applies all steps.
    MigratesAgain,
}

/// An instance of the store.
#[derive(Clone)]
pub(crate) struct Flawed {
    store: MemoryStore,
    /// The data that queries see: the store, or a copy from the time when the instance was opened.
    seen: MemoryStore,
    flaw: Flaw,
}

impl Units for Flawed {
    type Unit = FlawedUnit;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<FlawedUnit, StoreError> {
        // A reading unit does not wait for another unit.
        let opened = if matches!(self.flaw, Flaw::LosesUpdates | Flaw::HoldsNothing) { TxMode::Read } else { mode };
        let inner = self.store.open(opened, contended).await?;
        Ok(FlawedUnit::new(inner, self.store.clone(), self.flaw, mode))
    }
}

/// Opens stores with this flaw.
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
