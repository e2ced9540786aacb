//! Units of work and what can go wrong in them.
//!
//! A use case opens a unit of work for its context (`Begin<dyn OrderingTx>`), works through the repositories that the
//! context's trait names, and ends it. The contract, clause by clause (each is a trial of `skep-contract`):
//!
//! 1. What a unit wrote is visible to itself at once, and to every reader when `commit` has returned `Ok`, not before.
//! 2. A unit that is dropped or rolled back leaves nothing behind and frees whatever it held.
//! 3. A unit remembers its first error and refuses everything after it, `commit` included. Only `rollback` still works:
//!    a `Duplicate` or `Referenced` may be a refusal, and ends like one.
//! 4. `commit` returns `Ok` only if everything is stored as durably as the store is configured to.
//! 5. `Retry` means: certainly nothing happened, the attempt may be run again. `OutcomeUnknown` means that it may or may
//!    not have been stored, and may still be on its way; see [`crate::kernel::Outbox::settle`].
//! 6. Any caller may be cancelled at any await: the unit is undone, or was committed as a whole.
//! 7. `rollback` is how a refusal ends. When it has returned `Ok`, what the unit read was durable; otherwise the refusal
//!    must be judged again.

use super::{IdempotencyKeys, Outbox, StoreError};
use async_trait::async_trait;
use std::future::Future;
use uuid::Uuid;

/// Whether a unit of work may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxMode {
    /// Reads one consistent state and writes nothing.
    Read,
    /// Reads and writes.
    Write,
}

/// The id of something that many writers want at once. It is a hint at `begin`: an adapter may queue writers on it, or
/// ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Uuid);

/// Ends a unit of work. Dropping it undoes it and is for errors and cancellation; a refusal ends with
/// [`Transaction::rollback`].
#[async_trait]
pub trait Transaction: Send {
    /// Stores everything, together.
    ///
    /// # Errors
    /// Everything but `Duplicate`, `Referenced` and `Stale`, which come from the statements.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes everything, and waits until what the unit has read is durable.
    ///
    /// # Errors
    /// `Retry` if what it read was lost: the refusal must be judged again. `Unavailable`.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// A unit of work, as far as every context needs it. Each context declares its own with [`context!`](crate::context), and
/// a use case reaches through it only what the context lists. The frame of commands uses the two methods; a use case that
/// calls [`run`](super::run) itself appends its event with `outbox`.
pub trait UnitOfWork: Transaction {
    /// The idempotency keys.
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys;
    /// The outbox.
    fn outbox(&mut self) -> &mut dyn Outbox;
}

impl<U: Transaction + IdempotencyKeys + Outbox> UnitOfWork for U {
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys {
        self
    }
    fn outbox(&mut self) -> &mut dyn Outbox {
        self
    }
}

/// Opens units of work of one kind, for example `Begin<dyn OrderingTx>`.
#[async_trait]
pub trait Begin<Tx: ?Sized + 'static>: Send + Sync {
    /// Opens a unit of work. `contended` are ids that the command already knows and that other writers may want too.
    ///
    /// # Errors
    /// `Unavailable`, `Retry`, `Full`.
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Tx>, StoreError>;
}

/// What a store implements once: it opens its one concrete unit of work, which implements every repository. The store
/// then has [`Begin`] for the unit of every context.
pub trait Units: Send + Sync {
    /// The unit of work.
    type Unit: Transaction + IdempotencyKeys + Outbox + 'static;

    /// Opens a unit of work, as [`Begin::begin`] says.
    ///
    /// # Errors
    /// `Unavailable`, `Retry`, `Full`.
    fn open(&self, mode: TxMode, contended: &[Key]) -> impl Future<Output = Result<Self::Unit, StoreError>> + Send;
}

/// The unit of work of a context, made of a concrete unit. `context!` implements it for the unit of its context.
pub trait FromUnit<U> {
    /// The unit, as the context knows it.
    fn from_unit(unit: U) -> Box<Self>;
}

impl<U: UnitOfWork + 'static> FromUnit<U> for dyn UnitOfWork {
    fn from_unit(unit: U) -> Box<Self> {
        Box::new(unit)
    }
}

#[async_trait]
impl<Tx: FromUnit<S::Unit> + ?Sized + 'static, S: Units> Begin<Tx> for S {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Tx>, StoreError> {
        Ok(Tx::from_unit(self.open(mode, contended).await?))
    }
}

/// Declares a context: the trait of its unit of work, which every unit with these repositories implements; [`Begin`] of
/// it for every store; the sum of what a store does for the context; and for tests a unit made of mocks.
///
/// A program that embeds Skep declares contexts of its own with it, over repositories of ours and of its own. It names the
/// mocks behind a `cfg` of its own, and at least one of the repositories is its own. A store then needs only the
/// repositories that it does not have yet: `impl ReviewRepository for SqlUnit`.
///
/// ```
/// use skep_application::{catalog::ProductRepository, context};
///
/// #[async_trait::async_trait]
/// pub trait ReviewRepository: Send {
///     async fn insert(&mut self, text: &str) -> Result<(), skep_application::kernel::StoreError>;
/// }
///
/// #[async_trait::async_trait]
/// pub trait ReviewQueries: Send + Sync {}
///
/// context! {
///     /// All that a command of reviews may touch.
///     unit ReviewTx {
///         /// The products.
///         products: ProductRepository by MockProductRepository,
///         /// The reviews.
///         reviews: ReviewRepository by MockReviewRepository,
///     }
///     #[cfg(test)]
///     mocks MockReviewTx of ReviewMocks
///     /// Everything that a store does for reviews.
///     store ReviewStore: ReviewQueries
/// }
/// ```
#[macro_export]
macro_rules! context {
    (
        $(#[$unit_doc:meta])*
        unit $unit:ident { $($(#[$part_doc:meta])* $part:ident: $repository:ident by $mocked:ident),+ $(,)? }
        #[$when:meta]
        mocks $mock:ident of $mocks:ident
        $(#[$store_doc:meta])*
        store $store:ident: $($query:ident),+ $(,)?
    ) => {
        $(#[$unit_doc])*
        pub trait $unit: $crate::kernel::UnitOfWork {
            $($(#[$part_doc])* fn $part(&mut self) -> &mut dyn $repository;)+
        }
        impl<U> $unit for U
        where
            U: $crate::kernel::Transaction + $crate::kernel::IdempotencyKeys + $crate::kernel::Outbox $(+ $repository)+,
        {
            $(fn $part(&mut self) -> &mut dyn $repository { self })+
        }
        impl<U: $unit + 'static> $crate::kernel::FromUnit<U> for dyn $unit {
            fn from_unit(unit: U) -> Box<Self> { Box::new(unit) }
        }
        $(#[$store_doc])*
        pub trait $store: $crate::kernel::Begin<dyn $unit> $(+ $query)+ {}
        impl<S: $crate::kernel::Begin<dyn $unit> $(+ $query)+> $store for S {}
        /// The mocks of which the unit of work of a test is made.
        #[$when]
        #[derive(Default)]
        pub struct $mocks { $($(#[$part_doc])* pub $part: $mocked),+ }
        /// A unit of work made of mocks.
        #[$when]
        pub type $mock = $crate::testing::MockUnit<$mocks>;
        #[$when]
        impl $unit for $mock {
            $(fn $part(&mut self) -> &mut dyn $repository { &mut self.parts.$part })+
        }
    };
}
pub use context;
