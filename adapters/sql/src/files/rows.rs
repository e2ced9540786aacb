//! The rows of files.

use super::{images, stored_size};
use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, Value, args,
    declared::Declared,
    page::{Listed, Pages},
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    files::{
        FileQueries, FileRepository,
        constraints::{FILE_ID, FILE_UPLOAD_LINK},
        file_position,
    },
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    files::{
        Appender, Checksum, File, FileId, FileImage, FileName, FilePurpose, FileState, FileVisibility, MediaType,
        Resumable, UploadLinkId, UploadMetadata,
    },
    shared::{Direction, LeaseToken, Timestamp, UserId, Version},
};
use std::sync::LazyLock;
use uuid::Uuid;

static FILES: LazyLock<Table<File>> = LazyLock::new(|| {
    Table::<File>::new("files", "files.file", FILE_ID)
        .key("id", Kind::Uuid, |file| file.id.uuid().into())
        .fixed("owner_id", Kind::Uuid, |file| file.owner_id.into())
        .fixed("purpose", Kind::Text, |file| file.purpose.name().into())
        .fixed("visibility", Kind::Text, |file| file.visibility.name().into())
        .fixed("name", Kind::Text, |file| file.name.as_str().into())
        .column("size", Kind::Int, |file| stored_size(file.size).into())
        .column("media_type", Kind::Text, |file| file.content.as_ref().map(|(found, _)| found.as_str()).into())
        .nullable()
        .column("sha256", Kind::Text, |file| file.content.as_ref().map(|(_, sum)| sum.to_string()).as_deref().into())
        .nullable()
        .column("state", Kind::Text, |file| file.state.name().into())
        .fixed("created_at", Kind::Time, |file| file.created_at.into())
        .column("updated_at", Kind::Time, |file| file.updated_at.into())
        .version(|file| file.version)
        .fixed("upload_metadata", Kind::Text, |file| pieces(file).map(|known| known.metadata.as_str()).into())
        .nullable()
        .column("upload_offset", Kind::Int, |file| pieces(file).map(|known| stored_size(known.offset)).into())
        .nullable()
        .fixed("upload_expires_at", Kind::Time, |file| pieces(file).map(|known| known.expires_at).into())
        .nullable()
        .column("appender_token", Kind::Uuid, |file| appender(file).map(|held| held.token.uuid()).into())
        .nullable()
        .column("appender_until", Kind::Time, |file| appender(file).map(|held| held.until).into())
        .nullable()
        .column("delete_at", Kind::Time, |file| file.delete_at.into())
        .nullable()
        .column("upload_link_id", Kind::Uuid, |file| file.upload_link.map(UploadLinkId::uuid).into())
        .nullable()
        .unique(FILE_UPLOAD_LINK, &["upload_link_id"])
        .offers(&[Verb::Find, Verb::FindMany, Verb::Insert, Verb::Save, Verb::Delete])
});

fn pieces(file: &File) -> Option<&Resumable> {
    file.resumable.as_ref()
}

fn appender(file: &File) -> Option<Appender> {
    pieces(file)?.appender
}

/// The condition of the indexes of the lists.
const READY: &str = "state = 'ready'";
const CREATED: &str = "created_at";

static ALL: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list".to_owned(), CREATED)];
    Pages::new(&FILES, &Listed { condition: READY, params: &[], sorts: &sorts, count: "count" })
});
static OWNED: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list_owned".to_owned(), CREATED)];
    let condition = format!("{READY} AND owner_id = $1");
    Pages::new(&FILES, &Listed { condition: &condition, params: &[Kind::Uuid], sorts: &sorts, count: "count_owned" })
});
static OPEN: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list_open".to_owned(), CREATED)];
    let condition = "state = 'uploading' AND owner_id = $1 AND upload_expires_at > $2";
    Pages::new(&FILES, &Listed { condition, params: &[Kind::Uuid, Kind::Time], sorts: &sorts, count: "count_open" })
});
static FIND_BY_LINK: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM files WHERE upload_link_id = $1 {for update}";
    FILES.query("find_by_link", text, &[Kind::Uuid], &[])
});
static LIST_REMOVABLE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM files WHERE state <> 'ready' AND (state = 'deleted' \
        OR state = 'uploading' AND (upload_expires_at <= $2 OR upload_expires_at IS NULL AND created_at <= $1) \
        OR state = 'infected' AND delete_at <= $2) AND id > $3 ORDER BY id LIMIT $4";
    FILES.command("list_removable", text, &[Kind::Time, Kind::Time, Kind::Uuid, Kind::Int], &[Kind::Uuid])
});
/// The index of the files that are not ready has them in this order.
static LIST_QUARANTINED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM files WHERE state <> 'ready' AND state = 'quarantined' AND id > $1 ORDER BY id LIMIT $2";
    FILES.command("list_quarantined", text, &[Kind::Uuid, Kind::Int], &[Kind::Uuid])
});
static LIST_EXPIRED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM files WHERE state = 'ready' AND delete_at <= $1 ORDER BY delete_at, id LIMIT $2";
    FILES.command("list_expired", text, &[Kind::Time, Kind::Int], &[Kind::Uuid])
});
/// Each part has an index: one of the files that are ready, and one of the others.
static LIST_OF: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM (SELECT id FROM files WHERE owner_id = $1 AND state = 'ready' LIMIT $2) AS ready \
        UNION ALL \
        SELECT id FROM (SELECT id FROM files WHERE owner_id = $1 AND state <> 'ready' LIMIT $2) AS others LIMIT $2";
    FILES.command("list_of", text, &[Kind::Uuid, Kind::Int], &[Kind::Uuid])
});
static LIST_KNOWN: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT id FROM {files by id in $1} UNION ALL SELECT id FROM {file_images by id in $1}";
    FILES.command("list_known", text, &[Kind::Uuids], &[Kind::Uuid])
});

pub(super) fn declared() -> Declared {
    let statements = ALL.statements().chain(OWNED.statements()).chain(OPEN.statements());
    Declared::table(&FILES).statements(statements).statements([
        &*FIND_BY_LINK,
        &*LIST_REMOVABLE,
        &*LIST_QUARANTINED,
        &*LIST_EXPIRED,
        &*LIST_OF,
        &*LIST_KNOWN,
    ])
}

impl Stored for File {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = FileId::new(row.uuid()?);
        let row_id = RowId("files", id);
        let owner_id = UserId::new(row.uuid()?);
        let purpose = row_id.read("purpose", FilePurpose::from_name(&row.text()?))?;
        let visibility = row_id.read("visibility", FileVisibility::from_name(&row.text()?))?;
        let name = FileName::stored(row.text()?);
        let size = row_id.read("size", u64::try_from(row.int()?).ok())?;
        let content = row_id.both("sha256", (row.optional_text()?, row.optional_text()?))?;
        let content = content
            .map(|(media_type, sha256)| {
                let checksum = row_id.read("sha256", sha256.parse::<Checksum>().ok())?;
                Ok::<_, StoreError>((MediaType::stored(media_type), checksum))
            })
            .transpose()?;
        let state = row_id.read("state", FileState::from_name(&row.text()?))?;
        let (created_at, updated_at) = (row.time()?, row.time()?);
        let version = row_id.version(row.int()?)?;
        let (metadata, offset, expires_at) = (row.optional_text()?, row.optional_int()?, row.optional_time()?);
        let appender = row_id.both("appender_until", (row.optional_uuid()?, row.optional_time()?))?;
        let appender = appender.map(|(token, until)| Appender { token: LeaseToken::new(token), until });
        let resumable = match (metadata, offset, expires_at) {
            (Some(metadata), Some(offset), Some(expires_at)) => Some(Resumable {
                metadata: UploadMetadata::stored(metadata),
                offset: row_id.read("upload_offset", u64::try_from(offset).ok())?,
                expires_at,
                appender,
            }),
            (None, None, None) if appender.is_none() => None,
            _ => row_id.read("upload_offset", None)?,
        };
        let delete_at = row.optional_time()?;
        let upload_link = row.optional_uuid()?.map(UploadLinkId::new);
        Ok(Self {
            id,
            owner_id,
            purpose,
            visibility,
            name,
            size,
            content,
            state,
            resumable,
            delete_at,
            upload_link,
            created_at,
            updated_at,
            version,
        })
    }
}

#[async_trait]
impl FileRepository for SqlUnit {
    async fn find(&mut self, id: FileId) -> Result<Option<File>, StoreError> {
        FILES.find(self, id.uuid()).await
    }

    async fn find_many(&mut self, ids: &[FileId]) -> Result<Vec<File>, StoreError> {
        FILES.find_many(self, ids.iter().map(|id| id.uuid()).collect()).await
    }

    async fn find_by_link(&mut self, link: UploadLinkId) -> Result<Option<File>, StoreError> {
        self.row(&FIND_BY_LINK, args![link.uuid()], File::read).await
    }

    async fn insert(&mut self, file: &File) -> Result<(), StoreError> {
        FILES.insert(self, file).await
    }

    async fn save(&mut self, file: &File) -> Result<Version, StoreError> {
        FILES.save(self, file).await
    }

    async fn delete(&mut self, file: &File) -> Result<(), StoreError> {
        FILES.delete(self, file).await
    }
}

fn id(row: &mut Row) -> Result<FileId, StoreError> {
    Ok(FileId::new(row.uuid()?))
}

#[async_trait]
impl FileQueries for SqlStore {
    async fn find_file(&self, id: FileId) -> Result<Option<File>, StoreError> {
        FILES.look_up(self, id.uuid()).await
    }

    async fn list_files(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError> {
        let (pages, args): (&'static Pages, Vec<Value>) = match scope {
            Scope::None => return Ok(Page::empty(page)),
            Scope::All => (&ALL, vec![]),
            Scope::OwnedBy(owner) => (&OWNED, vec![owner.into()]),
        };
        pages.page(self, (CREATED, direction), args, page, file_position).await
    }

    async fn list_open_uploads(
        &self,
        owner: UserId,
        now: Timestamp,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError> {
        OPEN.page(self, (CREATED, direction), args![owner, now], page, file_position).await
    }

    async fn list_removable_files(
        &self,
        uploads_until: Timestamp,
        now: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<FileId>, StoreError> {
        let after = after.map_or_else(Uuid::nil, FileId::uuid);
        self.rows(&LIST_REMOVABLE, args![uploads_until, now, after, limit], id).await
    }

    async fn list_quarantined_files(&self, after: Option<FileId>, limit: u32) -> Result<Vec<FileId>, StoreError> {
        let after = after.map_or_else(Uuid::nil, FileId::uuid);
        self.rows(&LIST_QUARANTINED, args![after, limit], id).await
    }

    async fn list_expired_files(&self, now: Timestamp, limit: u32) -> Result<Vec<FileId>, StoreError> {
        self.rows(&LIST_EXPIRED, args![now, limit], id).await
    }

    async fn list_files_of(&self, owner: UserId, limit: u32) -> Result<Vec<FileId>, StoreError> {
        self.rows(&LIST_OF, args![owner, limit], id).await
    }

    async fn find_image(&self, file: FileId, side: u32) -> Result<Option<FileImage>, StoreError> {
        self.row(&images::FIND, args![file.uuid(), side], FileImage::read).await
    }

    async fn list_known_files(&self, ids: &[FileId]) -> Result<Vec<FileId>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        self.rows(&LIST_KNOWN, args![ids], id).await
    }
}
