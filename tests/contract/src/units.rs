//! Opens units of work, and repeats those that were aborted.

use async_trait::async_trait;
use skep_application::kernel::{Key, StoreError, Transaction, TxMode};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// A subject that opens units of work of one kind.
#[async_trait]
pub(crate) trait Opens: Send + Sync {
    type Unit: Transaction + ?Sized + 'static;

    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<Box<Self::Unit>, StoreError>;
}

/// Lets the store of a context open the context's unit of work.
macro_rules! opens {
    ($store:ident: $tx:ident) => {
        #[async_trait::async_trait]
        impl $crate::units::Opens for dyn $store + '_ {
            type Unit = dyn $tx;

            async fn open(
                &self,
                mode: skep_application::kernel::TxMode,
                contended: &[skep_application::kernel::Key],
            ) -> Result<Box<dyn $tx>, skep_application::kernel::StoreError> {
                skep_application::kernel::Begin::<dyn $tx>::begin(self, mode, contended).await
            }
        }
    };
}
pub(crate) use opens;

/// Opens a unit of work that may write, without contended keys.
pub(crate) async fn write<S: Opens + ?Sized>(store: &S) -> Result<Box<S::Unit>, StoreError> {
    store.open(TxMode::Write, &[]).await
}

/// Opens a unit of work that only reads.
pub(crate) async fn read<S: Opens + ?Sized>(store: &S) -> Result<Box<S::Unit>, StoreError> {
    store.open(TxMode::Read, &[]).await
}

/// How long an aborted unit is repeated.
pub(crate) const REPEATS: Duration = Duration::from_secs(20);
/// How long to wait before a repeat.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// Runs a unit of work. Repeats it if it ends with `Retry`.
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

/// Runs the block in a unit of work and commits it. Repeats both if they end with `Retry`. `?` in the block is for
/// errors of the store.
macro_rules! commit {
    ($store:expr, $tx:ident => $body:expr) => {
        $crate::units::repeated(|| async {
            let mut $tx = $crate::units::write(&*$store).await?;
            let done = $body;
            $tx.commit().await?;
            Ok(done)
        })
        .await
    };
}
pub(crate) use commit;

/// Like `commit!`, but rolls the unit back.
macro_rules! look {
    ($store:expr, $tx:ident => $body:expr) => {
        $crate::units::repeated(|| async {
            let mut $tx = $crate::units::write(&*$store).await?;
            let found = $body;
            $tx.rollback().await?;
            Ok(found)
        })
        .await
    };
}
pub(crate) use look;

/// A future that is dropped after it has waited `waits` times.
struct Impatient<F> {
    inner: Pin<Box<F>>,
    waits: usize,
}

impl<F: Future> Future for Impatient<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.inner.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

/// Runs a future until it has waited `waits` times, and then drops it; `None` if it was dropped.
pub(crate) async fn impatiently<F: Future>(waits: usize, future: F) -> Option<F::Output> {
    Impatient { inner: Box::pin(future), waits }.await
}
