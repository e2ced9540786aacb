//! Bytes that wait for those of their client, and whose place others can have.

use super::{
    bucket::Bucket,
    buffer::{Held, Sent},
    head::{Piece, name_of_piece},
    room::{Key, Room},
};
use bytes::Bytes;
use skep_application::kernel::StoreError;
use skep_domain::files::FileId;
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// What the room keeps.
pub(super) struct Parked {
    held: Arc<Held>,
    bucket: Arc<Bucket>,
    name: String,
    stored: oneshot::Sender<Result<(), StoreError>>,
}

impl Parked {
    /// Stores the bytes as a piece, and gives their place back.
    pub(super) async fn store(self) {
        let stored = self.bucket.put(&self.name, Bytes::from_owner(Sent(self.held))).await;
        // The upload may have ended.
        let _ = self.stored.send(stored);
    }
}

/// What has become of parked bytes.
pub(super) enum Redeemed {
    Bytes(Arc<Held>),
    Piece(Piece),
}

/// What the upload keeps. If it is dropped, nothing is left of the bytes.
pub(super) struct Ticket {
    room: Arc<Room>,
    bucket: Arc<Bucket>,
    key: Key,
    piece: Piece,
    name: String,
    stored: Option<oneshot::Receiver<Result<(), StoreError>>>,
}

impl Ticket {
    pub(super) fn of(
        (held, since): (Arc<Held>, Duration),
        room: Arc<Room>,
        bucket: Arc<Bucket>,
        (id, piece): (FileId, Piece),
    ) -> Self {
        let (sender, stored) = oneshot::channel();
        let name = name_of_piece(id, piece.name);
        let parked = Parked { held, bucket: Arc::clone(&bucket), name: name.clone(), stored: sender };
        let key = room.park(since, parked);
        Self { room, bucket, key, piece, name, stored: Some(stored) }
    }

    /// Takes the bytes back, or waits until they are a piece.
    pub(super) async fn redeem(mut self) -> Result<Redeemed, StoreError> {
        if let Some(parked) = self.room.unpark(self.key) {
            self.stored = None;
            return Ok(Redeemed::Bytes(parked.held));
        }
        let Some(stored) = &mut self.stored else { return Ok(Redeemed::Piece(self.piece)) };
        let stored = stored.await;
        self.stored = None;
        if let Ok(Ok(())) = stored {
            return Ok(Redeemed::Piece(self.piece));
        }
        // The server may have stored it although its answer did not arrive.
        let _ = self.bucket.delete(&self.name).await;
        let unknown = || StoreError::Unavailable("bytes of the upload were not stored".into());
        Err(stored.ok().and_then(Result::err).unwrap_or_else(unknown))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(stored) = self.stored.take() else { return };
        if self.room.unpark(self.key).is_none() {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
            let (bucket, name) = (Arc::clone(&self.bucket), std::mem::take(&mut self.name));
            // After it was stored. What cannot be removed now is removed with the content.
            runtime.spawn(async move {
                let _ = stored.await;
                bucket.delete(&name).await
            });
        }
    }
}
