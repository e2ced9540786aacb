//! What the requests of one process for the same picture share.

use super::{GetImageError, ImageTooLarge, ImageUnreadable};
use event_listener::Event;
use skep_domain::files::FileId;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The most files that are remembered as refused.
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

/// The files whose pictures this process has refused to make. A content never changes, so neither does the answer. Without
/// it, each request for such a file would cost as much as the first one.
#[derive(Default)]
pub(super) struct Refused(Mutex<VecDeque<(FileId, Cause)>>);

#[derive(Clone, Copy)]
enum Cause {
    Unreadable,
    TooLarge,
}

impl Refused {
    /// The refusal for this file, if it is remembered.
    pub(super) fn find(&self, file: FileId) -> Option<GetImageError> {
        let cause = locked(&self.0).iter().find(|(id, _)| *id == file).map(|(_, cause)| *cause)?;
        Some(match cause {
            Cause::Unreadable => ImageUnreadable.into(),
            Cause::TooLarge => ImageTooLarge.into(),
        })
    }

    /// Remembers a refusal that follows from the content. The oldest one makes room.
    pub(super) fn note(&self, file: FileId, error: &GetImageError) {
        let cause = match error {
            GetImageError::Unreadable(_) => Cause::Unreadable,
            GetImageError::TooLarge(_) => Cause::TooLarge,
            _ => return,
        };
        let mut refused = locked(&self.0);
        if refused.len() == REMEMBERED {
            refused.pop_front();
        }
        refused.push_back((file, cause));
    }
}
