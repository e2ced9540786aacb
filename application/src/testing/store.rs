//! Mock units of work, and a store that returns them in the order of a script.

use super::{Seen, away};
use crate::kernel::{
    Begin, FromUnit, IdempotencyKeys, Key, MockIdempotencyKeys, MockOutbox, Outbox, StoreError, Transaction, TxMode,
    UnitOfWork,
};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex},
};

/// How a mock unit of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `commit` was called.
    Committed,
    /// `rollback` was called.
    RolledBack,
    /// The unit was dropped without either call.
    Dropped,
}

/// A unit of work made of mocks: those of a context, and those that all contexts share. The mocks of the context are
/// fields of the unit, as in `unit.products.expect_find()`.
#[derive(Default)]
pub struct MockUnit<Mocks> {
    /// The repositories of the context.
    pub parts: Mocks,
    /// The mock that claims idempotency keys.
    pub idempotency: MockIdempotencyKeys,
    /// The mock that events are appended to.
    pub outbox: MockOutbox,
    /// The error that `commit` returns; `None` means success.
    pub commit_error: Option<StoreError>,
    /// The error that `rollback` returns; `None` means success.
    pub rollback_error: Option<StoreError>,
    seen: Seen,
    ended: bool,
}

impl<Mocks: Default> MockUnit<Mocks> {
    /// A unit of work that records its ending in `seen`. Each call fails the test.
    #[must_use]
    pub fn noting(seen: &Seen) -> Self {
        let mut unit = Self::default();
        unit.seen = seen.clone();
        unit
    }
}

impl<Mocks> MockUnit<Mocks> {
    /// Makes `commit` return this error.
    #[must_use]
    pub fn with_commit_error(mut self, error: StoreError) -> Self {
        self.commit_error = Some(error);
        self
    }

    /// Makes `rollback` return this error.
    #[must_use]
    pub fn with_rollback_error(mut self, error: StoreError) -> Self {
        self.rollback_error = Some(error);
        self
    }

    fn note(&mut self, ending: Ending) {
        self.ended = true;
        self.seen.note_ending(ending);
    }
}

impl<Mocks> Deref for MockUnit<Mocks> {
    type Target = Mocks;
    fn deref(&self) -> &Mocks {
        &self.parts
    }
}

impl<Mocks> DerefMut for MockUnit<Mocks> {
    fn deref_mut(&mut self) -> &mut Mocks {
        &mut self.parts
    }
}

impl<Mocks> Drop for MockUnit<Mocks> {
    fn drop(&mut self) {
        if !self.ended {
            self.note(Ending::Dropped);
        }
    }
}

#[async_trait]
impl<Mocks: Send> Transaction for MockUnit<Mocks> {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.note(Ending::Committed);
        self.commit_error.take().map_or(Ok(()), Err)
    }
    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        self.note(Ending::RolledBack);
        self.rollback_error.take().map_or(Ok(()), Err)
    }
}

impl<Mocks: Send> UnitOfWork for MockUnit<Mocks> {
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys {
        &mut self.idempotency
    }
    fn outbox(&mut self) -> &mut dyn Outbox {
        &mut self.outbox
    }
}

/// A unit of work without the repositories of a context.
pub type MockBareUnit = MockUnit<()>;

/// A store that returns the next unit of work of its script from each `begin`. It panics after the last one.
pub struct Scripted<Tx: ?Sized> {
    script: Mutex<VecDeque<Result<Box<Tx>, StoreError>>>,
    begun: Mutex<Vec<(TxMode, Vec<Key>)>>,
}

/// More units of work than [`run`](crate::kernel::run) uses before it gives up.
pub const ENOUGH: usize = 300;

impl<Tx: ?Sized> Scripted<Tx> {
    /// A store that returns these units of work, for example [`MockUnit`]s.
    #[must_use]
    pub fn of<U>(units: impl IntoIterator<Item = U>) -> Arc<Self>
    where
        Tx: FromUnit<U>,
    {
        Self::new(units.into_iter().map(Tx::from_unit).map(Ok))
    }

    /// A store that returns these units of work, and then fails with [`away`] each time.
    #[must_use]
    pub fn then_away<U>(units: impl IntoIterator<Item = U>) -> Arc<Self>
    where
        Tx: FromUnit<U>,
    {
        let units = units.into_iter().map(Tx::from_unit).map(Ok);
        Self::new(units.chain(std::iter::repeat_with(|| Err(away())).take(ENOUGH)))
    }

    /// A store on which `begin` must not be called.
    #[must_use]
    pub fn untouched() -> Arc<Self> {
        Self::new([])
    }

    fn new(script: impl IntoIterator<Item = Result<Box<Tx>, StoreError>>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), begun: Mutex::default() })
    }

    /// The number of units of work that are left in the script.
    #[must_use]
    pub fn left(&self) -> usize {
        self.script.lock().expect("no holder panics").len()
    }

    /// The arguments of each `begin`: whether the unit may write, and the keys that it contends for.
    #[must_use]
    pub fn begun(&self) -> Vec<(TxMode, Vec<Key>)> {
        self.begun.lock().expect("no holder panics").clone()
    }
}

#[async_trait]
impl<Tx: ?Sized + Send + 'static> Begin<Tx> for Scripted<Tx> {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Tx>, StoreError> {
        self.begun.lock().expect("no holder panics").push((mode, contended.to_vec()));
        self.script.lock().expect("no holder panics").pop_front().expect("the script has another unit of work")
    }
}
