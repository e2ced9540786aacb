//! The stores of contents under their contract.
//!
//! The S3 server comes from `scripts/services`. Without its address (`SKEP_TEST_S3_URL`), its trials are ignored, with the
//! reason. With `SKEP_REQUIRE_STORES=s3` they fail.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod s3;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use s3::Server;
use skep_application::{files::BlobStore, kernel::Clock};
use skep_blobs::{DiskBlobs, MemoryBlobs, S3Blobs};
use skep_contract::{
    Failure, InProcess,
    files::{Contents, contents},
    run,
};
use skep_domain::shared::Timestamp;
use std::{process::ExitCode, sync::Arc, time::Duration};
use tempfile::TempDir;

/// The wall clock of the system, as the disk has it.
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct InMemory(MemoryBlobs);

#[async_trait]
impl Contents for InMemory {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.0.clone())
    }

    async fn reopened(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(self.blobs())
    }
}

struct OnDisk {
    folder: TempDir,
    blobs: DiskBlobs,
}

#[async_trait]
impl Contents for OnDisk {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.blobs.clone())
    }

    async fn reopened(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(Arc::new(DiskBlobs::open(self.folder.path())?))
    }
}

struct InBucket(S3Blobs);

#[async_trait]
impl Contents for InBucket {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.0.clone())
    }

    async fn reopened(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(Arc::new(self.0.clone()))
    }
}

fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work).map(drop).map_err(|failure| failure.to_string().into())
}

/// What is done without an address of the S3 server.
fn trial(name: String, server: Option<&Server>, work: impl FnOnce(Server) -> Outcome + Send + 'static) -> Trial {
    const VARIABLE: &str = "SKEP_TEST_S3_URL";
    let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    match server {
        Some(server) => {
            let server = server.clone();
            Trial::test(name, move || work(server))
        }
        None if required.split(',').any(|name| name.trim() == "s3") => {
            Trial::test(name, || Err(format!("{VARIABLE} is not set").into()))
        }
        None => Trial::test(name, || Ok(())).with_ignored_flag(true).with_kind(format!("{VARIABLE} is not set")),
    }
}

type Outcome = Result<(), libtest_mimic::Failed>;

fn main() -> ExitCode {
    let memory = || Arc::new(InMemory(MemoryBlobs::new(Arc::new(Wall)))) as Arc<dyn Contents>;
    let disk = || {
        let folder = tempfile::tempdir().unwrap();
        let blobs = DiskBlobs::open(folder.path()).unwrap();
        Arc::new(OnDisk { folder, blobs }) as Arc<dyn Contents>
    };
    let harnesses = [
        ("memory", Arc::new(InProcess::<dyn Contents>::new("memory", memory))),
        ("disk", Arc::new(InProcess::<dyn Contents>::new("disk", disk))),
    ];
    let mut trials: Vec<Trial> = vec![];
    for (name, harness) in harnesses {
        trials.extend(contents().into_iter().map(|clause| {
            let harness = harness.clone();
            Trial::test(format!("{name}::{}", clause.name), move || in_runtime(run(&*harness, &clause)))
        }));
    }
    let server = Server::of_tests();
    // Each clause also without room for a part of an upload.
    let with_room = || Arc::new(InBucket(Server::of_tests().unwrap().blobs(None))) as Arc<dyn Contents>;
    let without_room = || Arc::new(InBucket(Server::of_tests().unwrap().blobs(Some(0)))) as Arc<dyn Contents>;
    for (name, bucket) in [("s3", with_room as fn() -> _), ("s3 without room", without_room as fn() -> _)] {
        trials.extend(contents().into_iter().map(|clause| {
            trial(format!("{name}::{}", clause.name), server.as_ref(), move |_| {
                in_runtime(run(&InProcess::<dyn Contents>::new(name, bucket), &clause))
            })
        }));
    }
    trials.extend(
        s3::TRIALS
            .iter()
            .map(|(name, work)| trial(format!("s3::{name}"), server.as_ref(), move |server| in_runtime(work(server)))),
    );
    trials.extend(s3::without_server());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
