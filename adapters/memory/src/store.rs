//! The store and its units of work.

use crate::{MemoryStep, State, operations};
use async_trait::async_trait;
use skep_application::{
    kernel::{Clock, Key, StoreError, Transaction, TxMode, Units},
    operations::Schedule,
};
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// What the instances of one store share.
pub(crate) struct Memory {
    state: RwLock<State>,
    /// The turn of the one unit that writes.
    turn: Arc<Mutex<()>>,
    capacity: AtomicUsize,
}

/// A store in memory. A clone is another instance on the same data.
#[derive(Clone)]
pub struct MemoryStore {
    pub(crate) memory: Arc<Memory>,
    pub(crate) schedule: Schedule<MemoryStep>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store. The clock dates the steps of the schema. The store works before they are applied, too: `up` only
    /// records them.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let capacity = AtomicUsize::new(usize::MAX);
        let memory = Memory { state: RwLock::default(), turn: Arc::default(), capacity };
        Self { memory: Arc::new(memory), schedule: Schedule::new(operations::SETS), clock }
    }

    /// All that is stored now. Later changes do not show in it.
    #[must_use]
    pub fn state(&self) -> State {
        self.memory.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces all that is stored, for example by what [`MemoryStore::state`] has answered before. A unit of work that
    /// is open does not see it, and puts its own state in place of this one if it commits.
    pub fn restore(&self, state: State) {
        *self.memory.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Refuses, as `Full`, each commit that adds rows if there are more than `rows` of them afterwards, in all tables.
    pub fn set_capacity(&self, rows: usize) {
        self.memory.capacity.store(rows, Ordering::SeqCst);
    }

    /// Waits until no other unit of work writes.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.memory.turn.clone().lock_owned().await
    }
}

/// A unit of work: its own copy of the state, and the turn if it may write.
pub struct MemoryUnit {
    store: MemoryStore,
    draft: State,
    failed: bool,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Units for MemoryStore {
    type Unit = MemoryUnit;

    async fn open(&self, mode: TxMode, _contended: &[Key]) -> Result<MemoryUnit, StoreError> {
        let turn = if mode == TxMode::Write { Some(self.turn().await) } else { None };
        Ok(MemoryUnit { store: self.clone(), draft: self.state(), failed: false, turn })
    }
}

impl MemoryUnit {
    /// What the unit sees.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.draft
    }

    /// Runs a statement on what the unit sees. It lets other tasks run first, as a statement on a wire does, so that
    /// tests with this store meet the same interleavings.
    ///
    /// # Errors
    /// What `work` answers, which ends the unit; and everything after it.
    pub async fn run<T>(&mut self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        tokio::task::yield_now().await;
        let done = work(&mut self.draft);
        self.failed = done.is_err();
        done
    }
}

#[async_trait]
impl Transaction for MemoryUnit {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::after_error());
        }
        tokio::task::yield_now().await;
        let Self { store, draft, turn, .. } = *self;
        // A unit that only reads has nothing to store.
        if turn.is_none() {
            return Ok(());
        }
        let (rows, capacity) = (draft.rows(), store.memory.capacity.load(Ordering::SeqCst));
        if rows > capacity && rows > store.state().rows() {
            return Err(StoreError::Full(format!("{rows} rows are more than the capacity of {capacity}").into()));
        }
        store.restore(draft);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
