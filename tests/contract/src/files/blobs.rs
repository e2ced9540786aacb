//! `BlobStore`.

use super::pieces;
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::{self, Clause, clauses},
    world,
};
use async_trait::async_trait;
use skep_application::{
    files::{BlobReader, BlobStore, StagedBlob, WrittenBlob},
    kernel::StoreError,
};
use skep_domain::files::{Checksum, FileId};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

/// A store of contents, and a way to open it again.
#[async_trait]
pub trait Contents: Send + Sync {
    /// The adapter under test. It has no content at first.
    fn blobs(&self) -> Arc<dyn BlobStore>;

    /// Another instance of the adapter over the same contents.
    ///
    /// # Errors
    /// The reason why it cannot be opened.
    async fn reopened(&self) -> Result<Arc<dyn BlobStore>, Failure>;
}

clauses! { list of "contents" on dyn Contents:
    a_published_content_is_read_back_byte_for_byte ["BlobStore 1", "BlobStore 2"],
    a_content_cannot_be_read_before_it_is_published ["BlobStore 1"],
    parallel_contents_do_not_mix ["BlobStore 1"],
    the_checksum_is_that_of_all_pieces ["BlobStore 2"],
    a_range_has_exactly_its_bytes ["BlobStore 3"],
    a_content_that_is_dropped_leaves_nothing ["BlobStore 4"],
    a_deleted_content_is_gone_and_deleting_it_again_succeeds ["BlobStore 5"],
    a_content_that_is_being_written_can_be_deleted ["BlobStore 5"],
    every_content_is_listed_once ["BlobStore 6"],
    a_content_is_replaced_only_when_another_is_published ["BlobStore 7"],
    a_damaged_content_is_never_read_to_its_end ["BlobStore 8"],
    the_contents_keep_their_first_mark ["BlobStore 12"],
}

/// Every clause of [`BlobStore`].
#[must_use]
pub fn contents() -> Vec<Clause<dyn Contents>> {
    [list(), pieces::list()].concat()
}

pub(super) type Given = clause::Given<dyn Contents>;

pub(super) fn id() -> FileId {
    FileId::new(world::uuid())
}

/// Bytes without a short period.
pub(super) fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

async fn write(blobs: &dyn BlobStore, id: FileId, pieces: &[&[u8]]) -> Checked<(Box<dyn StagedBlob>, WrittenBlob)> {
    let mut staged = blobs.stage(id).await?;
    for piece in pieces {
        staged.write(piece).await?;
    }
    let written = staged.sync().await?;
    Ok((staged, written))
}

pub(super) async fn publish(blobs: &dyn BlobStore, id: FileId, content: &[u8]) -> Checked<WrittenBlob> {
    let (staged, written) = write(blobs, id, &[content]).await?;
    staged.publish().await?;
    Ok(written)
}

pub(super) async fn read(blobs: &dyn BlobStore, id: FileId, range: Option<Range<u64>>) -> Checked<Option<Vec<u8>>> {
    let Some(mut reader) = blobs.open(id, range).await? else { return Ok(None) };
    let mut content = vec![];
    while let Some(piece) = reader.read().await? {
        holds(!piece.is_empty() && piece.len() <= 64 << 10, "a piece has 1 to 65,536 bytes")?;
        content.extend(piece);
    }
    equal(reader.read().await?, None)?;
    Ok(Some(content))
}

/// The ids of all contents, read with this limit.
pub(super) async fn listed(blobs: &dyn BlobStore, limit: u32) -> Checked<Vec<FileId>> {
    let (mut ids, mut after) = (vec![], None);
    loop {
        let found = blobs.list(after, limit).await?;
        holds(found.len() <= limit as usize, "a list keeps its limit")?;
        after = found.last().map(|kept| kept.id);
        ids.extend(found.iter().map(|kept| kept.id));
        if after.is_none() {
            return Ok(ids);
        }
    }
}

async fn a_published_content_is_read_back_byte_for_byte(given: &Given) -> Checked {
    for length in [0, 1, 65_535, 65_536, 65_537, 1_000_003] {
        let (id, content) = (id(), bytes(length));
        let written = publish(&*given.store.blobs(), id, &content).await?;
        equal(written.size, length as u64)?;
        equal(read(&*given.store.blobs(), id, None).await?.as_ref() == Some(&content), true)?;
        equal(read(&*given.store.reopened().await?, id, None).await? == Some(content), true)?;
    }
    equal(read(&*given.store.blobs(), id(), None).await?, None)
}

async fn a_content_cannot_be_read_before_it_is_published(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    let (staged, _) = write(&*blobs, id, &[b"honey"]).await?;
    equal(read(&*blobs, id, None).await?, None)?;
    staged.publish().await?;
    equal(read(&*blobs, id, None).await?, Some(b"honey".to_vec()))
}

async fn parallel_contents_do_not_mix(given: &Given) -> Checked {
    let blobs = given.store.blobs();
    let tasks: Vec<_> = (0..8_usize)
        .map(|number| {
            let (blobs, id, content) = (Arc::clone(&blobs), id(), bytes(100_000 + number));
            tokio::spawn(async move {
                publish(&*blobs, id, &content).await?;
                equal(read(&*blobs, id, None).await? == Some(content), true)
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn the_checksum_is_that_of_all_pieces(given: &Given) -> Checked {
    let blobs = given.store.blobs();
    let of = |hex: &str| hex.parse::<Checksum>();
    let (_, nothing) = write(&*blobs, id(), &[]).await?;
    let empty = of("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")?;
    equal(nothing, WrittenBlob { size: 0, checksum: empty })?;
    // The example of FIPS 180-2.
    let (_, abc) = write(&*blobs, id(), &[b"a", b"", b"bc"]).await?;
    equal(abc.checksum, of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")?)?;
    let content = bytes(700_000);
    let (_, whole) = write(&*blobs, id(), &[&content]).await?;
    let pieces: Vec<&[u8]> = content.chunks(9_999).collect();
    let (_, parts) = write(&*blobs, id(), &pieces).await?;
    equal(whole, parts)
}

async fn a_range_has_exactly_its_bytes(given: &Given) -> Checked {
    let (blobs, id, content) = (given.store.blobs(), id(), bytes(200_000));
    publish(&*blobs, id, &content).await?;
    for range in [0..1, 0..200_000, 65_535..65_537, 199_999..200_000, 7..131_079, 0..0, 5..5] {
        let expected = content[range.clone()].to_vec();
        let range = range.start as u64..range.end as u64;
        equal(read(&*blobs, id, Some(range.clone())).await? == Some(expected), true)?;
    }
    equal(read(&*blobs, id, Some(199_999..u64::MAX)).await?, Some(content[199_999..].to_vec()))?;
    equal(read(&*blobs, id, Some(200_000..300_000)).await?, Some(vec![]))?;
    equal(read(&*blobs, id, Some(900_000..900_001)).await?, Some(vec![]))
}

async fn a_content_that_is_dropped_leaves_nothing(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    let mut staged = blobs.stage(id).await?;
    staged.write(&bytes(600_000)).await?;
    drop(staged);
    drop(write(&*blobs, id, &[b"honey"]).await?);
    equal(read(&*blobs, id, None).await?, None)?;
    // Requests to a server that remove it may follow the drop.
    let mut tries = 0..1_000;
    while tries.next().is_some() && !listed(&*blobs, 10).await?.is_empty() {}
    equal(listed(&*blobs, 10).await?, vec![])
}

async fn a_deleted_content_is_gone_and_deleting_it_again_succeeds(given: &Given) -> Checked {
    let (blobs, gone, kept) = (given.store.blobs(), id(), id());
    publish(&*blobs, gone, b"honey").await?;
    publish(&*blobs, kept, b"wax").await?;
    blobs.delete(gone).await?;
    equal(read(&*blobs, gone, None).await?, None)?;
    blobs.delete(gone).await?;
    blobs.delete(id()).await?;
    equal(read(&*blobs, kept, None).await?, Some(b"wax".to_vec()))?;
    publish(&*blobs, gone, b"again").await?;
    equal(read(&*blobs, gone, None).await?, Some(b"again".to_vec()))
}

async fn a_content_that_is_being_written_can_be_deleted(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    let (staged, _) = write(&*blobs, id, &[b"honey"]).await?;
    blobs.delete(id).await?;
    drop(staged);
    equal(listed(&*blobs, 10).await?, vec![])
}

async fn every_content_is_listed_once(given: &Given) -> Checked {
    let blobs = given.store.blobs();
    equal(listed(&*blobs, 10).await?, vec![])?;
    let mut expected = BTreeSet::new();
    for _ in 0..40 {
        let id = id();
        publish(&*blobs, id, b"honey").await?;
        expected.insert(id.uuid());
    }
    for limit in [1, 3, 40, 100] {
        let found = listed(&*blobs, limit).await?;
        equal(found.len(), expected.len())?;
        equal(found.into_iter().map(FileId::uuid).collect::<BTreeSet<_>>(), expected.clone())?;
    }
    Ok(())
}

async fn a_content_is_replaced_only_when_another_is_published(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    publish(&*blobs, id, b"the first one, which is longer").await?;
    drop(write(&*blobs, id, &[b"given up"]).await?);
    equal(read(&*blobs, id, None).await?, Some(b"the first one, which is longer".to_vec()))?;
    publish(&*blobs, id, b"second").await?;
    equal(read(&*blobs, id, None).await?, Some(b"second".to_vec()))
}

async fn a_damaged_content_is_never_read_to_its_end(given: &Given) -> Checked {
    let blobs = given.store.blobs();
    let open = async |id, expected| -> Checked<Box<dyn BlobReader>> {
        some(blobs.open_whole(id, expected).await?, "the content")
    };
    for length in [0, 1, 65_536, 65_537, 200_000] {
        let (id, content) = (id(), bytes(length));
        let written = publish(&*blobs, id, &content).await?;
        let (mut reader, mut whole) = (open(id, written).await?, vec![]);
        while let Some(piece) = reader.read().await? {
            holds(!piece.is_empty() && piece.len() <= 64 << 10, "a piece has 1 to 65,536 bytes")?;
            whole.extend(piece);
        }
        equal(whole == content, true)?;
        equal(reader.read().await?, None)?;

        let other = Checksum::new([7; 32]);
        let (longer, shorter) = (written.size + 1, written.size.saturating_sub(1));
        let checksum = written.checksum;
        for expected in [
            WrittenBlob { checksum: other, ..written },
            WrittenBlob { size: longer, ..written },
            WrittenBlob { size: shorter, checksum: if length == 0 { other } else { checksum } },
        ] {
            let (mut reader, mut received) = (open(id, expected).await?, 0);
            let failed = loop {
                match reader.read().await {
                    Ok(Some(piece)) => received += piece.len(),
                    Ok(None) => return Err(Failure::new("a damaged content has ended as if it were right")),
                    Err(error) => break error,
                }
            };
            holds(matches!(failed, StoreError::Corrupt(_)), "the content is reported as damaged")?;
            holds(received < length.max(1), "the last piece is held back")?;
            holds(reader.read().await.is_err(), "and the reader stays so")?;
        }
    }
    equal(blobs.open_whole(id(), WrittenBlob { size: 0, checksum: Checksum::new([0; 32]) }).await?.is_none(), true)
}

async fn the_contents_keep_their_first_mark(given: &Given) -> Checked {
    let (blobs, reopened) = (given.store.blobs(), given.store.reopened().await?);
    equal(blobs.owner().await?, None)?;
    let (one, two) = tokio::try_join!(blobs.claim("one"), reopened.claim("two"))?;
    equal(&one, &two)?;
    holds(["one", "two"].contains(&one.as_str()), "it is one of the marks that were given")?;
    for blobs in [blobs.clone(), given.store.reopened().await?] {
        equal(&blobs.claim("three").await?, &one)?;
        equal(blobs.owner().await?.as_ref(), Some(&one))?;
    }
    equal(listed(&*blobs, 10).await?, vec![])
}
