//! How much users keep.

use super::stored_size;
use crate::{
    record::{self, Record, Stored, Unreadable, Versioned, version},
    unit::MongoUnit,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use skep_application::{files::FileUsageRepository, kernel::StoreError};
use skep_domain::{
    files::FileUsage,
    shared::{UserId, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct FileUsageDoc {
    #[serde(rename = "_id")]
    owner_id: bson::Uuid,
    files: i64,
    bytes: i64,
    uploads: i64,
    version: i64,
}

impl Record for FileUsageDoc {
    const COLLECTION: &'static str = "file_usage";
    type Entity = FileUsage;
    fn read(self) -> Result<FileUsage, Unreadable> {
        Ok(FileUsage {
            owner_id: UserId::new(self.owner_id.to_uuid_1()),
            files: u32::try_from(self.files).map_err(|_| "files cannot be read")?,
            bytes: u64::try_from(self.bytes).map_err(|_| "bytes cannot be read")?,
            uploads: u32::try_from(self.uploads).map_err(|_| "uploads cannot be read")?,
            version: version(self.version)?,
        })
    }
}

impl Stored for FileUsageDoc {
    fn of(usage: &FileUsage) -> Self {
        Self {
            owner_id: record::id(usage.owner_id.uuid()),
            files: usage.files.into(),
            bytes: stored_size(usage.bytes),
            uploads: usage.uploads.into(),
            version: usage.version.get(),
        }
    }
}

impl Versioned for FileUsageDoc {}

#[async_trait]
impl FileUsageRepository for MongoUnit {
    async fn find(&mut self, owner: UserId) -> Result<Option<FileUsage>, StoreError> {
        self.by_id::<FileUsageDoc>(owner.uuid()).await
    }

    async fn insert(&mut self, usage: &FileUsage) -> Result<(), StoreError> {
        self.add::<FileUsageDoc>(from_ref(usage)).await
    }

    async fn save(&mut self, usage: &FileUsage) -> Result<Version, StoreError> {
        self.put::<FileUsageDoc>(usage).await
    }
}
