//! Uploads that share the memory of the process.

use super::{Ahead, Checked, Objects as _, Server, bytes, id, must, read, resume, write};
use skep_application::{
    files::{BlobStore as _, PartialBlob, StagedBlob},
    kernel::{Clock, Runtime},
};
use skep_blobs::{S3Blobs, S3Options};
use skep_contract::Failure;
use skep_domain::files::FileId;
use skep_local::system_runtime;
use std::sync::{Arc, atomic::Ordering::SeqCst};

/// The size of a part.
const PART: usize = 5 << 20;
/// What an upload may hold without room for a part.
const OWN: usize = 128 << 10;
/// What slow clients send at once.
const SLOWLY: usize = 100_000;

/// A bucket with room for so many parts. A quarter of it, and at least one, is for bytes that come back.
fn with_room_for(server: &Server, parts: usize, clock: Arc<dyn Clock>) -> (S3Blobs, S3Options) {
    let options = S3Options { memory: parts * PART, ..server.options() };
    let blobs = S3Blobs::new(&options, Runtime { clock, ..system_runtime() }).expect("a client");
    (blobs, options)
}

fn with_little_room(server: &Server) -> (S3Blobs, S3Options) {
    with_room_for(server, 3, system_runtime().clock)
}

/// Checks that uploads have never held more than they may.
fn is_bounded(blobs: &S3Blobs, uploads: usize) -> Checked {
    let memory = blobs.memory();
    must(memory.highest > 0 && memory.highest <= memory.limit + uploads * OWN, &format!("{memory:?}"))
}

async fn is_free(blobs: &S3Blobs) -> Checked {
    // The driver lets the last bytes go some time after the answer.
    for _ in 0..1_000 {
        if blobs.memory().held == 0 {
            return Ok(());
        }
        tokio::task::yield_now().await;
        blobs.list(None, 1).await?;
    }
    Err(Failure::new(format!("something is held: {:?}", blobs.memory())))
}

/// Uploads of clients that send a little from time to time.
struct Slow {
    content: Vec<u8>,
    sent: usize,
    at_once: Vec<(FileId, Box<dyn StagedBlob>)>,
    in_pieces: Vec<(FileId, Box<dyn PartialBlob>)>,
}

impl Slow {
    async fn begin(blobs: &S3Blobs, length: usize, (at_once, in_pieces): (usize, usize)) -> Checked<Self> {
        let mut slow = Self { content: bytes(length), sent: 0, at_once: vec![], in_pieces: vec![] };
        for _ in 0..at_once {
            let id = id();
            slow.at_once.push((id, blobs.stage(id).await?));
        }
        for _ in 0..in_pieces {
            let id = id();
            slow.in_pieces.push((id, resume(blobs, id, 0).await?));
        }
        Ok(slow)
    }

    /// Sends the content of each up to this number of bytes, all at the same speed.
    async fn send(&mut self, end: usize) -> Checked {
        while self.sent < end {
            let next = (self.sent + SLOWLY).min(end);
            let piece = &self.content[self.sent..next];
            for (_, staged) in &mut self.at_once {
                staged.write(piece).await?;
            }
            for (_, partial) in &mut self.in_pieces {
                partial.write(piece).await?;
            }
            self.sent = next;
        }
        Ok(())
    }

    /// Sends the rest, and publishes all contents at the same time.
    async fn finish(mut self, blobs: &S3Blobs) -> Checked {
        self.send(self.content.len()).await?;
        let (mut ids, mut ends) = (vec![], vec![]);
        for (id, mut staged) in self.at_once {
            ids.push(id);
            ends.push(tokio::spawn(async move {
                staged.sync().await?;
                staged.publish().await
            }));
        }
        for (id, mut partial) in self.in_pieces {
            ids.push(id);
            ends.push(tokio::spawn(async move {
                partial.sync().await?;
                let mut staged = partial.assemble().await?.staged;
                staged.sync().await?;
                staged.publish().await
            }));
        }
        for end in ends {
            end.await.map_err(|error| Failure::new(error.to_string()))??;
        }
        for id in ids {
            must(read(blobs, id).await?.as_ref() == Some(&self.content), "the same content")?;
        }
        Ok(())
    }
}

pub(super) async fn slow_clients(server: Server) -> Checked {
    let ((blobs, options), id, content) = (with_little_room(&server), id(), bytes(2 * PART + 7));
    let mut slow = Slow::begin(&blobs, PART + PART / 2, (4, 3)).await?;
    slow.send(PART / 2).await?;
    let held = blobs.memory().held;
    must(held >= 2 * PART, &format!("the slow ones have the room for clients: {held}"))?;
    write(&blobs, id, &content).await?.0.publish().await?;
    must(read(&blobs, id).await? == Some(content), "a fast one goes on beside them")?;
    slow.finish(&blobs).await?;
    is_bounded(&blobs, 8)?;
    is_free(&blobs).await?;
    let raw = server.raw(&options);
    must(raw.list_with_delimiter_of(&options).await? == 8, "only contents are left")?;
    must(server.open_uploads(&options).await? == 0, "no parts are left")
}

/// Each part waits for the only room, which is not for clients.
pub(super) async fn no_room(server: Server) -> Checked {
    for length in [0, OWN, OWN + 1, PART - 1, PART, PART + 1, 2 * PART + OWN] {
        let (blobs, options) = with_room_for(&server, 1, system_runtime().clock);
        let mut slow = Slow::begin(&blobs, length, (1, 1)).await?;
        slow.send(length / 2).await?;
        slow.finish(&blobs).await?;
        if length > 0 {
            is_bounded(&blobs, 2)?;
        }
        let found = server.raw(&options).list_with_delimiter_of(&options).await?;
        must(found == 2, &format!("only contents of {length} bytes are left, not {found} objects"))?;
    }
    Ok(())
}

pub(super) async fn dropped(server: Server) -> Checked {
    let (blobs, options) = with_little_room(&server);
    let mut slow = Slow::begin(&blobs, 2 * PART, (3, 0)).await?;
    slow.send(PART + PART / 2).await?;
    let found = server.raw(&options).list_with_delimiter_of(&options).await?;
    must(found > 3, &format!("heads, and pieces for which there was no room: {found}"))?;
    drop(slow);
    super::becomes_empty(&server, &blobs, &options).await?;
    is_free(&blobs).await?;
    let content = bytes(PART + 1);
    let id = id();
    write(&blobs, id, &content).await?.0.publish().await?;
    must(server.raw(&options).list_with_delimiter_of(&options).await? == 1, "its pieces are gone, too")
}

/// Waits for what is done beside the uploads.
async fn becomes(server: &Server, options: &S3Options, is_so: impl Fn(usize) -> bool) -> Checked {
    let raw = server.raw(options);
    for _ in 0..1_000 {
        if is_so(raw.list_with_delimiter_of(options).await?) {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Err(Failure::new(format!("there are {} objects", raw.list_with_delimiter_of(options).await?)))
}

pub(super) async fn places_of_slow_clients(server: Server) -> Checked {
    let clock = Arc::new(Ahead::default());
    let (blobs, options) = with_room_for(&server, 2, Arc::clone(&clock) as Arc<dyn Clock>);
    let raw = server.raw(&options);
    for in_pieces in [0, 1] {
        let mut slow = Slow::begin(&blobs, PART, (1 - in_pieces, in_pieces)).await?;
        slow.send(2 * OWN).await?;
        clock.0.fetch_add(1, SeqCst);
        slow.send(3 * OWN).await?;
        must(blobs.memory().held >= PART, "it keeps its place, because no other one wants it")?;
        // The slow one sends nothing more.
        let before = raw.list_with_delimiter_of(&options).await?;
        let mut other = Slow::begin(&blobs, PART, (1, 0)).await?;
        other.send(2 * OWN).await?;
        let is_stored = |found| found == before + 2 && blobs.memory().held <= OWN;
        becomes(&server, &options, is_stored).await?;
        other.send(PART - 1).await?;
        must(blobs.memory().held >= PART, "the other one has the place")?;
        must(raw.list_with_delimiter_of(&options).await? == before + 2, "and stores no more pieces")?;
        other.finish(&blobs).await?;
        slow.finish(&blobs).await?;
    }
    is_bounded(&blobs, 2)?;
    must(raw.list_with_delimiter_of(&options).await? == 4, "only contents are left")
}

/// An upload that ends without its client after it has lost its place.
pub(super) async fn lost_places(server: Server) -> Checked {
    let clock = Arc::new(Ahead::default());
    let (blobs, options) = with_room_for(&server, 2, Arc::clone(&clock) as Arc<dyn Clock>);
    for in_pieces in [0, 1] {
        let mut slow = Slow::begin(&blobs, PART, (1 - in_pieces, in_pieces)).await?;
        slow.send(2 * OWN).await?;
        clock.0.fetch_add(1, SeqCst);
        let mut other = Slow::begin(&blobs, PART, (1, 0)).await?;
        other.send(2 * OWN).await?;
        drop(slow);
        other.finish(&blobs).await?;
        // One content for each round, and the head of the upload in pieces, which has none.
        becomes(&server, &options, |found| found == 1 + 2 * in_pieces).await?;
    }
    is_free(&blobs).await
}
