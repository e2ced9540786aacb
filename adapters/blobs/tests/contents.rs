//! The stores of contents under their contract.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use skep_application::{files::BlobStore, kernel::Clock};
use skep_blobs::{DiskBlobs, MemoryBlobs};
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
    let trials = harnesses.into_iter().flat_map(|(name, harness)| {
        contents().into_iter().map(move |clause| {
            let harness = harness.clone();
            Trial::test(format!("{name}::{}", clause.name), move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(run(&*harness, &clause)).map(drop).map_err(|failure| failure.to_string().into())
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
