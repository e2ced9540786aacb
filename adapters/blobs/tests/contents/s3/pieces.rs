//! Pieces, heads and uploads in parts that a writer leaves behind, and those of others that it must leave alone.

use super::{
    Ahead, Checked, LARGE, Objects as _, Server, an_hour_later, bytes, id, must,
    proxy::{behind, behind_in},
    read, resume, write,
};
use object_store::{ObjectStoreExt as _, path::Path};
use skep_application::{
    files::{BlobStore as _, StagedBlob},
    kernel::{Clock, Runtime},
};
use skep_blobs::{S3Blobs, S3Options};
use skep_contract::Failure;
use skep_local::system_runtime;
use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

/// Ends an upload in pieces.
async fn end(mut staged: Box<dyn StagedBlob>) -> Checked {
    staged.sync().await?;
    Ok(staged.publish().await?)
}

pub(super) async fn refused(server: Server) -> Checked {
    let ((blobs, options), id, content) = (server.opened(), id(), bytes(LARGE));
    let mut partial = resume(&blobs, id, 0).await?;
    partial.write(b"honey").await?;
    partial.sync().await?;
    drop(partial);
    for _ in 0..20 {
        let mut partial = resume(&blobs, id, 5).await?;
        partial.write(&content).await?;
        drop(partial);
    }
    // The next lock waits until the last one has ended, but not until its pieces are removed.
    for _ in 0..1_000 {
        if server.raw(&options).list_with_delimiter_of(&options).await? <= 2 {
            let assembled = resume(&blobs, id, 5).await?.assemble().await?;
            end(assembled.staged).await?;
            return must(read(&blobs, id).await? == Some(b"honey".to_vec()), "what counts is there");
        }
        tokio::task::yield_now().await;
    }
    Err(Failure::new("pieces are left that were refused"))
}

pub(super) async fn left(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let mut partial = resume(&blobs, id, 0).await?;
    partial.write(b"honey").await?;
    partial.sync().await?;
    partial.write(&bytes(LARGE)).await?;
    // It is killed.
    std::mem::forget(partial);
    let raw = server.raw(&options);
    must(raw.list_with_delimiter_of(&options).await? > 2, "pieces are left")?;
    let partial = resume(&an_hour_later(&options, id).await?, id, 5).await?;
    must(raw.list_with_delimiter_of(&options).await? == 2, "the piece that counts, and the head")?;
    end(partial.assemble().await?.staged).await?;
    must(read(&blobs, id).await? == Some(b"honey".to_vec()), "what counts is there")
}

pub(super) async fn late_end(server: Server) -> Checked {
    let ((direct, options), id) = (server.opened(), id());
    let (late, rules) = behind(&server, &options).await?;
    let mut partial = resume(&late, id, 0).await?;
    partial.write(b"wax").await?;
    let mut assembled = partial.assemble().await?;
    assembled.staged.sync().await?;
    rules.holds_ends.store(true, SeqCst);
    let publishing = tokio::spawn(assembled.staged.publish());
    rules.holds.notified().await;
    // The content is published, and its writer does not know it yet.
    must(read(&direct, id).await? == Some(b"wax".to_vec()), "it is published")?;
    let next = an_hour_later(&options, id).await?;
    let mut partial = resume(&next, id, 0).await?;
    partial.write(b"honey").await?;
    partial.sync().await?;
    rules.go_on.notify_one();
    let published = publishing.await.map_err(|error| Failure::new(error.to_string()))?;
    must(published.is_err(), "a writer that was passed over has not published its content")?;
    partial.write(b"!").await?;
    must(partial.sync().await? == 6, "the next writer goes on")?;
    drop(partial);
    end(resume(&next, id, 6).await?.assemble().await?.staged).await?;
    must(read(&direct, id).await? == Some(b"honey!".to_vec()), "nothing of it is lost")?;
    must(server.raw(&options).list_with_delimiter_of(&options).await? == 1, "only the content is left")
}

pub(super) async fn late_delete(server: Server) -> Checked {
    let ((direct, options), id) = (server.opened(), id());
    let (late, rules) = behind(&server, &options).await?;
    let mut partial = resume(&late, id, 0).await?;
    partial.write(b"honey").await?;
    let mut assembled = partial.assemble().await?;
    assembled.staged.sync().await?;
    rules.holds_deletes.store(true, SeqCst);
    let publishing = tokio::spawn(assembled.staged.publish());
    rules.holds.notified().await;
    let mut partial = resume(&an_hour_later(&options, id).await?, id, 5).await?;
    rules.holds_deletes.store(false, SeqCst);
    rules.go_on.notify_one();
    publishing.await.map_err(|error| Failure::new(error.to_string()))??;
    partial.write(b"!").await?;
    must(partial.sync().await? == 6, "the head of the next writer is still there")?;
    end(partial.assemble().await?.staged).await?;
    must(read(&direct, id).await? == Some(b"honey!".to_vec()), "and its content")
}

pub(super) async fn long_end(server: Server) -> Checked {
    let ((direct, options), id) = (server.opened(), id());
    let clock = Arc::new(Ahead::default());
    let runtime = Runtime { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..system_runtime() };
    let (late, rules) = behind_in(&server, &options, runtime).await?;
    let mut partial = resume(&late, id, 0).await?;
    partial.write(b"honey").await?;
    let mut assembled = partial.assemble().await?;
    assembled.staged.sync().await?;
    rules.holds_ends.store(true, SeqCst);
    let publishing = tokio::spawn(assembled.staged.publish());
    rules.holds.notified().await;
    let (raw, head) = (server.raw(&options), Path::from(format!("{}/{id}.head", options.prefix)));
    let before = raw.head(&head).await?.e_tag;
    clock.0.fetch_add(1, SeqCst);
    // It waits a second for the server before it looks at the clock.
    while raw.head(&head).await?.e_tag == before {
        must(!publishing.is_finished(), "it waits for the server")?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rules.go_on.notify_one();
    publishing.await.map_err(|error| Failure::new(error.to_string()))??;
    must(read(&direct, id).await? == Some(b"honey".to_vec()), "it is published")
}

pub(super) async fn refused_end(server: Server) -> Checked {
    let ((direct, options), id) = (server.opened(), id());
    for is_resumed in [true, false] {
        let (blobs, rules) = behind(&server, &options).await?;
        let mut partial = resume(&blobs, id, 0).await?;
        partial.write(&bytes(LARGE)).await?;
        let assembled = partial.assemble().await?;
        rules.keeps_uploads.store(true, SeqCst);
        drop(assembled);
        // This waits until the lock has ended.
        drop(blobs.lock(id).await?.ok_or_else(|| Failure::new("it has ended"))?);
        must(server.open_uploads(&options).await? == 1, "the upload in parts is left")?;
        if is_resumed {
            drop(resume(&direct, id, LARGE as u64).await?);
        } else {
            direct.delete(id).await?;
        }
        must(server.open_uploads(&options).await? == 0, "it is given up later")?;
    }
    Ok(())
}

pub(super) async fn rewritten(server: Server) -> Checked {
    const SHORT: usize = 20_000;
    let ((_, options), id, content) = (server.opened(), id(), bytes(256 * SHORT));
    let (blobs, rules) = behind(&server, &options).await?;
    let mut partial = resume(&blobs, id, 0).await?;
    for piece in content.chunks(SHORT) {
        partial.write(piece).await?;
        partial.sync().await?;
    }
    let (sent, most) = (rules.sent.load(SeqCst), 9 * content.len() as u64);
    must(sent >= content.len() as u64, "pieces are counted")?;
    must(sent <= most, &format!("each byte is sent at most 9 times: {sent} of {most}"))?;
    let found = server.raw(&options).list_with_delimiter_of(&options).await?;
    must(found <= 10, &format!("there are few objects, not {found}"))?;
    end(partial.assemble().await?.staged).await?;
    must(read(&blobs, id).await? == Some(content), "the same content")
}

pub(super) async fn lock_alone(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    write(&blobs, id, b"honey").await?.0.publish().await?;
    let raw = server.raw(&options);
    for _ in 0..3 {
        let lock = blobs.lock(id).await?.ok_or_else(|| Failure::new("no other writer"))?;
        must(lock.is_exclusive(), "it exists")?;
        must(raw.list_with_delimiter_of(&options).await? == 2, "the content and the head")?;
        drop(lock);
    }
    for _ in 0..1_000 {
        if raw.list_with_delimiter_of(&options).await? == 1 {
            return must(read(&blobs, id).await? == Some(b"honey".to_vec()), "the content is as it was");
        }
        tokio::task::yield_now().await;
    }
    Err(Failure::new("the head is left"))
}

pub(super) async fn lock_of_upload(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let (staged, _) = write(&blobs, id, &bytes(LARGE)).await?;
    std::mem::forget(staged);
    for _ in 0..2 {
        // The second one waits until the first one has ended.
        drop(blobs.lock(id).await?.ok_or_else(|| Failure::new("no other writer"))?);
        must(server.open_uploads(&options).await? == 1, "the upload in parts is as it was")?;
    }
    blobs.delete(id).await?;
    must(server.open_uploads(&options).await? == 0, "its name was known")
}

pub(super) async fn late_note(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let (late, _) = write(&blobs, id, &bytes(LARGE)).await?;
    let (next, _) = write(&blobs, id, &bytes(LARGE)).await?;
    drop(late);
    for _ in 0..50 {
        let found = server.raw(&options).list_with_delimiter_of(&options).await?;
        must(found == 1, "the note of the next one stays")?;
    }
    // It is killed.
    std::mem::forget(next);
    blobs.delete(id).await?;
    must(server.open_uploads(&options).await? == 0, "its upload in parts is known")
}

pub(super) async fn lost_answer(server: Server) -> Checked {
    let ((direct, mut options), id) = (server.opened(), id());
    options.answer = Duration::from_secs(2);
    let (blobs, rules) = behind(&server, &options).await?;
    let mut partial = resume(&blobs, id, 0).await?;
    partial.write(b"honey").await?;
    partial.sync().await?;
    // The two pieces become one.
    partial.write(b", wax").await?;
    rules.holds_heads.store(true, SeqCst);
    must(partial.sync().await.is_err(), "the answer is lost")?;
    rules.holds.notified().await;
    rules.holds_heads.store(false, SeqCst);
    drop(partial);
    // The next lock waits until the last one has ended. The removal of its pieces may follow.
    let mut partial = resume(&direct, id, 5).await?;
    partial.write(b"!").await?;
    end(partial.assemble().await?.staged).await?;
    must(read(&direct, id).await? == Some(b"honey!".to_vec()), "what counts is there")
}

pub(super) async fn large_copy(server: Server) -> Checked {
    let ((direct, options), content) = (server.opened(), bytes(LARGE));
    for (limit, expected) in [(LARGE as u64, 1), (LARGE as u64 - 1, 3)] {
        let limited = S3Options { copied_at_once: limit, ..options.clone() };
        let (blobs, id) = (S3Blobs::new(&limited, system_runtime()).expect("a client"), id());
        write(&direct, id, &content).await?.0.publish().await?;
        let before = server.raw(&options).list_with_delimiter_of(&options).await?;
        let mut partial = resume(&blobs, id, LARGE as u64).await?;
        // The head and the pieces have taken the place of the content.
        let found = server.raw(&options).list_with_delimiter_of(&options).await? - before;
        must(found == expected, &format!("{expected} pieces are left, not {found}"))?;
        partial.write(b"!").await?;
        end(partial.assemble().await?.staged).await?;
        must(read(&direct, id).await? == Some([&content[..], b"!"].concat()), "the same content, and more")?;
    }
    Ok(())
}
