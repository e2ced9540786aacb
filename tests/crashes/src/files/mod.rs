//! Buyers store files and delete them. A file has a row in the store and a content in a folder or a bucket, and no unit of
//! work spans both.

mod check;
mod contents;
#[cfg(test)]
mod tests;

use crate::{
    bucket::{self, Bucket},
    context::{Checks, Choice, Command, Context},
    load::Worker,
    look,
    state::{Row, State, Table, row},
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use skep_journeys::{Answer, Call, Client, Deployment};
use std::{fmt::Write as _, sync::Arc};
use uuid::Uuid;

const FILES: &str = "/api/v1/files";
const BYTES: &str = "application/octet-stream";
const STORED: &str = "files.upload_file";
const DELETED: &str = "files.delete_file";
/// Most contents have at most as many bytes.
const SMALL: usize = 4 << 10;
/// Few contents have as many. The server writes them in several blocks.
const LARGE: usize = 600 << 10;
/// One of so many contents is large.
const LARGE_OF: u32 = 10;
/// Fewer contents in a bucket have as many. The server sends them in parts.
const IN_PARTS: usize = 12 << 20;
/// One of so many contents in a bucket is sent in parts.
const IN_PARTS_OF: u32 = 15;
/// The count of uploads that a kill has cut off before their contents were complete.
pub const CUT_OFF: &str = "uploads cut off before their content was complete";
/// The count of uploads that a kill has cut off between their content and their file.
pub const UNFINISHED: &str = "uploads cut off after their content was complete";

/// A row of the files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct File {
    id: Uuid,
    owner_id: Uuid,
    name: String,
    /// The size in bytes; the announced one until the file is ready.
    size: i64,
    /// `None` until the file is ready.
    sha256: Option<String>,
    /// `uploading`, `ready` or `deleted`.
    state: String,
    /// Counts its changes, from 1.
    version: i64,
}

impl Row for File {
    const TABLE: Table =
        Table::new::<Self>("files", &["id", "owner_id"], &["name", "size", "sha256", "state", "version"]);
}

/// How much a user keeps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Usage {
    owner_id: Uuid,
    files: i64,
    bytes: i64,
    uploads: i64,
}

impl Row for Usage {
    const TABLE: Table = Table {
        rows: |document| vec![row(document, "owner_id")],
        ..Table::new::<Self>("file_usage", &["owner_id"], &["files", "bytes", "uploads"])
    };
}

/// A file in the folder of contents, or an object in their bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    /// The file that it belongs to.
    id: Uuid,
    /// Whether it is complete, as its name says.
    is_published: bool,
    size: i64,
    sha256: String,
}

pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Stores a content of so many bytes, which follow from the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Store {
    seed: u64,
    size: usize,
    sha256: String,
}

impl Store {
    fn new(seed: u64, size: usize) -> Self {
        Self { seed, size, sha256: sha256_of(&content(seed, size)) }
    }

    fn name(&self) -> String {
        format!("{}.bin", self.seed)
    }
}

fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

impl Command for Store {
    fn use_case(&self) -> &'static str {
        STORED
    }

    fn things(&self) -> &'static str {
        "files"
    }

    fn call<'c>(&self, client: &'c Client) -> Call<'c> {
        client.post(format!("{FILES}?name={}", self.name())).text(BYTES, content(self.seed, self.size))
    }

    fn made(&self, answer: &Answer) -> Option<(&'static str, Uuid)> {
        Some(("files", answer.text("/id").parse().expect("an id")))
    }
}

/// Deletes the file with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Delete(Uuid);

impl Command for Delete {
    fn use_case(&self) -> &'static str {
        DELETED
    }

    fn things(&self) -> &'static str {
        "deletions of files"
    }

    fn call<'c>(&self, client: &'c Client) -> Call<'c> {
        client.delete(format!("{FILES}/{}", self.0))
    }
}

fn store(worker: &mut Worker<'_>, rng: &mut StdRng) -> Option<Arc<dyn Command>> {
    let is_in_parts = worker.shop.bucket.is_some() && rng.random_ratio(1, IN_PARTS_OF);
    let most = match rng.random_ratio(1, LARGE_OF) {
        _ if is_in_parts => IN_PARTS,
        true => LARGE,
        false => SMALL,
    };
    Some(Arc::new(Store::new(rng.random(), rng.random_range(0..=most))))
}

/// Chooses one of the sender's files, which it deletes only once.
fn delete(worker: &mut Worker<'_>, rng: &mut StdRng) -> Option<Arc<dyn Command>> {
    let files = worker.ids.get_mut("files").filter(|files| !files.is_empty())?;
    Some(Arc::new(Delete(files.swap_remove(rng.random_range(0..files.len())))))
}

/// The context of files.
pub(crate) struct Files;

impl Context for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn tables(&self) -> &'static [Table] {
        &[File::TABLE, Usage::TABLE]
    }

    /// Uploads that kills have cut off count in the usage of their owner until they are swept.
    fn set_up(&self, deployment: &mut Deployment, instances: usize) {
        for limit in ["SKEP_FILES_PER_USER", "SKEP_FILES_MIB_PER_USER", "SKEP_UPLOADS_PER_USER"] {
            deployment.set(limit, "1000000");
        }
        if instances > 1 && !bucket::is_used(deployment) {
            contents::share(deployment);
        }
    }

    fn choices(&self) -> &'static [Choice] {
        &[Choice { share: 25, choose: store }, Choice { share: 10, choose: delete }]
    }

    fn refusals(&self) -> &'static [&'static str] {
        &[]
    }

    fn lists(&self) -> &'static [&'static str] {
        &["/api/v1/files?count=exact"]
    }

    fn look(&self, deployment: &Deployment, bucket: Option<&Bucket>, state: &mut State) {
        let in_folder = || contents::all(&contents::folder(deployment));
        state.rows_mut().extend(bucket.map_or_else(in_folder, contents::all_in));
    }

    fn age(&self, deployment: &Deployment, bucket: Option<&Bucket>) {
        look::age_uploads(deployment);
        match bucket {
            Some(bucket) => contents::age_in(bucket),
            None => contents::age(&contents::folder(deployment)),
        }
    }

    fn checks<'s>(&self, state: &'s State) -> Box<dyn Checks + 's> {
        Box::new(check::Cabinet::of(state))
    }
}
