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
//!    must be judged anew.

use async_trait::async_trait;
use skep_domain::shared::{OrderId, ProductId, UserId};
use uuid::Uuid;

/// A cause of any type, kept for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in a store. Adapters classify; use cases never look at a driver's error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row with this value exists already. Nothing was changed.
    #[error("duplicate value for {}", constraint.name())]
    Duplicate {
        /// The rule that was met.
        constraint: Constraint,
    },
    /// A reference between rows would point nowhere: the row that it names does not exist, or the row that was to be
    /// deleted is still referred to. Nothing was changed.
    #[error("the reference {} is violated", constraint.name())]
    Referenced {
        /// The rule that was met.
        constraint: Constraint,
    },
    /// Somebody saved the aggregate after it was read. Nothing was changed.
    #[error("the stored version is another one")]
    Stale,
    /// Certainly aborted: the attempt may be run again at once.
    #[error("aborted, may be repeated")]
    Retry(#[source] BoxError),
    /// The commit was sent and no answer came: it may be stored, or be stored in a moment, or never.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown(#[source] BoxError),
    /// The store does not answer, or has no connection to spare. Nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
    /// No space is left. Nothing was changed.
    #[error("the store is full")]
    Full(#[source] BoxError),
    /// The store holds or answers something that cannot be.
    #[error("the store is inconsistent")]
    Corrupt(#[source] BoxError),
}

impl StoreError {
    /// [`StoreError::Corrupt`] with the place of the fault: `what` is wrong with row `id` of `table`.
    pub fn corrupt(table: &str, id: impl std::fmt::Display, what: &str) -> Self {
        Self::Corrupt(format!("{table} {id}: {what}").into())
    }

    /// A use of a unit of work after its first error.
    #[must_use]
    pub fn after_error() -> Self {
        Self::Unavailable("the unit of work has failed before".into())
    }
}

/// A uniqueness rule of the schema. Its name is the name of the index or key in every store. The rules of a context
/// stand in its `constraints` module; [`crate::constraints`] has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Constraint(&'static str);

impl Constraint {
    /// The rule whose index or key has this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name of the index or key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Whether a unit of work may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxMode {
    /// Reads one consistent state and writes nothing.
    Read,
    /// Reads and writes.
    Write,
}

/// Something that many writers want at once. Named at `begin` as a hint: an adapter may queue writers on it, or ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Uuid);

impl From<ProductId> for Key {
    fn from(id: ProductId) -> Self {
        Self(id.uuid())
    }
}
impl From<OrderId> for Key {
    fn from(id: OrderId) -> Self {
        Self(id.uuid())
    }
}
impl From<UserId> for Key {
    fn from(id: UserId) -> Self {
        Self(id.uuid())
    }
}

/// A unit of work. Dropping it undoes it and is for errors and cancellation; a refusal ends with [`Transaction::rollback`].
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
    /// `Retry` if what it read was lost: the refusal must be judged anew. `Unavailable`.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
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

/// Stamps [`Begin`] for every context on a store whose `open(&self, mode, contended)` makes its one concrete unit of work.
#[macro_export]
macro_rules! begins {
    ($store:ty: $($tx:ty),+ $(,)?) => { $(
        #[::async_trait::async_trait]
        impl $crate::kernel::Begin<$tx> for $store {
            async fn begin(
                &self,
                mode: $crate::kernel::TxMode,
                contended: &[$crate::kernel::Key],
            ) -> ::std::result::Result<::std::boxed::Box<$tx>, $crate::kernel::StoreError> {
                ::std::result::Result::Ok(::std::boxed::Box::new(self.open(mode, contended).await?))
            }
        }
    )+ };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inconsistency_names_its_place() {
        let StoreError::Corrupt(cause) = StoreError::corrupt("orders", 7, "no lines") else { panic!("another error") };
        assert_eq!(cause.to_string(), "orders 7: no lines");
    }
}
