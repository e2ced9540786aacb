//! The store and its units of work.

use crate::{MemoryStep, State, operations};
use async_trait::async_trait;
use skep_application::{
    kernel::{Announcement, Clock, Key, Signaling, Signals, StoreError, Transaction, TxMode, Units},
    operations::Schedule,
};
use std::{
    future::poll_fn,
    mem::replace,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The data that all instances of a store share.
pub(crate) struct Memory {
    state: RwLock<State>,
    /// Held by the only unit that may write.
    turn: Arc<Mutex<()>>,
    capacity: AtomicUsize,
    signals: Signals,
}

/// A store in memory. A clone is another instance with the same data.
#[derive(Clone)]
pub struct MemoryStore {
    pub(crate) memory: Arc<Memory>,
    pub(crate) schedule: Schedule<MemoryStep>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store. The clock dates the records of migration steps. The store also works before they are applied:
    /// `up` only records them.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let capacity = AtomicUsize::new(usize::MAX);
        let memory = Memory { state: RwLock::default(), turn: Arc::default(), capacity, signals: Signals::default() };
        Self { memory: Arc::new(memory), schedule: Schedule::new(operations::SETS), clock }
    }

    /// A copy of all data that is stored now.
    #[must_use]
    pub fn state(&self) -> State {
        self.memory.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces all data, for example by an earlier copy from [`MemoryStore::state`]. An open unit of work does not see
    /// the new data, and overwrites it if it commits.
    pub fn restore(&self, state: State) {
        *self.memory.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Limits the number of rows in all tables. A commit that adds rows and goes over the limit fails with `Full`.
    pub fn set_capacity(&self, rows: usize) {
        self.memory.capacity.store(rows, Ordering::SeqCst);
    }

    /// Waits until no other unit of work writes.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.memory.turn.clone().lock_owned().await
    }
}

/// A unit of work. It has its own copy of the state, and holds the turn if it may write.
pub struct MemoryUnit {
    store: MemoryStore,
    draft: State,
    failed: bool,
    pub(crate) announcement: Announcement,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Signaling for MemoryStore {
    fn signals(&self) -> &Signals {
        &self.memory.signals
    }
}

impl Units for MemoryStore {
    type Unit = MemoryUnit;

    async fn open(&self, mode: TxMode, _contended: &[Key]) -> Result<MemoryUnit, StoreError> {
        let turn = if mode == TxMode::Write { Some(self.turn().await) } else { None };
        let (store, draft, announcement) = (self.clone(), self.state(), Announcement::default());
        Ok(MemoryUnit { store, draft, failed: false, announcement, turn })
    }
}

impl MemoryUnit {
    /// The data that the unit sees, including its own changes.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.draft
    }

    /// Runs a statement on the data of the unit. It yields to other tasks first, as a statement to a server does, so
    /// that tests with this store have the same interleavings.
    ///
    /// # Errors
    /// The error of `work`. After it, each further call fails as well.
    pub async fn run<T>(&mut self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        let_others_run().await;
        let done = work(&mut self.draft);
        self.failed = done.is_err();
        done
    }
}

/// Lets other tasks run first, by a wake-up of this task. tokio's `yield_now` keeps the task with its thread until the
/// thread has nothing else to do, so a task that blocks the thread would hold this one up. Other threads take what was
/// woken.
async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl Transaction for MemoryUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        let_others_run().await;
        let Self { store, draft, turn, announcement, .. } = *self;
        // A unit that only reads has nothing to store.
        if turn.is_none() {
            return Ok(());
        }
        let (rows, capacity) = (draft.rows(), store.memory.capacity.load(Ordering::SeqCst));
        if rows > capacity && rows > store.state().rows() {
            return Err(StoreError::Full(format!("{rows} rows are more than the capacity of {capacity}").into()));
        }
        store.restore(draft);
        store.memory.signals.announce(announcement);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
