//! What the requests of one process for the same picture share.

use super::{GetImageError, ImageTooLarge, ImageUnreadable};
use event_listener::Event;
use skep_domain::files::FileId;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most refusals that are remembered.
const REMEMBERED: usize = 1_000;

type Which = (uuid::Uuid, u32);

/// The pictures that are being made. Each is made by one request at a time.
#[derive(Default)]
pub(super) struct Flights(Arc<Mutex<BTreeMap<Which, Arc<Event>>>>);

/// The right to make a picture. When it is dropped, the requests that wait look again.
pub(super) struct Flight {
    flights: Arc<Mutex<BTreeMap<Which, Arc<Event>>>>,
    which: Which,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// Begins to make a picture. If another request makes it, this waits for its end and returns `None`.
    pub(super) async fn begin(&self, (file, side): (FileId, u32)) -> Option<Flight> {
        let which = (file.uuid(), side);
        let ended = {
            let mut flights = locked(&self.0);
            match flights.get(&which) {
                Some(ended) => ended.listen(),
                None => {
                    flights.insert(which, Arc::default());
                    return Some(Flight { flights: Arc::clone(&self.0), which });
                }
            }
        };
        ended.await;
        None
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(ended) = locked(&self.flights).remove(&self.which) {
            ended.notify(usize::MAX);
        }
    }
}

/// The pictures that this process has refused to make. A content never changes, so neither does the answer. Without it, each
/// request for such a picture would cost as much as the first one.
#[derive(Default)]
pub(super) struct Refused(Mutex<VecDeque<Refusal>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The content cannot be read, for no size.
    Unreadable(FileId),
    /// One size needs too much memory.
    TooLarge(FileId, u32),
}

impl Refused {
    /// The refusal of this picture, if it is remembered.
    pub(super) fn find(&self, (file, side): (FileId, u32)) -> Option<GetImageError> {
        let refused = locked(&self.0);
        if refused.contains(&Refusal::Unreadable(file)) {
            return Some(ImageUnreadable.into());
        }
        refused.contains(&Refusal::TooLarge(file, side)).then(|| ImageTooLarge.into())
    }

    /// Remembers a refusal that follows from the content. The oldest one makes room.
    pub(super) fn note(&self, (file, side): (FileId, u32), error: &GetImageError) {
        let refusal = match error {
            GetImageError::Unreadable(_) => Refusal::Unreadable(file),
            GetImageError::TooLarge(_) => Refusal::TooLarge(file, side),
            _ => return,
        };
        let mut refused = locked(&self.0);
        if refused.contains(&refusal) {
            return;
        }
        if refused.len() == REMEMBERED {
            refused.pop_front();
        }
        refused.push_back(refusal);
    }
}
