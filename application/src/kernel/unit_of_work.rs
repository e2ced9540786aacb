//! Units of work, and the contract that every store keeps.
//!
//! A use case opens a unit of work for its context (`Begin<dyn OrderingTx>`), works through the repositories that the
//! context's trait lists, and ends the unit. `skep-contract` has a trial for each clause of the contract:
//!
//! 1. A unit sees its own writes at once. Every reader sees them once `commit` has returned `Ok`, and not before.
//! 2. A unit that is dropped or rolled back leaves no changes behind and releases everything that it held.
//! 3. A unit remembers its first error and refuses every later call, including `commit`. Only `rollback` still works,
//!    because a `Duplicate` or `Referenced` may become a refusal, and a refusal ends with `rollback`.
//! 4. `commit` returns `Ok` only if everything is stored, as durably as the store is configured.
//! 5. `Retry` means that certainly nothing was changed and that the attempt may be run again. `OutcomeUnknown` means
//!    that the unit may or may not be stored, and that its commit may still be running; see
//!    [`crate::kernel::Outbox::settle`].
//! 6. A caller may be canceled at any await. The unit is then undone, or was already committed as a whole.
//! 7. A refusal ends with `rollback`. If it returns `Ok`, everything that the unit read was durable. Otherwise the
//!    refusal must be judged again.

use super::{IdempotencyKeys, Outbox, StoreError};
use async_trait::async_trait;
use std::future::Future;
use uuid::Uuid;

/// Whether a unit of work may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxMode {
    /// The unit sees one consistent state and writes nothing.
    Read,
    /// The unit may read and write.
    Write,
}

/// The id of a row that many writers may want at once. It is a hint for `begin`: an adapter may queue writers on it or
/// ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Uuid);

/// Ends a unit of work. Errors and cancellation drop the unit, which undoes it. A refusal ends with
/// [`Transaction::rollback`].
#[async_trait]
pub trait Transaction: Send {
    /// Stores all changes of the unit together.
    ///
    /// # Errors
    /// All except `Duplicate`, `Referenced` and `Stale`, which come from the statements.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes all changes, and waits until everything that the unit has read is durable.
    ///
    /// # Errors
    /// `Retry` if something that the unit read was lost; the refusal must then be judged again. `Unavailable`.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// The part of a unit of work that every context needs. Each context declares its own unit with
/// [`context!`](crate::context), and a use case can reach only the repositories that it lists. The command frame uses
/// both methods. A use case that calls [`run`](super::run) directly appends its event with `outbox`.
pub trait UnitOfWork: Transaction {
    /// Claims idempotency keys within this unit.
    fn idempotency(&mut self) -> &mut dyn IdempotencyKeys;
    /// Appends events within this unit.
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
    /// Opens a unit of work. `contended` lists ids that the command already knows and that other writers may want too.
    ///
    /// # Errors
    /// `Unavailable`, `Retry`, `Full`.
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Tx>, StoreError>;
}

/// Opens the one concrete unit of work of a store, which implements every repository. A store implements this trait
/// once, and then has [`Begin`] for the unit of every context.
pub trait Units: Send + Sync {
    /// The concrete unit of work of this store.
    type Unit: Transaction + IdempotencyKeys + Outbox + 'static;

    /// Opens a unit of work, as [`Begin::begin`] describes.
    ///
    /// # Errors
    /// `Unavailable`, `Retry`, `Full`.
    fn open(&self, mode: TxMode, contended: &[Key]) -> impl Future<Output = Result<Self::Unit, StoreError>> + Send;
}

/// Converts a store's concrete unit into the unit of work of a context. `context!` implements it for that unit.
pub trait FromUnit<U> {
    /// Hides the concrete type of the unit behind the trait of the context.
    fn from_unit(unit: U) -> Box<Self>;
}

/// For a command that uses the concrete unit of its only store, which has all repositories.
impl<U: UnitOfWork> FromUnit<U> for U {
    fn from_unit(unit: U) -> Box<Self> {
        Box::new(unit)
    }
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

/// Declares a context. The macro generates the trait of its unit of work, which every unit with these repositories
/// implements, and [`Begin`] of that trait for every store. It also generates the trait of a store of the context, and
/// a unit made of mocks for tests.
///
/// A program that embeds Skep declares its contexts with this macro, over repositories of Skep and at least one of its
/// own. It puts the mocks behind a `cfg` of its choice. A store then needs only the repositories that it does not have
/// yet: `impl ReviewRepository for SqlUnit`.
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
///     /// The repositories that a command of reviews may use.
///     unit ReviewTx {
///         /// The products.
///         products: ProductRepository by MockProductRepository,
///         /// The reviews.
///         reviews: ReviewRepository by MockReviewRepository,
///     }
///     #[cfg(test)]
///     mocks MockReviewTx of ReviewMocks
///     /// A store of reviews.
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
        /// The mocks that the unit of work of a test is made of.
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
