//! The body of a request while the request is answered. The handler reads it through the guard. The edge takes care of
//! the rest, because an HTTP/1 connection can be used again only after the whole body was read.

use super::{admission::Admission, body_guard::BodyFault};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// A body that is passed between the edge and the guard, and what its request holds.
pub(crate) struct Intake<B> {
    holder: Mutex<Holder<B>>,
    pub(super) admission: Arc<Admission>,
}

enum Holder<B> {
    /// No handler reads it, or none does any more.
    Edge(B),
    Guard,
    /// It was read to its end.
    Read,
}

impl<B> Intake<B> {
    pub(crate) fn new(body: B, admission: Arc<Admission>) -> Self {
        Self { holder: Mutex::new(Holder::Edge(body)), admission }
    }

    fn lock(&self) -> MutexGuard<'_, Holder<B>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends the body to the guard. `None` if it is there already.
    pub(super) fn lend(&self) -> Option<B> {
        let mut holder = self.lock();
        match std::mem::replace(&mut *holder, Holder::Guard) {
            Holder::Edge(body) => Some(body),
            other => {
                *holder = other;
                None
            }
        }
    }

    /// Takes the body back from the guard. `None` means that it was read to its end.
    pub(super) fn take_back(&self, body: Option<B>) {
        *self.lock() = body.map_or(Holder::Read, Holder::Edge);
    }

    /// Holds this many bytes of the budget.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), BodyFault> {
        self.admission.body.grow_to(bytes)
    }

    /// Counts the body as refused.
    pub(super) fn refused(&self, fault: BodyFault) {
        self.admission.body.count(fault);
    }

    /// Whether the whole body was read.
    pub(crate) fn is_read(&self) -> bool {
        matches!(*self.lock(), Holder::Read)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Intake<B> {
    /// Reads and discards the rest of the body if it is known to have at most `most` bytes. Returns whether the whole
    /// body was read within the time. If a handler still reads it, it was not.
    pub(crate) async fn discard(&self, most: u64, within: Duration) -> bool {
        if self.is_read() {
            return true;
        }
        let Some(mut body) = self.lend() else { return false };
        if body.size_hint().upper().is_none_or(|rest| rest > most) {
            self.take_back(Some(body));
            return false;
        }
        let rest = async {
            while let Some(frame) = body.frame().await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        let is_read = timeout(within, rest).await.unwrap_or(false);
        self.take_back((!is_read).then_some(body));
        is_read
    }
}
