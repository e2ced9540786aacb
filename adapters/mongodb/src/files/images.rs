//! The pictures of files in sizes.

use super::{rows::FileDoc, stored_size};
use crate::{
    ops::Query,
    record::{self, Record, Reference, Stored, Unreadable, date, time},
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    files::{FileImageRepository, constraints::FILE_IMAGE_FILE},
    kernel::StoreError,
};
use skep_domain::files::{FileContent, FileId, FileImage, MediaType};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
pub(super) struct FileImageDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    file_id: bson::Uuid,
    side: i64,
    size: i64,
    media_type: String,
    sha256: String,
    created_at: DateTime,
}

pub(super) const FILE: Reference = Reference {
    constraint: FILE_IMAGE_FILE,
    from: FileImageDoc::COLLECTION,
    field: "file_id",
    to: FileDoc::COLLECTION,
};

impl Record for FileImageDoc {
    const COLLECTION: &'static str = "file_images";
    type Entity = FileImage;
    fn read(self) -> Result<FileImage, Unreadable> {
        let content = FileContent {
            size: u64::try_from(self.size).map_err(|_| "size cannot be read")?,
            media_type: MediaType::stored(self.media_type),
            checksum: self.sha256.parse().map_err(|_| "sha256 cannot be read")?,
        };
        Ok(FileImage {
            id: FileId::new(self.id.to_uuid_1()),
            file_id: FileId::new(self.file_id.to_uuid_1()),
            side: u32::try_from(self.side).map_err(|_| "side cannot be read")?,
            content,
            created_at: time(self.created_at)?,
        })
    }
}

impl Stored for FileImageDoc {
    const REFERENCES: &'static [Reference] = &[FILE];
    fn of(image: &FileImage) -> Self {
        Self {
            id: record::id(image.id.uuid()),
            file_id: record::id(image.file_id.uuid()),
            side: image.side.into(),
            size: stored_size(image.content.size),
            media_type: image.content.media_type.as_str().to_owned(),
            sha256: image.content.checksum.to_string(),
            created_at: date(image.created_at),
        }
    }
}

pub(super) fn of(file: FileId, side: u32) -> Document {
    doc! { "file_id": record::id(file.uuid()), "side": i64::from(side) }
}

#[async_trait]
impl FileImageRepository for MongoUnit {
    async fn list_of(&mut self, file: FileId) -> Result<Vec<FileImage>, StoreError> {
        let of_file = Query::of(doc! { "file_id": record::id(file.uuid()) }).by(doc! { "side": 1 });
        self.all::<FileImageDoc>(of_file).await
    }

    async fn insert(&mut self, image: &FileImage) -> Result<(), StoreError> {
        self.add::<FileImageDoc>(from_ref(image)).await
    }

    async fn delete_many(&mut self, ids: &[FileId]) -> Result<(), StoreError> {
        let with_ids = doc! { "_id": { "$in": record::ids(ids.iter().map(|id| id.uuid())) } };
        self.run(async |executor| executor.delete(FileImageDoc::COLLECTION, with_ids).await.map(drop)).await
    }
}
