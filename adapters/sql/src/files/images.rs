//! The pictures of files in sizes.

use super::stored_size;
use crate::{
    Kind, Row, SqlUnit, Statement, args,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    files::{
        FileImageRepository,
        constraints::{FILE_IMAGE_FILE, FILE_IMAGE_ID, FILE_IMAGE_SIDE},
    },
    kernel::StoreError,
};
use skep_domain::files::{Checksum, FileContent, FileId, FileImage, MediaType};
use std::sync::LazyLock;
use uuid::Uuid;

static IMAGES: LazyLock<Table<FileImage>> = LazyLock::new(|| {
    Table::<FileImage>::new("file_images", "files.file_image", FILE_IMAGE_ID)
        .key("id", Kind::Uuid, |image| image.id.uuid().into())
        .fixed("file_id", Kind::Uuid, |image| image.file_id.uuid().into())
        .fixed("side", Kind::Int, |image| i64::from(image.side).into())
        .fixed("size", Kind::Int, |image| stored_size(image.content.size).into())
        .fixed("media_type", Kind::Text, |image| image.content.media_type.as_str().into())
        .fixed("sha256", Kind::Text, |image| image.content.checksum.to_string().into())
        .fixed("created_at", Kind::Time, |image| image.created_at.into())
        .unique(FILE_IMAGE_SIDE, &["file_id", "side"])
        .references(FILE_IMAGE_FILE, "file_id", "files")
        .offers(&[Verb::Insert])
});

pub(super) static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM file_images WHERE file_id = $1 AND side = $2";
    IMAGES.query("find", text, &[Kind::Uuid, Kind::Int], &[])
});
static LIST_OF: LazyLock<Statement> = LazyLock::new(|| {
    IMAGES.query("list_of", "SELECT {*} FROM file_images WHERE file_id = $1 ORDER BY side", &[Kind::Uuid], &[])
});
static DELETE_MANY: LazyLock<Statement> = LazyLock::new(|| {
    IMAGES.command("delete_many", "DELETE FROM file_images AS gone WHERE id {in $1}", &[Kind::Uuids], &[])
});

pub(super) fn declared() -> Declared {
    Declared::table(&IMAGES).statements([&*FIND, &*LIST_OF, &*DELETE_MANY])
}

impl Stored for FileImage {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = FileId::new(row.uuid()?);
        let row_id = RowId("file_images", id);
        let file_id = FileId::new(row.uuid()?);
        let side = row_id.count("side", row.int()?)?;
        let size = row_id.read("size", u64::try_from(row.int()?).ok())?;
        let media_type = MediaType::stored(row.text()?);
        let checksum = row_id.read("sha256", row.text()?.parse::<Checksum>().ok())?;
        let content = FileContent { size, media_type, checksum };
        Ok(Self { id, file_id, side, content, created_at: row.time()? })
    }
}

#[async_trait]
impl FileImageRepository for SqlUnit {
    async fn list_of(&mut self, file: FileId) -> Result<Vec<FileImage>, StoreError> {
        self.rows(&LIST_OF, args![file.uuid()], FileImage::read).await
    }

    async fn insert(&mut self, image: &FileImage) -> Result<(), StoreError> {
        IMAGES.insert(self, image).await
    }

    async fn delete_many(&mut self, ids: &[FileId]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        self.change(&DELETE_MANY, args![ids]).await.map(drop)
    }
}
