//! `BlobStore`: contents that arrive in pieces.

use super::{
    Contents,
    blobs::{Given, bytes, id, listed, publish, read},
};
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::clauses,
};
use skep_application::{
    files::{BlobStore, LockedBlob, PartialBlob, SNIFFED_BYTES},
    kernel::StoreError,
};
use skep_domain::files::FileId;

clauses! { list of "contents" on dyn Contents:
    pieces_make_the_same_content_as_one_write ["BlobStore 9", "BlobStore 2"],
    what_was_synced_stays_and_the_rest_is_cut_off ["BlobStore 9"],
    missing_bytes_are_reported ["BlobStore 9"],
    one_writer_at_a_time_has_a_content ["BlobStore 10"],
    of_two_that_begin_a_content_one_has_it ["BlobStore 10"],
    a_lock_alone_changes_nothing ["BlobStore 10"],
    the_lock_of_a_content_that_exists_is_exclusive ["BlobStore 10"],
    a_content_that_was_published_too_early_can_be_resumed ["BlobStore 11"],
    pieces_are_listed_and_deleted ["BlobStore 11"],
}

async fn lock(blobs: &dyn BlobStore, id: FileId) -> Checked<Box<dyn LockedBlob>> {
    some(blobs.lock(id).await?, "no other writer")
}

async fn resume(blobs: &dyn BlobStore, id: FileId, offset: u64) -> Checked<Box<dyn PartialBlob>> {
    some(lock(blobs, id).await?.resume(offset).await?, "no other writer")
}

/// Adds a piece at the offset, and lets the writer go.
async fn add(blobs: &dyn BlobStore, id: FileId, offset: u64, piece: &[u8]) -> Checked {
    let mut partial = resume(blobs, id, offset).await?;
    partial.write(piece).await?;
    equal(partial.sync().await?, offset + piece.len() as u64)
}

async fn pieces_make_the_same_content_as_one_write(given: &Given) -> Checked {
    for (length, pieces) in [(0, 1), (1, 1), (8_191, 2), (300_000, 3), (700_001, 7)] {
        let (at_once, in_pieces, content) = (id(), id(), bytes(length));
        let expected = publish(&*given.store.blobs(), at_once, &content).await?;
        let mut offset = 0;
        for piece in content.chunks(length.div_ceil(pieces).max(1)) {
            // Each piece may come to another instance.
            add(&*given.store.reopened().await?, in_pieces, offset, piece).await?;
            offset += piece.len() as u64;
        }
        equal(read(&*given.store.blobs(), in_pieces, None).await?, None)?;
        let mut assembled = resume(&*given.store.blobs(), in_pieces, offset).await?.assemble().await?;
        equal(assembled.beginning == content[..length.min(SNIFFED_BYTES)], true)?;
        equal(assembled.staged.sync().await?, expected)?;
        assembled.staged.publish().await?;
        equal(read(&*given.store.reopened().await?, in_pieces, None).await? == Some(content), true)?;
    }
    Ok(())
}

async fn what_was_synced_stays_and_the_rest_is_cut_off(given: &Given) -> Checked {
    let (blobs, id, content) = (given.store.blobs(), id(), bytes(600_000));
    let mut partial = resume(&*blobs, id, 0).await?;
    partial.write(&content[..300_000]).await?;
    equal(partial.sync().await?, 300_000)?;
    partial.write(&[7; 300_000]).await?;
    drop(partial);
    // A row can have an older offset than the content.
    let again = given.store.reopened().await?;
    add(&*again, id, 299_999, &content[299_999..400_000]).await?;
    add(&*again, id, 400_000, &[9; 100_000]).await?;
    let mut partial = resume(&*again, id, 400_000).await?;
    partial.write(&content[400_000..]).await?;
    let assembled = partial.assemble().await?;
    // What is dropped before it was published stays as well.
    drop(assembled);
    let mut assembled = resume(&*again, id, 600_000).await?.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    equal(read(&*blobs, id, None).await? == Some(content), true)?;

    // From 0 on, it begins from nothing.
    let id = self::id();
    add(&*blobs, id, 0, b"wax, wax, wax").await?;
    add(&*blobs, id, 0, b"honey").await?;
    let mut assembled = resume(&*blobs, id, 5).await?.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    equal(read(&*blobs, id, None).await?, Some(b"honey".to_vec()))
}

async fn missing_bytes_are_reported(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    for _ in 0..2 {
        match lock(&*blobs, id).await?.resume(1).await {
            Err(StoreError::Corrupt(_)) => {}
            Ok(_) => return Err(Failure::new("bytes that never arrived were found")),
            Err(error) => return Err(error.into()),
        }
    }
    add(&*blobs, id, 0, b"honey").await?;
    holds(
        matches!(lock(&*blobs, id).await?.resume(6).await, Err(StoreError::Corrupt(_))),
        "the sixth byte is missing",
    )?;
    add(&*blobs, id, 5, b"!").await
}

async fn one_writer_at_a_time_has_a_content(given: &Given) -> Checked {
    let (blobs, other, id) = (given.store.blobs(), given.store.reopened().await?, id());
    let mut first = resume(&*blobs, id, 0).await?;
    for contender in [&blobs, &other] {
        holds(contender.lock(id).await?.is_none(), "the first writer has it")?;
    }
    first.write(b"honey").await?;
    equal(first.sync().await?, 5)?;
    holds(other.lock(id).await?.is_none(), "and keeps it")?;
    let assembled = first.assemble().await?;
    holds(other.lock(id).await?.is_none(), "until it is published")?;
    drop(assembled);
    add(&*other, id, 5, b"!").await?;
    let (one, two) = (resume(&*blobs, id, 6).await?, resume(&*other, self::id(), 0).await?);
    drop((one, two));
    Ok(())
}

async fn of_two_that_begin_a_content_one_has_it(given: &Given) -> Checked {
    let (blobs, other, id) = (given.store.blobs(), given.store.reopened().await?, id());
    let (first, second) = (lock(&*blobs, id).await?, other.lock(id).await?);
    let mut partial = some(first.resume(0).await?, "the first writer is not hindered")?;
    if let Some(second) = second {
        holds(second.resume(0).await?.is_none(), "the first writer has begun it")?;
    }
    partial.write(b"honey").await?;
    equal(partial.sync().await?, 5)
}

async fn a_lock_alone_changes_nothing(given: &Given) -> Checked {
    let (blobs, published, partial, missing) = (given.store.blobs(), id(), id(), id());
    publish(&*blobs, published, b"honey").await?;
    add(&*blobs, partial, 0, b"wax").await?;
    let before = listed(&*blobs, 10).await?;
    let locked = (lock(&*blobs, published).await?, lock(&*blobs, partial).await?, lock(&*blobs, missing).await?);
    equal(read(&*blobs, published, None).await?, Some(b"honey".to_vec()))?;
    drop(locked);
    equal(read(&*blobs, published, None).await?, Some(b"honey".to_vec()))?;
    equal(listed(&*blobs, 10).await?, before)?;
    let mut assembled = resume(&*blobs, partial, 3).await?.assemble().await?;
    equal(assembled.staged.sync().await?.size, 3)
}

async fn the_lock_of_a_content_that_exists_is_exclusive(given: &Given) -> Checked {
    let (blobs, other, id) = (given.store.blobs(), given.store.reopened().await?, id());
    add(&*blobs, id, 0, b"honey").await?;
    let first = lock(&*blobs, id).await?;
    holds(first.is_exclusive(), "it exists")?;
    holds(other.lock(id).await?.is_none(), "another writer has it")?;
    drop(first);
    holds(lock(&*other, id).await?.is_exclusive(), "it exists")
}

async fn a_content_that_was_published_too_early_can_be_resumed(given: &Given) -> Checked {
    let (blobs, id) = (given.store.blobs(), id());
    add(&*blobs, id, 0, b"honey").await?;
    let mut assembled = resume(&*blobs, id, 5).await?.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    equal(read(&*blobs, id, None).await?, Some(b"honey".to_vec()))?;
    add(&*given.store.reopened().await?, id, 3, b"est").await?;
    equal(read(&*blobs, id, None).await?, None)?;
    let mut assembled = resume(&*blobs, id, 6).await?.assemble().await?;
    equal(assembled.beginning, b"honest".to_vec())?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    equal(read(&*blobs, id, None).await?, Some(b"honest".to_vec()))
}

async fn pieces_are_listed_and_deleted(given: &Given) -> Checked {
    let (blobs, id, other) = (given.store.blobs(), id(), id());
    add(&*blobs, id, 0, b"honey").await?;
    publish(&*blobs, other, b"wax").await?;
    equal(listed(&*blobs, 1).await?.len(), 2)?;
    let partial = resume(&*blobs, id, 5).await?;
    blobs.delete(id).await?;
    equal(listed(&*blobs, 10).await?, vec![other])?;
    // A writer that is late makes nothing of it.
    if let Ok(mut assembled) = partial.assemble().await {
        assembled.staged.sync().await?;
        holds(assembled.staged.publish().await.is_err(), "a deleted content is not published")?;
    }
    equal(read(&*blobs, id, None).await?, None)?;
    equal(listed(&*blobs, 10).await?, vec![other])?;
    holds(matches!(lock(&*blobs, id).await?.resume(5).await, Err(StoreError::Corrupt(_))), "nothing is left of it")
}
