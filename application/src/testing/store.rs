//! Mock units of work, and a store that hands them out by a script.

use crate::{
    catalog::{CatalogTx, MockProductRepository, MockStockRepository, ProductRepository, StockRepository},
    identity::{
        IdentityTx, MockSessionRepository, MockSetupTokenRepository, MockUserRepository, SessionRepository,
        SetupTokenRepository, UserRepository,
    },
    kernel::{Begin, IdempotencyKeys, Key, MockIdempotencyKeys, MockOutbox, Outbox, StoreError, Transaction, TxMode},
    operations::OperationsTx,
    ordering::{MockOrderRepository, OrderRepository, OrderingTx},
};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// How a mock unit of work was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `commit` was called.
    Committed,
    /// `rollback` was called.
    RolledBack,
    /// Neither: it was dropped.
    Dropped,
}

/// What happened to units of work, in order.
pub type Endings = Arc<Mutex<Vec<Ending>>>;

macro_rules! mock_tx {
    ($(#[$doc:meta])* $name:ident: $context:ident { $($(#[$field_doc:meta])* $field:ident: $mock:ty as $port:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $mock,)+
            /// What `commit` answers, if not `Ok`.
            pub commit_error: Option<StoreError>,
            /// What `rollback` answers, if not `Ok`.
            pub rollback_error: Option<StoreError>,
            /// Where the ending is noted.
            pub endings: Endings,
            ended: bool,
        }

        impl $name {
            /// A unit of work whose ending is noted here.
            #[must_use]
            pub fn noting(endings: &Endings) -> Self {
                let mut tx = Self::default();
                tx.endings = endings.clone();
                tx
            }

            /// The same, but `commit` answers this.
            #[must_use]
            pub fn with_commit_error(mut self, error: StoreError) -> Self {
                self.commit_error = Some(error);
                self
            }

            /// The same, but `rollback` answers this.
            #[must_use]
            pub fn with_rollback_error(mut self, error: StoreError) -> Self {
                self.rollback_error = Some(error);
                self
            }

            fn note(&mut self, ending: Ending) {
                self.ended = true;
                self.endings.lock().expect("no holder panics").push(ending);
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if !self.ended {
                    self.note(Ending::Dropped);
                }
            }
        }

        #[async_trait]
        impl Transaction for $name {
            async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
                self.note(Ending::Committed);
                self.commit_error.take().map_or(Ok(()), Err)
            }
            async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
                self.note(Ending::RolledBack);
                self.rollback_error.take().map_or(Ok(()), Err)
            }
        }

        impl $context for $name {
            $(fn $field(&mut self) -> &mut dyn $port {
                &mut self.$field
            })+
        }
    };
}

mock_tx! {
    /// A unit of work of identity, made of mocks.
    MockIdentityTx: IdentityTx {
        /// The accounts.
        users: MockUserRepository as UserRepository,
        /// The log-ins.
        sessions: MockSessionRepository as SessionRepository,
        /// The set-up token.
        setup_tokens: MockSetupTokenRepository as SetupTokenRepository,
        /// The idempotency keys.
        idempotency: MockIdempotencyKeys as IdempotencyKeys,
        /// The outbox.
        outbox: MockOutbox as Outbox,
    }
}
mock_tx! {
    /// A unit of work of the catalogue, made of mocks.
    MockCatalogTx: CatalogTx {
        /// The products.
        products: MockProductRepository as ProductRepository,
        /// The stock.
        stock: MockStockRepository as StockRepository,
        /// The idempotency keys.
        idempotency: MockIdempotencyKeys as IdempotencyKeys,
        /// The outbox.
        outbox: MockOutbox as Outbox,
    }
}
mock_tx! {
    /// A unit of work of ordering, made of mocks.
    MockOrderingTx: OrderingTx {
        /// The orders.
        orders: MockOrderRepository as OrderRepository,
        /// The products.
        products: MockProductRepository as ProductRepository,
        /// The stock.
        stock: MockStockRepository as StockRepository,
        /// The idempotency keys.
        idempotency: MockIdempotencyKeys as IdempotencyKeys,
        /// The outbox.
        outbox: MockOutbox as Outbox,
    }
}
mock_tx! {
    /// A unit of work of operations, made of mocks.
    MockOperationsTx: OperationsTx {
        /// The log-ins.
        sessions: MockSessionRepository as SessionRepository,
        /// The idempotency keys.
        idempotency: MockIdempotencyKeys as IdempotencyKeys,
    }
}

/// A store that answers each `begin` with the next unit of work of its script, and panics when there is none.
pub struct Scripted<Tx: ?Sized> {
    script: Mutex<VecDeque<Result<Box<Tx>, StoreError>>>,
    begun: Mutex<Vec<(TxMode, Vec<Key>)>>,
}

impl<Tx: ?Sized> Scripted<Tx> {
    /// A store with this script.
    #[must_use]
    pub fn new(script: impl IntoIterator<Item = Result<Box<Tx>, StoreError>>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), begun: Mutex::default() })
    }

    /// A store that is never to be asked.
    #[must_use]
    pub fn untouched() -> Arc<Self> {
        Self::new([])
    }

    /// How many units of work were not asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        self.script.lock().expect("no holder panics").len()
    }

    /// What the units of work were asked for with: whether they may write, and what they contend for.
    #[must_use]
    pub fn begun(&self) -> Vec<(TxMode, Vec<Key>)> {
        self.begun.lock().expect("no holder panics").clone()
    }
}

#[async_trait]
impl<Tx: ?Sized + Send + 'static> Begin<Tx> for Scripted<Tx> {
    async fn begin(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Tx>, StoreError> {
        self.begun.lock().expect("no holder panics").push((mode, contended.to_vec()));
        self.script.lock().expect("no holder panics").pop_front().expect("a unit of work that the script does not have")
    }
}
