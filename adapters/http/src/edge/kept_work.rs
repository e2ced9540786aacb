//! Requests that are worked on without their client.
//!
//! A request that is dropped gives its place back at once, but a store may need its connection until the statement that
//! it works on has ended. A client that resets its streams could so take the connections of all others. Therefore a
//! request that has its place is worked on until it ends or gives its place back, also when its client has gone.

use super::admission::Admission;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// The work on a request. If it is dropped before it has ended, and has its place, a separate task goes on with it.
pub(super) struct KeptWork<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    admission: Arc<Admission>,
    endings: TaskTracker,
}

impl<T: Send + 'static> KeptWork<T> {
    /// A task that goes on with the work is one of `endings`.
    pub(super) fn new(
        work: impl Future<Output = T> + Send + 'static,
        admission: Arc<Admission>,
        endings: TaskTracker,
    ) -> Self {
        Self { work: Some(Box::pin(work)), admission, endings }
    }
}

impl<T: Send + 'static> Future for KeptWork<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for KeptWork<T> {
    fn drop(&mut self) {
        let Some(mut work) = self.work.take() else { return };
        // Outside of a runtime, the process ends.
        let Some(runtime) = Handle::try_current().ok().filter(|_| self.admission.has_place()) else { return };
        let admission = Arc::clone(&self.admission);
        let rest = poll_fn(move |context| match work.as_mut().poll(context) {
            Poll::Pending if admission.has_place() => Poll::Pending,
            // It waits for something of its own client, which may last.
            _ => Poll::Ready(()),
        });
        self.endings.spawn_on(rest, &runtime);
    }
}
