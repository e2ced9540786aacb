//! How much a user keeps, and how much a user may keep.

use super::File;
use crate::shared::{UserId, Version};

/// The most that one user may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileQuota {
    /// The greatest number of files.
    pub files: u32,
    /// The greatest number of bytes of all files together.
    pub bytes: u64,
    /// The greatest number of uploads at the same time.
    pub uploads: u32,
}

/// The user may not keep as much. The number is the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaExceeded {
    /// The user has as many files as allowed.
    #[error("at most {0} files can be kept; delete others first")]
    Files(u32),
    /// The files of the user would have more bytes than allowed.
    #[error("all files together can have at most {0} bytes; delete others first")]
    Bytes(u64),
    /// The user uploads as many files at the same time as allowed.
    #[error("at most {0} files can be uploaded at the same time; wait for the others")]
    Uploads(u32),
}

/// What a user keeps: the files in every state that clients have sent, because each may still have a content. Every unit of
/// work that adds or removes a file saves it, so of two units that compete for the last bytes one is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUsage {
    /// The owner of the files.
    pub owner_id: UserId,
    /// The number of files.
    pub files: u32,
    /// The sum of their sizes. An upload counts with the size that it may have at most.
    pub bytes: u64,
    /// How many of them are being uploaded.
    pub uploads: u32,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl FileUsage {
    /// The usage of a user without files.
    #[must_use]
    pub const fn none(owner_id: UserId) -> Self {
        Self { owner_id, files: 0, bytes: 0, uploads: 0, version: Version::FIRST }
    }

    /// Adds an upload. One for a purpose of Skep itself does not count.
    ///
    /// # Errors
    /// [`QuotaExceeded`]. Nothing has changed then.
    pub fn begin(&mut self, upload: &File, quota: &FileQuota) -> Result<(), QuotaExceeded> {
        if !upload.purpose.is_sent() {
            return Ok(());
        }
        if self.uploads >= quota.uploads {
            return Err(QuotaExceeded::Uploads(quota.uploads));
        }
        if self.files >= quota.files {
            return Err(QuotaExceeded::Files(quota.files));
        }
        let bytes = self.bytes.saturating_add(upload.size);
        if bytes > quota.bytes {
            return Err(QuotaExceeded::Bytes(quota.bytes));
        }
        (self.files, self.uploads, self.bytes) = (self.files + 1, self.uploads + 1, bytes);
        Ok(())
    }

    /// Notes that an upload is over. It has reserved `reserved` bytes, and the file has its size now.
    pub const fn end(&mut self, reserved: u64, file: &File) {
        if !file.purpose.is_sent() {
            return;
        }
        self.uploads = self.uploads.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(reserved).saturating_add(file.size);
    }

    /// Removes a file whose content is gone.
    pub const fn remove(&mut self, file: &File) {
        if !file.purpose.is_sent() {
            return;
        }
        self.files = self.files.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(file.size);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Checksum, FileContent, FileId, FileName, FilePurpose, FileState, FileVisibility, MediaType},
        *,
    };
    use crate::shared::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn upload(number: u128, size: u64) -> File {
        let name = FileName::parse("a.txt").unwrap();
        let (id, owner) = (FileId::new(Uuid::from_u128(number)), UserId::new(Uuid::nil()));
        File::begin(id, owner, FilePurpose::Attachment, FileVisibility::Private, name, size, Timestamp::MIN)
    }

    fn content(size: u64) -> FileContent {
        FileContent { size, media_type: MediaType::parse("text/plain").unwrap(), checksum: Checksum::new([0; 32]) }
    }

    #[test]
    fn each_limit_is_reached_and_not_passed() {
        let quota = FileQuota { files: 3, bytes: 10, uploads: 2 };
        let mut usage = FileUsage::none(UserId::new(Uuid::nil()));
        let mut files = [upload(1, 5), upload(2, 5)];
        usage.begin(&files[0], &quota).unwrap();
        usage.begin(&files[1], &quota).unwrap();
        assert_eq!(usage.begin(&upload(3, 0), &quota), Err(QuotaExceeded::Uploads(2)));
        for file in &mut files {
            file.complete(None, content(4), Timestamp::MIN).unwrap();
            usage.end(5, file);
        }
        assert_eq!((usage.files, usage.bytes, usage.uploads), (2, 8, 0));
        assert_eq!(usage.begin(&upload(3, 3), &quota), Err(QuotaExceeded::Bytes(10)));
        assert_eq!(usage.begin(&upload(3, u64::MAX), &quota), Err(QuotaExceeded::Bytes(10)));
        usage.begin(&upload(3, 2), &quota).unwrap();
        assert_eq!(usage.begin(&upload(4, 0), &quota), Err(QuotaExceeded::Files(3)));
    }

    #[test]
    fn an_export_does_not_count() {
        let quota = FileQuota { files: 0, bytes: 0, uploads: 0 };
        let none = FileUsage::none(UserId::new(Uuid::nil()));
        let (mut usage, mut file) = (none.clone(), File { purpose: FilePurpose::Export, ..upload(1, 50) });
        usage.begin(&file, &quota).unwrap();
        assert_eq!(usage, none);
        file.complete(None, content(4), Timestamp::MIN).unwrap();
        let full = FileUsage { files: 1, bytes: 9, uploads: 1, ..none };
        let mut usage = full.clone();
        usage.end(50, &file);
        usage.remove(&file);
        assert_eq!(usage, full);
    }

    proptest! {
        /// Whatever happens in whatever order, the usage is the sum of the files, and it never passes the quota.
        #[test]
        fn the_usage_is_the_sum_of_the_files(steps in prop::collection::vec((0_u8..4, 0_usize..8, 0_u64..40), 0..60)) {
            let quota = FileQuota { files: 5, bytes: 100, uploads: 3 };
            let mut usage = FileUsage::none(UserId::new(Uuid::nil()));
            let mut files: Vec<File> = vec![];
            for (number, (step, at, size)) in steps.into_iter().enumerate() {
                let at = at.checked_rem(files.len());
                match (step, at) {
                    (0, _) => {
                        let upload = upload(number as u128, size);
                        if usage.begin(&upload, &quota).is_ok() {
                            files.push(upload);
                        }
                    }
                    (1, Some(at)) => {
                        let reserved = files[at].size;
                        let file = &mut files[at];
                        if file.complete(None, content(size.min(reserved)), Timestamp::MIN).is_ok() {
                            usage.end(reserved, file);
                        }
                    }
                    (2, Some(at)) => {
                        let file = &mut files[at];
                        let was_uploading = file.state == FileState::Uploading;
                        if file.remove(Timestamp::MIN) && was_uploading {
                            usage.end(file.size, file);
                        }
                    }
                    (_, Some(at)) if files[at].state == FileState::Deleted => usage.remove(&files.swap_remove(at)),
                    _ => {}
                }
                let uploads = files.iter().filter(|file| file.state == FileState::Uploading).count();
                prop_assert_eq!((usage.files as usize, usage.uploads as usize), (files.len(), uploads));
                prop_assert_eq!(usage.bytes, files.iter().map(|file| file.size).sum::<u64>());
                prop_assert!(usage.files <= quota.files && usage.bytes <= quota.bytes && usage.uploads <= quota.uploads);
            }
        }
    }
}
