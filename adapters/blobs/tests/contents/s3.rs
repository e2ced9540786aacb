//! What S3 adds to the contract: races between processes, uploads that are given up, and faults of servers.

mod faults;
mod memory;
mod pieces;
mod proxy;

pub(crate) use faults::without_server;

use object_store::{
    ObjectStoreExt as _,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
    signer::{SignedUrlOptions, Signer as _},
};
use skep_application::{
    files::{BlobStore, PartialBlob, StagedBlob, WrittenBlob},
    kernel::{Clock, Runtime, StoreError},
};
use skep_blobs::{S3Blobs, S3Options};
use skep_contract::Failure;
use skep_domain::{files::FileId, shared::Timestamp};
use skep_local::system_runtime;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use url::Url;

type Checked<T = ()> = Result<T, Failure>;
type Work = fn(Server) -> Pin<Box<dyn Future<Output = Checked> + Send>>;

/// More than two parts of an upload.
const LARGE: usize = 11 << 20;

pub(crate) const TRIALS: &[(&str, Work)] = &[
    ("of_two_processes_that_begin_a_content_exactly_one_has_it", |server| Box::pin(one_begins(server))),
    ("of_two_processes_that_lock_a_content_exactly_one_has_it", |server| Box::pin(one_locks(server))),
    ("a_killed_process_has_a_content_until_its_term_ends", |server| Box::pin(a_term_ends(server))),
    ("a_writer_that_is_late_changes_and_publishes_nothing", |server| Box::pin(a_late_writer_fails(server))),
    ("a_large_content_is_sent_in_parts", |server| Box::pin(large_contents(server))),
    ("many_short_pieces_become_few_objects", |server| Box::pin(short_pieces(server))),
    ("an_upload_that_is_dropped_leaves_no_parts", |server| Box::pin(dropped_uploads(server))),
    ("an_upload_that_a_crash_has_left_is_listed_and_deleted_with_its_parts", |server| Box::pin(left_uploads(server))),
    ("pieces_that_are_dropped_before_they_count_are_removed", |server| Box::pin(pieces::refused(server))),
    ("pieces_that_a_killed_process_has_not_counted_are_removed", |server| Box::pin(pieces::left(server))),
    ("a_writer_that_is_late_leaves_the_pieces_of_the_next_one", |server| Box::pin(pieces::late_end(server))),
    ("an_upload_that_cannot_be_given_up_keeps_its_name", |server| Box::pin(pieces::refused_end(server))),
    ("a_byte_is_written_again_only_a_few_times", |server| Box::pin(pieces::rewritten(server))),
    ("a_lock_alone_leaves_no_object", |server| Box::pin(pieces::lock_alone(server))),
    ("a_lock_alone_gives_no_upload_up", |server| Box::pin(pieces::lock_of_upload(server))),
    ("a_content_that_is_dropped_late_leaves_the_note_of_the_next_one", |server| Box::pin(pieces::late_note(server))),
    ("a_change_whose_answer_is_lost_loses_no_piece", |server| Box::pin(pieces::lost_answer(server))),
    ("slow_uploads_leave_room_for_a_fast_one", |server| Box::pin(memory::slow_clients(server))),
    ("uploads_without_room_for_a_part_are_complete", |server| Box::pin(memory::no_room(server))),
    ("an_upload_without_room_that_is_dropped_leaves_no_object", |server| Box::pin(memory::dropped(server))),
    ("a_slow_upload_gives_its_room_to_others", |server| Box::pin(memory::places_of_slow_clients(server))),
    ("an_upload_that_has_lost_its_room_and_is_dropped_leaves_no_object", |server| {
        Box::pin(memory::lost_places(server))
    }),
    ("a_late_delete_leaves_the_head_of_the_next_writer", |server| Box::pin(pieces::late_delete(server))),
    ("a_writer_that_waits_for_its_end_keeps_its_content", |server| Box::pin(pieces::long_end(server))),
    ("a_content_that_is_too_large_for_a_copy_is_resumed", |server| Box::pin(pieces::large_copy(server))),
    ("a_rotten_content_is_never_read_to_its_end", |server| Box::pin(rotten_contents(server))),
    ("other_objects_of_the_bucket_are_not_listed", |server| Box::pin(other_objects(server))),
    ("a_wrong_secret_and_a_missing_bucket_are_named", |server| Box::pin(faults::refusals(server))),
];

/// The S3 server of the tests.
#[derive(Clone)]
pub(crate) struct Server {
    url: Url,
}

impl Server {
    /// The one at `http://KEY:SECRET@HOST:PORT/BUCKET` in the environment.
    pub(crate) fn of_tests() -> Option<Self> {
        let url = std::env::var("SKEP_TEST_S3_URL").ok()?.parse().expect("a URL");
        Some(Self { url })
    }

    /// The bucket, with names that no other trial uses.
    fn options(&self) -> S3Options {
        let secret = self.url.password().expect("a secret");
        let bucket = self.url.path().trim_matches('/');
        let mut options = S3Options::new(bucket, "us-east-1", self.url.username(), secret);
        options.endpoint = Some(self.endpoint());
        options.path_style = true;
        options.prefix = format!("trial-{}", system_runtime().ids.next());
        options
    }

    fn endpoint(&self) -> String {
        format!("http://{}:{}", self.url.host_str().expect("a host"), self.url.port().expect("a port"))
    }

    /// The bucket with the usual memory for uploads, or with this much.
    pub(crate) fn blobs(&self, memory: Option<usize>) -> S3Blobs {
        let usual = self.options();
        let options = S3Options { memory: memory.unwrap_or(usual.memory), ..usual };
        S3Blobs::new(&options, system_runtime()).expect("a client")
    }

    fn opened(&self) -> (S3Blobs, S3Options) {
        let options = self.options();
        (S3Blobs::new(&options, system_runtime()).expect("a client"), options)
    }

    /// The bucket without our code.
    fn raw(&self, options: &S3Options) -> AmazonS3 {
        let raw = AmazonS3Builder::new()
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_access_key_id(&options.access_key_id)
            .with_secret_access_key(&options.secret_access_key)
            .with_endpoint(self.endpoint())
            .with_allow_http(true);
        raw.build().expect("a client")
    }

    /// How many uploads in parts of this prefix are open.
    async fn open_uploads(&self, options: &S3Options) -> Checked<usize> {
        let query = SignedUrlOptions::default().with_query([("uploads", ""), ("prefix", options.prefix.as_str())]);
        let root = Path::default();
        let url = self.raw(options).signed_url_opts(http::Method::GET, &root, Duration::from_secs(60), &query).await?;
        let answer = reqwest::get(url).await?.error_for_status()?.text().await?;
        Ok(answer.matches("<UploadId>").count())
    }
}

fn id() -> FileId {
    FileId::new(system_runtime().ids.next())
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn must(is_so: bool, what: &str) -> Checked {
    if is_so { Ok(()) } else { Err(Failure::new(what)) }
}

async fn resume(blobs: &S3Blobs, id: FileId, offset: u64) -> Checked<Box<dyn PartialBlob>> {
    let locked = blobs.lock(id).await?.ok_or_else(|| Failure::new("another writer has it"))?;
    locked.resume(offset).await?.ok_or_else(|| Failure::new("another writer has begun it"))
}

async fn write(blobs: &S3Blobs, id: FileId, content: &[u8]) -> Checked<(Box<dyn StagedBlob>, WrittenBlob)> {
    let mut staged = blobs.stage(id).await?;
    staged.write(content).await?;
    let written = staged.sync().await?;
    Ok((staged, written))
}

async fn read(blobs: &S3Blobs, id: FileId) -> Checked<Option<Vec<u8>>> {
    let Some(mut reader) = blobs.open(id, None).await? else { return Ok(None) };
    let mut content = vec![];
    while let Some(piece) = reader.read().await? {
        content.extend(piece);
    }
    Ok(Some(content))
}

/// The clock of the system, some hours ahead.
#[derive(Default)]
struct Ahead(AtomicU32);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        system_runtime().clock.now()
    }

    fn monotonic(&self) -> Duration {
        system_runtime().clock.monotonic() + self.0.load(SeqCst) * Duration::from_secs(3_600)
    }
}

/// Another process that has waited an hour for the content, while its head did not change.
async fn an_hour_later(options: &S3Options, id: FileId) -> Checked<S3Blobs> {
    let clock = Arc::new(Ahead::default());
    let runtime = Runtime { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..system_runtime() };
    let blobs = S3Blobs::new(options, runtime).expect("a client").as_another_process();
    must(blobs.lock(id).await?.is_none(), "another process has it")?;
    clock.0.fetch_add(1, SeqCst);
    Ok(blobs)
}

async fn one_begins(server: Server) -> Checked {
    let one = server.opened().0;
    let two = one.as_another_process();
    for _ in 0..10 {
        let id = id();
        let (first, second) = (one.lock(id).await?, two.lock(id).await?);
        let (Some(first), Some(second)) = (first, second) else {
            return Err(Failure::new("a content that does not exist is not exclusive"));
        };
        let (first, second) = tokio::join!(first.resume(0), second.resume(0));
        must(first?.is_some() != second?.is_some(), "exactly one has begun it")?;
    }
    Ok(())
}

async fn one_locks(server: Server) -> Checked {
    let (one, options) = server.opened();
    let (two, raw) = (one.as_another_process(), server.raw(&options));
    for round in 0..20 {
        let id = id();
        if round % 2 == 0 {
            write(&one, id, b"honey").await?.0.publish().await?;
        } else {
            // A content that its last writer has let go.
            let head = r#"{"holder":null,"turn":7,"pieces":[],"upload":null,"may_be_published":false}"#;
            raw.put(&Path::from(format!("{}/{id}.head", options.prefix)), head.into()).await?;
        }
        let (first, second) = tokio::join!(one.lock(id), two.lock(id));
        must(first?.is_some() != second?.is_some(), "exactly one has it")?;
    }
    Ok(())
}

async fn a_term_ends(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let mut partial = resume(&blobs, id, 0).await?;
    partial.write(b"honey").await?;
    partial.sync().await?;
    must(blobs.as_another_process().lock(id).await?.is_none(), "the first process has it")?;
    // It is killed.
    std::mem::forget(partial);
    must(blobs.as_another_process().lock(id).await?.is_none(), "and has it until its term ends")?;
    let later = an_hour_later(&options, id).await?;
    let mut assembled = resume(&later, id, 5).await?.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    must(read(&blobs, id).await? == Some(b"honey".to_vec()), "what was synced is there")
}

async fn a_late_writer_fails(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let mut late = resume(&blobs, id, 0).await?;
    late.write(b"wax").await?;
    late.sync().await?;
    let next = an_hour_later(&options, id).await?;
    let mut partial = resume(&next, id, 0).await?;
    // Its piece is gone, and that is no damage.
    let written = late.write(b", wax").await;
    must(matches!(written, Ok(()) | Err(StoreError::Unavailable(_))), &format!("{written:?}"))?;
    must(late.sync().await.is_err(), "a writer that was passed over stores nothing")?;
    drop(late);
    partial.write(b"honey").await?;
    partial.sync().await?;

    // This one is passed over between its last check and the end.
    let mut assembled = partial.assemble().await?;
    assembled.staged.sync().await?;
    let mut last = resume(&an_hour_later(&options, id).await?, id, 5).await?;
    must(assembled.staged.publish().await.is_err(), "and publishes nothing")?;
    must(read(&blobs, id).await?.is_none(), "the content is not there")?;
    last.write(b"!").await?;
    let mut assembled = last.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    must(read(&blobs, id).await? == Some(b"honey!".to_vec()), "the last writer has made it")?;
    must(server.open_uploads(&options).await? == 0, "no parts are left")
}

async fn large_contents(server: Server) -> Checked {
    let ((blobs, options), at_once, in_pieces, content) = (server.opened(), id(), id(), bytes(LARGE));
    let mut staged = blobs.stage(at_once).await?;
    for piece in content.chunks(99_999) {
        staged.write(piece).await?;
    }
    let written = staged.sync().await?;
    must(written.size == LARGE as u64, "all bytes count")?;
    must(server.open_uploads(&options).await? == 1, "it is an upload in parts")?;
    // Bytes that follow replace the last part.
    staged.write(b"!").await?;
    let longer = staged.sync().await?;
    staged.publish().await?;
    must(longer.size == LARGE as u64 + 1, "one more")?;
    let expected = [&content[..], b"!"].concat();
    must(read(&blobs, at_once).await?.as_ref() == Some(&expected), "the same content")?;

    let mut partial = resume(&blobs, in_pieces, 0).await?;
    partial.write(&content).await?;
    partial.sync().await?;
    let mut assembled = partial.assemble().await?;
    must(assembled.staged.sync().await? == written, "pieces make the same content")?;
    assembled.staged.publish().await?;
    must(read(&blobs, in_pieces).await? == Some(content), "the same content")?;
    must(server.open_uploads(&options).await? == 0, "no parts are left")
}

async fn short_pieces(server: Server) -> Checked {
    let ((blobs, options), id, content) = (server.opened(), id(), bytes(200));
    let mut partial = resume(&blobs, id, 0).await?;
    for byte in &content {
        partial.write(&[*byte]).await?;
        partial.sync().await?;
    }
    let raw = server.raw(&options);
    let found = raw.list_with_delimiter_of(&options).await?;
    must(found <= 9, &format!("8 pieces and the head, not {found}"))?;
    let mut assembled = partial.assemble().await?;
    assembled.staged.sync().await?;
    assembled.staged.publish().await?;
    must(read(&blobs, id).await? == Some(content), "the same content")?;
    must(raw.list_with_delimiter_of(&options).await? == 1, "only the content is left")
}

/// Counts the objects of a trial.
trait Objects {
    async fn list_with_delimiter_of(&self, options: &S3Options) -> Checked<usize>;
}

impl Objects for AmazonS3 {
    async fn list_with_delimiter_of(&self, options: &S3Options) -> Checked<usize> {
        let prefix = Path::from(options.prefix.as_str());
        Ok(object_store::ObjectStore::list_with_delimiter(self, Some(&prefix)).await?.objects.len())
    }
}

/// Waits for what is done after a content was dropped.
async fn becomes_empty(server: &Server, blobs: &S3Blobs, options: &S3Options) -> Checked {
    for _ in 0..1_000 {
        if server.open_uploads(options).await? == 0 && blobs.list(None, 9).await?.is_empty() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Err(Failure::new("something is left of the upload"))
}

async fn dropped_uploads(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let (staged, _) = write(&blobs, id, &bytes(LARGE)).await?;
    must(server.open_uploads(&options).await? == 1, "it is an upload in parts")?;
    drop(staged);
    becomes_empty(&server, &blobs, &options).await
}

async fn left_uploads(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    let (staged, _) = write(&blobs, id, &bytes(LARGE)).await?;
    std::mem::forget(staged);
    let listed = blobs.list(None, 9).await?;
    must(listed.iter().map(|kept| kept.id).eq([id]), "it is listed")?;
    // Another one with its id begins from nothing.
    let (staged, _) = write(&blobs, id, &bytes(LARGE)).await?;
    must(server.open_uploads(&options).await? == 1, "the first one is given up")?;
    std::mem::forget(staged);
    blobs.delete(id).await?;
    must(server.open_uploads(&options).await? == 0, "its parts are gone")?;
    must(blobs.list(None, 9).await?.is_empty(), "and its head")
}

async fn rotten_contents(server: Server) -> Checked {
    let ((blobs, options), id, mut content) = (server.opened(), id(), bytes(200_000));
    let (staged, written) = write(&blobs, id, &content).await?;
    staged.publish().await?;
    content[100_000] ^= 1;
    let path = Path::from(format!("{}/{id}", options.prefix));
    server.raw(&options).put(&path, content.into()).await?;
    let mut reader = blobs.open_whole(id, written).await?.ok_or_else(|| Failure::new("it exists"))?;
    loop {
        match reader.read().await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::new("a rotten content has ended as if it were right")),
            Err(error) => return must(matches!(error, StoreError::Corrupt(_)), "it is reported as damaged"),
        }
    }
}

async fn other_objects(server: Server) -> Checked {
    let ((blobs, options), id) = (server.opened(), id());
    write(&blobs, id, b"honey").await?.0.publish().await?;
    let raw = server.raw(&options);
    for name in ["notes.txt", "00000000-0000-0000-0000-000000000000-notes", "~"] {
        raw.put(&Path::from(format!("{}/{name}", options.prefix)), "wax".into()).await?;
    }
    let listed = blobs.list(None, 9).await?;
    must(listed.iter().map(|kept| kept.id).eq([id]), "only the content is listed")?;
    must(blobs.inspect().await?.is_empty(), "the bucket can be used")?;
    must(raw.list_with_delimiter_of(&options).await? == 4, "the check leaves nothing")
}
