//! The bytes of an upload that wait until they are sent.

use super::{
    bucket::{Bucket, PART},
    head::Piece,
    parked::{Redeemed, Ticket},
    room::{OWN, Place, Room},
};
use bytes::Bytes;
use skep_application::kernel::StoreError;
use skep_domain::files::FileId;
use std::sync::Arc;
use uuid::Uuid;

/// Bytes that wait: few without a place, and a part with one. They count until the last request that sends them has ended.
pub(super) struct Buffer {
    held: Arc<Held>,
    /// Where the bytes are while they are parked.
    ticket: Option<Ticket>,
}

pub(super) struct Held {
    bytes: Vec<u8>,
    place: Option<Place>,
    room: Arc<Room>,
    counted: usize,
}

/// Bytes that are being sent.
pub(super) struct Sent(pub(super) Arc<Held>);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Held {
    fn new(bytes: Vec<u8>, room: &Arc<Room>) -> Self {
        let mut held = Self { bytes, place: None, room: Arc::clone(room), counted: 0 };
        held.count();
        held
    }

    fn count(&mut self) {
        let now = self.bytes.capacity();
        self.room.count(std::mem::replace(&mut self.counted, now), now);
    }

    /// Makes room for so many bytes in all. The memory doubles, but never beyond the limit unless more is needed.
    fn reserve(&mut self, needed: usize) {
        if needed > self.bytes.capacity() {
            let wanted = if self.place.is_some() { PART } else { OWN.min(2 * self.bytes.capacity()) };
            self.bytes.reserve_exact(wanted.max(needed) - self.bytes.len());
            self.count();
        }
    }
}

/// A change while an earlier request may still send the bytes. That request keeps the place.
impl Clone for Held {
    fn clone(&self) -> Self {
        Self::new(self.bytes.clone(), &self.room)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.count(self.counted, 0);
    }
}

impl Buffer {
    pub(super) fn new(room: &Arc<Room>) -> Self {
        Self { held: Arc::new(Held::new(vec![], room)), ticket: None }
    }

    fn held(&mut self) -> &mut Held {
        Arc::make_mut(&mut self.held)
    }

    pub(super) fn len(&self) -> usize {
        self.held.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.bytes.is_empty()
    }

    /// How many bytes may wait.
    pub(super) fn limit(&self) -> usize {
        if self.held.place.is_some() { PART } else { OWN }
    }

    /// How many more bytes may wait.
    pub(super) fn free(&self) -> usize {
        self.limit().saturating_sub(self.len())
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let held = self.held();
        held.reserve(held.bytes.len() + bytes.len());
        held.bytes.extend_from_slice(bytes);
    }

    /// Puts so many bytes before the others, and returns them to be filled.
    pub(super) fn begin_with(&mut self, length: usize) -> &mut [u8] {
        let held = self.held();
        let end = held.bytes.len();
        held.reserve(length + end);
        held.bytes.resize(length + end, 0);
        held.bytes.copy_within(..end, length);
        &mut held.bytes[..length]
    }

    /// Takes a place if one is free. Returns whether there is one.
    pub(super) fn grow(&mut self) -> bool {
        if self.held.place.is_none() {
            let place = self.held.room.arriving();
            self.held().place = place;
        }
        self.held.place.is_some()
    }

    /// Waits for a place if so many bytes need one. They come from the server, so that the place is not held for long.
    pub(super) async fn widen(&mut self, length: usize) -> Result<(), StoreError> {
        if length > self.limit() {
            let place = self.held.room.returning().await?;
            self.held().place = Some(place);
        }
        Ok(())
    }

    /// Whether the bytes may wait for those of the client. Gives a place for bytes of the server back for one of its own.
    pub(super) fn may_wait(&mut self) -> bool {
        if self.held.place.as_ref().is_some_and(Place::is_returning) {
            let Some(place) = self.held.room.arriving() else { return false };
            self.held().place = Some(place);
        }
        true
    }

    /// Lets others have the place of bytes that wait for their client too long. Nothing else is done with the buffer until
    /// it was unparked. Bytes that lose their place become a piece with this name.
    pub(super) fn park(&mut self, bucket: &Arc<Bucket>, id: FileId, name: Uuid) {
        let Some(since) = self.held.place.as_ref().filter(|place| !place.is_returning()).map(Place::since) else {
            return;
        };
        let (room, piece) = (Arc::clone(&self.held.room), Piece { name, length: self.len() as u64 });
        let held = std::mem::replace(&mut self.held, Arc::new(Held::new(vec![], &room)));
        self.ticket = Some(Ticket::of((held, since), room, Arc::clone(bucket), (id, piece)));
    }

    /// Takes the bytes back. Returns the piece if they have become one.
    pub(super) async fn unpark(&mut self) -> Result<Option<Piece>, StoreError> {
        let Some(ticket) = self.ticket.take() else { return Ok(None) };
        match ticket.redeem().await? {
            Redeemed::Bytes(held) => {
                self.held = held;
                Ok(None)
            }
            Redeemed::Piece(piece) => Ok(Some(piece)),
        }
    }

    /// The bytes, which also stay here.
    pub(super) fn share(&self) -> Bytes {
        Bytes::from_owner(Sent(Arc::clone(&self.held)))
    }

    /// The bytes, with their place. Nothing waits then.
    pub(super) fn take(&mut self) -> Bytes {
        let empty = Arc::new(Held::new(vec![], &self.held.room));
        Bytes::from_owner(Sent(std::mem::replace(&mut self.held, empty)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::room::tests::Moved, *};
    use crate::S3Options;
    use skep_application::kernel::Clock;

    fn room(places: usize) -> Arc<Room> {
        Room::new(places * PART, Arc::new(Moved::default()))
    }

    #[tokio::test]
    async fn bytes_that_wait_too_long_lose_their_place_if_others_need_one() {
        let options = S3Options::new("bucket", "region", "key", "secret");
        let away = S3Options { endpoint: Some("http://127.0.0.1:1".to_owned()), path_style: true, ..options };
        let (clock, bucket) = (Arc::new(Moved::default()), Arc::new(Bucket::new(&away).expect("a client")));
        let room = Room::new(2 * PART, Arc::clone(&clock) as Arc<dyn Clock>);
        let (mut slow, mut other) = (Buffer::new(&room), Buffer::new(&room));
        let park = |slow: &mut Buffer| slow.park(&bucket, FileId::new(Uuid::from_u128(1)), Uuid::from_u128(2));
        assert!(slow.grow());
        slow.push(b"honey");
        for (seconds, is_wanted) in [(4, true), (60, false)] {
            clock.by(seconds);
            park(&mut slow);
            assert!(!is_wanted || !other.grow());
            assert!(slow.unpark().await.expect("its bytes").is_none() && slow.share() == "honey", "{seconds}");
        }
        park(&mut slow);
        assert!(!other.grow(), "it is given back when its bytes are stored");
        assert!(slow.unpark().await.is_err(), "the server is away, and they are lost");
        assert!(slow.is_empty() && other.grow());
    }

    #[test]
    fn a_buffer_without_a_place_has_room_for_no_more_than_its_own_bytes() {
        let room = room(1);
        let (mut waiting, mut moves, mut before) = (Buffer::new(&room), 0, 0);
        while waiting.free() > 0 {
            waiting.push(&[7; 1_000][..waiting.free().min(1_000)]);
            moves += usize::from(room.memory().held != before);
            before = room.memory().held;
            assert!((waiting.len()..=OWN).contains(&before), "{before} of {OWN}");
        }
        assert!(moves <= 9, "the bytes are seldom copied: {moves}");
        assert_eq!((waiting.len(), waiting.grow()), (OWN, false));
        assert!(waiting.take() == vec![7; OWN]);
        assert_eq!((waiting.len(), room.memory().held), (0, 0));
    }

    #[test]
    fn a_buffer_with_a_place_has_room_for_a_part() {
        let room = room(2);
        let (mut waiting, mut other) = (Buffer::new(&room), Buffer::new(&room));
        assert!(waiting.grow() && !other.grow());
        while waiting.free() > 0 {
            waiting.push(&[7; 10_000][..waiting.free().min(10_000)]);
            assert_eq!(room.memory().held, PART);
        }
        assert_eq!(waiting.len(), PART);
        // The place is free only when the bytes are sent.
        let sent = waiting.take();
        assert!(!other.grow() && room.memory().held == PART);
        drop(sent);
        assert!(other.grow() && room.memory().held == 0);
    }

    #[tokio::test]
    async fn bytes_of_the_server_come_before_those_that_wait() {
        let room = room(2);
        let mut waiting = Buffer::new(&room);
        waiting.push(b"comb");
        waiting.widen(9).await.expect("few bytes need no place");
        waiting.begin_with(5).copy_from_slice(b"honey");
        assert!(waiting.share() == "honeycomb" && waiting.may_wait());
        waiting.widen(OWN + 1).await.expect("a place");
        assert_eq!(waiting.limit(), PART);
        let mut other = Buffer::new(&room);
        assert!(other.grow(), "that place is for clients");
        assert!(!waiting.may_wait(), "no such place is left");
        drop(other);
        assert!(waiting.may_wait());
        assert!(!Buffer::new(&room).grow(), "the place was changed for one of a client");
        room.returning().await.expect("the other one is free");
    }

    #[test]
    fn bytes_can_be_added_while_earlier_ones_are_sent() {
        let room = room(2);
        let mut waiting = Buffer::new(&room);
        waiting.push(b"honey");
        let sent = waiting.share();
        waiting.push(b"comb");
        assert!(sent == "honey" && waiting.share() == "honeycomb");
        drop((sent, waiting));
        assert_eq!(room.memory().held, 0);
    }
}
