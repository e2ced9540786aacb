//! Messages between instances: documents of a small capped collection, which each instance reads as they come.
//!
//! A capped collection costs less than a change stream: the server wakes its readers when this collection changes, and
//! does not read the log of all changes for each of them. It needs no further right, and works on a replica set of one.

use crate::{
    ops::{Executor, Tail},
    store::MongoStore,
};
use async_trait::async_trait;
use skep_application::kernel::{Announcement, StoreError, WakeUpListener, WakeUps};
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::Notify, task::JoinHandle};

/// The capped collection.
pub(crate) const COLLECTION: &str = "wake_ups";
/// Its size in bytes: about a thousand messages.
pub(crate) const SIZE: i64 = 64 * 1024;

/// Tells this instance from others in its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstanceNumber(u64);

impl InstanceNumber {
    pub(crate) fn random() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

#[async_trait]
impl WakeUps for MongoStore {
    async fn send(&self, announcement: Announcement) -> Result<(), StoreError> {
        self.read().await?.add_message(COLLECTION, &announcement.message(self.number.0)).await
    }

    /// The messages that are kept, of about the last thousand, count as new.
    async fn listen(&self) -> Result<Box<dyn WakeUpListener>, StoreError> {
        let mut executor = self.read().await?;
        // The collection must not be empty.
        executor.add_message(COLLECTION, &Announcement::default().message(self.number.0)).await?;
        let (tail, messages) = executor.tail(COLLECTION).await?;
        let inbox = Arc::new(Inbox { receiver: self.number.0, ..Inbox::default() });
        inbox.put(&messages);
        let follow = tokio::spawn(follow(executor, tail, Arc::clone(&inbox)));
        Ok(Box::new(MongoListener { inbox, follow }))
    }
}

/// What was received and not taken yet, as one announcement.
#[derive(Default)]
struct Inbox {
    receiver: u64,
    received: Mutex<Announcement>,
    arrived: Notify,
}

impl Inbox {
    fn put(&self, messages: &[String]) {
        let new = messages.iter().filter_map(|message| Announcement::of_message(message, self.receiver));
        let new = new.fold(Announcement::default(), Announcement::and);
        if !new.is_empty() {
            let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
            *received = received.and(new);
            self.arrived.notify_one();
        }
    }

    fn take(&self) -> Announcement {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads messages until an error. In a task, because a call that is cancelled would close its connection.
async fn follow(mut executor: Executor, tail: Tail, inbox: Arc<Inbox>) -> StoreError {
    loop {
        match executor.follow(&tail).await {
            Ok(messages) => inbox.put(&messages),
            Err(error) => break error,
        }
    }
}

struct MongoListener {
    inbox: Arc<Inbox>,
    follow: JoinHandle<StoreError>,
}

#[async_trait]
impl WakeUpListener for MongoListener {
    async fn next(&mut self) -> Result<Announcement, StoreError> {
        loop {
            let received = self.inbox.take();
            if !received.is_empty() {
                return Ok(received);
            }
            tokio::select! {
                () = self.inbox.arrived.notified() => {}
                ended = &mut self.follow => {
                    return Err(ended.unwrap_or_else(|error| StoreError::Unavailable(error.into())));
                }
            }
        }
    }
}

impl Drop for MongoListener {
    fn drop(&mut self) {
        self.follow.abort();
    }
}
