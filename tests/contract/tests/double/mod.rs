//! A store in memory: honest, or with one flaw.
//!
//! Its flaws are those of whole stores (units of work, races, keys, lists). An ordinary entity joins by a [`table::Table`]
//! in the state and an `impl table::Row` in the file of its context; the flaws of its own statements are planted in real
//! SQLite, in `tests/suites/tests/flaws.rs`.

mod catalog;
mod categories;
mod identity;
mod kernel;
mod migrations;
mod ordering;
mod queries;
mod table;

use async_trait::async_trait;
use skep_application::{
    Store,
    identity::SetupToken,
    kernel::{Key, OutboxEvent, StoreError, Transaction, TxMode, Units},
    operations::{AppliedStep, Schedule, SealedKey},
};
use skep_contract::{CommitFault, Failure, Instance, Need, Start, StoreHarness};
use skep_domain::{
    catalog::{Category, Product, Reservation, StockLevel, StockMovement},
    identity::{Session, User},
    ordering::Order,
    shared::{EventId, ProductId, ReservationId, SessionId, Timestamp},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};
use table::Table;
use tokio::sync::{Mutex, OwnedMutexGuard};
use uuid::Uuid;

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
    /// The count is that of the page.
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

#[derive(Clone, Default)]
pub(crate) struct State {
    users: Table<User>,
    sessions: BTreeMap<SessionId, Session>,
    setup: Option<SetupToken>,
    products: Table<Product>,
    categories: Table<Category>,
    levels: BTreeMap<ProductId, StockLevel>,
    movements: Vec<StockMovement>,
    reservations: BTreeMap<ReservationId, Reservation>,
    orders: Table<Order>,
    keys: BTreeMap<(Uuid, &'static str, String), StoredKey>,
    events: BTreeMap<EventId, OutboxEvent>,
    instance_keys: Vec<SealedKey>,
}

#[derive(Clone)]
struct StoredKey {
    fingerprint: [u8; 32],
    answer: String,
    expires_at: Timestamp,
}

#[derive(Default)]
struct Shared {
    state: RwLock<State>,
    writer: Arc<Mutex<()>>,
    refuses: AtomicBool,
    /// The steps that were applied.
    applied: RwLock<Vec<AppliedStep>>,
}

/// An instance of the store.
pub(crate) struct Double {
    shared: Arc<Shared>,
    flaw: Flaw,
    schedule: Schedule<()>,
    /// What it saw when it was opened, if that is all it sees.
    lagging: Option<State>,
}

/// A unit of work: a copy of the state, and the turn of a writer.
pub(crate) struct Unit {
    shared: Arc<Shared>,
    flaw: Flaw,
    mode: TxMode,
    draft: State,
    events_before: usize,
    failed: bool,
    over: bool,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Double {
    /// What queries see.
    fn seen(&self) -> State {
        self.lagging.clone().unwrap_or_else(|| self.shared.state.read().unwrap().clone())
    }
}

impl Units for Double {
    type Unit = Unit;

    async fn open(&self, mode: TxMode, _contended: &[Key]) -> Result<Unit, StoreError> {
        let waits = mode == TxMode::Write && self.flaw != Flaw::LosesUpdates;
        let turn = if waits { Some(self.shared.writer.clone().lock_owned().await) } else { None };
        let draft = self.shared.state.read().unwrap().clone();
        Ok(Unit {
            shared: self.shared.clone(),
            flaw: self.flaw,
            mode,
            events_before: draft.events.len(),
            draft,
            failed: false,
            over: false,
            _turn: turn,
        })
    }
}

impl Unit {
    /// Every statement goes through here.
    async fn run<T>(&mut self, work: impl FnOnce(&mut State, Flaw) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed && self.flaw != Flaw::ForgetsErrors {
            return Err(StoreError::after_error());
        }
        // As on a wire, others come in between.
        tokio::task::yield_now().await;
        if self.flaw == Flaw::ReadsChange && self.mode == TxMode::Read {
            self.draft = self.shared.state.read().unwrap().clone();
        }
        let done = work(&mut self.draft, self.flaw);
        self.failed |= done.is_err();
        if self.flaw == Flaw::ShowsDrafts {
            self.store();
        }
        done
    }

    fn store(&self) {
        if self.mode == TxMode::Write {
            *self.shared.state.write().unwrap() = self.draft.clone();
        }
    }
}

#[async_trait]
impl Transaction for Unit {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.over = true;
        if self.failed && self.flaw != Flaw::ForgetsErrors {
            return Err(StoreError::after_error());
        }
        tokio::task::yield_now().await;
        if self.shared.refuses.load(Ordering::SeqCst) && self.draft.events.len() > self.events_before {
            return if self.flaw == Flaw::CommitLies { Ok(()) } else { Err(StoreError::Retry("refused".into())) };
        }
        self.store();
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        self.over = true;
        if self.flaw == Flaw::RollbackCommits {
            self.store();
        }
        Ok(())
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if self.flaw == Flaw::DropCommits && !self.over {
            self.store();
        }
    }
}

/// Hands out doubles with a flaw.
pub(crate) struct Doubles(pub(crate) Flaw);

#[async_trait]
impl StoreHarness for Doubles {
    fn name(&self) -> &str {
        "double"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::CommitFault(CommitFault::Aborted) | Need::Schema => None,
            _ => Some("the double is in memory"),
        }
    }

    async fn fresh(&self, start: Start, _needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let shared = Arc::new(Shared::default());
        if start == Start::Migrated {
            *shared.applied.write().unwrap() = migrations::migrated();
        }
        Ok(Box::new(DoubleInstance { shared, flaw: self.0 }))
    }
}

struct DoubleInstance {
    shared: Arc<Shared>,
    flaw: Flaw,
}

impl DoubleInstance {
    fn open(&self) -> Double {
        let schedule = migrations::schedule(0).unwrap();
        Double { shared: self.shared.clone(), flaw: self.flaw, schedule, lagging: None }
    }
}

#[async_trait]
impl Instance for DoubleInstance {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.open())
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        let lagging = (self.flaw == Flaw::LagsBehind).then(|| self.shared.state.read().unwrap().clone());
        Ok(Arc::new(Double { lagging, ..self.open() }))
    }

    async fn break_commits(&self, _fault: CommitFault) -> Result<(), Failure> {
        self.shared.refuses.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn mend(&self) -> Result<(), Failure> {
        self.shared.refuses.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn lost_commits(&self) -> u64 {
        0
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        Err(Failure::new("there are none"))
    }

    async fn isolate(&self) -> Result<(), Failure> {
        Err(Failure::new("there is no server"))
    }

    async fn fill(&self) -> Result<(), Failure> {
        Err(Failure::new("memory is not filled"))
    }

    fn round_trips(&self) -> u64 {
        0
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(Double { schedule: migrations::schedule(steps)?, ..self.open() }))
    }

    async fn destroy(self: Box<Self>) {}
}
