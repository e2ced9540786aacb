//! The rules for files that a deployment can configure.

use skep_domain::files::{FilePurpose, FileQuota};
use std::time::Duration;

/// What users may keep, and when the remains of uploads are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePolicy {
    /// The most that one user may keep.
    pub quota: FileQuota,
    /// The greatest size of one file in bytes, whatever its purpose allows.
    pub most_bytes: u64,
    /// The time after which an upload that is not complete is given up. It is longer than any upload takes.
    pub upload_time: Duration,
    /// The time after which an upload that arrives in pieces is given up.
    pub resumable_time: Duration,
    /// The age from which a stored content without a file is removed.
    pub orphan_age: Duration,
    /// The time after which a link to a content expires, if its caller names none.
    pub link_time: Duration,
    /// The longest time for which a link to a content can be valid.
    pub longest_link: Duration,
}

/// Where clients and caches get the contents of public files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// The address that their URLs begin with, without a slash at its end. `None` if it is that of the API.
    pub files_url: Option<String>,
    /// How long a cache that several clients share may give a content before it asks whether the file is still there.
    pub shared_cache: Duration,
}

impl Default for DeliveryPolicy {
    /// The address of the API, and a day.
    fn default() -> Self {
        Self { files_url: None, shared_cache: Duration::from_hours(24) }
    }
}

impl Default for FilePolicy {
    /// 1,000 files and 1 GiB for each user, 8 uploads at the same time, 100 MiB for one file, 2 hours for an upload,
    /// a day for one that arrives in pieces, and a day for a content without a file. A link lasts an hour, and at most 7
    /// days.
    fn default() -> Self {
        Self {
            quota: FileQuota { files: 1_000, bytes: 1 << 30, uploads: 8 },
            most_bytes: 100 << 20,
            upload_time: Duration::from_secs(2 * 60 * 60),
            resumable_time: Duration::from_secs(24 * 60 * 60),
            orphan_age: Duration::from_secs(24 * 60 * 60),
            link_time: Duration::from_secs(60 * 60),
            longest_link: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

impl FilePolicy {
    /// The greatest size of a file for this purpose, in bytes.
    #[must_use]
    pub fn most_bytes(&self, purpose: FilePurpose) -> u64 {
        self.most_bytes.min(purpose.most_bytes())
    }
}
