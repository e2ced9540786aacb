//! Opening units of work by context, and repeating them when they were aborted.

use skep_application::{
    Store,
    catalog::CatalogTx,
    identity::IdentityTx,
    kernel::{Begin, StoreError, TxMode, UnitOfWork},
    ordering::OrderingTx,
};
use std::{sync::Arc, time::Duration};

macro_rules! openers {
    ($($name:ident $(and $reading:ident)?: $tx:ident),+ $(,)?) => { $(
        /// A unit of work of this context.
        pub(crate) async fn $name(store: &dyn Store) -> Result<Box<dyn $tx>, StoreError> {
            Begin::<dyn $tx>::begin(store, TxMode::Write, &[]).await
        }

        $(/// A unit of work of this context that reads only.
        pub(crate) async fn $reading(store: &dyn Store) -> Result<Box<dyn $tx>, StoreError> {
            Begin::<dyn $tx>::begin(store, TxMode::Read, &[]).await
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

/// Runs the block in a unit of work and commits it; again while it is certainly aborted. `?` in the block is for errors
/// of the store.
macro_rules! commit {
    ($store:expr, $open:ident, $tx:ident => $body:expr) => {{
        let until = ::tokio::time::Instant::now() + $crate::units::REPEATS;
        loop {
            let outcome: Result<_, ::skep_application::kernel::StoreError> = async {
                let mut $tx = $crate::units::$open($crate::units::AsStore::as_store(&$store)).await?;
                let done = $body;
                $tx.commit().await?;
                Ok(done)
            }
            .await;
            match outcome {
                Err(::skep_application::kernel::StoreError::Retry(_)) if ::tokio::time::Instant::now() < until => {
                    ::tokio::time::sleep($crate::units::PAUSE).await;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use commit;

/// Runs the block in a unit of work and rolls it back; again while it is certainly aborted.
macro_rules! look {
    ($store:expr, $open:ident, $tx:ident => $body:expr) => {{
        let until = ::tokio::time::Instant::now() + $crate::units::REPEATS;
        loop {
            let outcome: Result<_, ::skep_application::kernel::StoreError> = async {
                let mut $tx = $crate::units::$open($crate::units::AsStore::as_store(&$store)).await?;
                let done = $body;
                $tx.rollback().await?;
                Ok(done)
            }
            .await;
            match outcome {
                Err(::skep_application::kernel::StoreError::Retry(_)) if ::tokio::time::Instant::now() < until => {
                    ::tokio::time::sleep($crate::units::PAUSE).await;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use look;
