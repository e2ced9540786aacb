//! How much users keep.

use super::stored_size;
use crate::{
    Kind, Row, SqlUnit,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    files::{FileUsageRepository, constraints::FILE_USAGE_OWNER},
    kernel::StoreError,
};
use skep_domain::{
    files::FileUsage,
    shared::{UserId, Version},
};
use std::sync::LazyLock;

static FILE_USAGE: LazyLock<Table<FileUsage>> = LazyLock::new(|| {
    Table::<FileUsage>::new("file_usage", "files.file_usage", FILE_USAGE_OWNER)
        .key("owner_id", Kind::Uuid, |usage| usage.owner_id.into())
        .column("files", Kind::Int, |usage| i64::from(usage.files).into())
        .column("bytes", Kind::Int, |usage| stored_size(usage.bytes).into())
        .column("uploads", Kind::Int, |usage| i64::from(usage.uploads).into())
        .version(|usage| usage.version)
        .offers(&[Verb::Find, Verb::Insert, Verb::Save])
});

pub(super) fn declared() -> Declared {
    Declared::table(&FILE_USAGE)
}

impl Stored for FileUsage {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let owner_id = UserId::new(row.uuid()?);
        let row_id = RowId("file_usage", owner_id);
        Ok(Self {
            owner_id,
            files: row_id.count("files", row.int()?)?,
            bytes: row_id.read("bytes", u64::try_from(row.int()?).ok())?,
            uploads: row_id.count("uploads", row.int()?)?,
            version: row_id.version(row.int()?)?,
        })
    }
}

#[async_trait]
impl FileUsageRepository for SqlUnit {
    async fn find(&mut self, owner: UserId) -> Result<Option<FileUsage>, StoreError> {
        FILE_USAGE.find(self, owner.uuid()).await
    }

    async fn insert(&mut self, usage: &FileUsage) -> Result<(), StoreError> {
        FILE_USAGE.insert(self, usage).await
    }

    async fn save(&mut self, usage: &FileUsage) -> Result<Version, StoreError> {
        FILE_USAGE.save(self, usage).await
    }
}
