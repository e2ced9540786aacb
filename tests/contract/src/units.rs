//! Opening units of work by context, and repeating them when they were aborted.

use async_trait::async_trait;
use skep_application::{
    Store,
    catalog::CatalogTx,
    identity::IdentityTx,
    kernel::{Begin, StoreError, Transaction, TxMode, UnitOfWork},
    ordering::OrderingTx,
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A kind of unit of work that every store opens.
#[async_trait]
pub(crate) trait Opened: Transaction + 'static {
    /// Opens a unit of work without naming what it will touch.
    async fn open(store: &dyn Store, mode: TxMode) -> Result<Box<Self>, StoreError>;
}

/// Each context has a function that opens its unit of work, and perhaps one that opens it for reading only.
macro_rules! openers {
    ($($name:ident $(and $reading:ident)?: $tx:ident),+ $(,)?) => { $(
        #[async_trait]
        impl Opened for dyn $tx {
            async fn open(store: &dyn Store, mode: TxMode) -> Result<Box<Self>, StoreError> {
                Begin::<dyn $tx>::begin(store, mode, &[]).await
            }
        }

        pub(crate) async fn $name(store: &dyn Store) -> Result<Box<dyn $tx>, StoreError> {
            <dyn $tx>::open(store, TxMode::Write).await
        }

        $(pub(crate) async fn $reading(store: &dyn Store) -> Result<Box<dyn $tx>, StoreError> {
            <dyn $tx>::open(store, TxMode::Read).await
        })?
    )+ };
}

openers! {
    identity: IdentityTx,
    catalog and reading_catalog: CatalogTx,
    ordering and reading_ordering: OrderingTx,
    bare: UnitOfWork,
}

/// However a clause holds its store.
pub(crate) trait AsStore {
    fn as_store(&self) -> &dyn Store;
}

impl AsStore for Arc<dyn Store> {
    fn as_store(&self) -> &dyn Store {
        &**self
    }
}
impl AsStore for &Arc<dyn Store> {
    fn as_store(&self) -> &dyn Store {
        &***self
    }
}
impl AsStore for &dyn Store {
    fn as_store(&self) -> &dyn Store {
        *self
    }
}

/// For how long an aborted unit is repeated.
pub(crate) const REPEATS: Duration = Duration::from_secs(20);
/// How long to wait before repeating it.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// Runs a unit of work; again while it is certainly aborted.
pub(crate) async fn repeated<T, F: Future<Output = Result<T, StoreError>>>(
    mut unit: impl FnMut() -> F,
) -> Result<T, StoreError> {
    let until = Instant::now() + REPEATS;
    loop {
        match unit().await {
            Err(StoreError::Retry(_)) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            outcome => break outcome,
        }
    }
}

/// Runs the block in a unit of work and commits it; again while it is certainly aborted. `?` in the block is for errors
/// of the store.
macro_rules! commit {
    ($store:expr, $open:ident, $tx:ident => $body:expr) => {
        $crate::units::repeated(|| async {
            let mut $tx = $crate::units::$open($crate::units::AsStore::as_store(&$store)).await?;
            let done = $body;
            $tx.commit().await?;
            Ok(done)
        })
        .await
    };
}
pub(crate) use commit;

/// The same, but the unit is rolled back.
macro_rules! look {
    ($store:expr, $open:ident, $tx:ident => $body:expr) => {
        $crate::units::repeated(|| async {
            let mut $tx = $crate::units::$open($crate::units::AsStore::as_store(&$store)).await?;
            let found = $body;
            $tx.rollback().await?;
            Ok(found)
        })
        .await
    };
}
pub(crate) use look;
