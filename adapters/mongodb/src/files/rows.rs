//! The rows of files.

use super::{
    images::{self, FileImageDoc},
    schema, stored_size,
};
use crate::{
    ops::{List, Query, SortField},
    record::{self, Record, Reference, Stored, Unreadable, Versioned, date, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    files::{FileQueries, FileRepository, file_position},
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    files::{
        Appender, File, FileId, FileImage, FileName, FilePurpose, FileState, FileVisibility, MediaType, Resumable,
        UploadLinkId, UploadMetadata,
    },
    shared::{Direction, LeaseToken, Timestamp, UserId, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
pub(super) struct FileDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    owner_id: bson::Uuid,
    purpose: String,
    visibility: String,
    name: String,
    size: i64,
    media_type: Option<String>,
    sha256: Option<String>,
    state: String,
    created_at: DateTime,
    updated_at: DateTime,
    version: i64,
    /// The fields of an upload that arrives in pieces. Other files do not have them.
    upload_metadata: Option<String>,
    upload_offset: Option<i64>,
    upload_expires_at: Option<DateTime>,
    appender: Option<AppenderDoc>,
    /// Files of earlier versions do not have it.
    delete_at: Option<DateTime>,
    /// Files that were sent without a link do not have it.
    upload_link_id: Option<bson::Uuid>,
}

/// The request that adds bytes to an upload.
#[derive(Serialize, Deserialize)]
struct AppenderDoc {
    token: bson::Uuid,
    until: DateTime,
}

impl From<Appender> for AppenderDoc {
    fn from(appender: Appender) -> Self {
        Self { token: record::id(appender.token.uuid()), until: date(appender.until) }
    }
}

impl AppenderDoc {
    fn read(self) -> Result<Appender, Unreadable> {
        Ok(Appender { token: LeaseToken::new(self.token.to_uuid_1()), until: time(self.until)? })
    }
}

impl Record for FileDoc {
    const COLLECTION: &'static str = "files";
    type Entity = File;
    fn read(self) -> Result<File, Unreadable> {
        let content = match (self.media_type, self.sha256) {
            (Some(media_type), Some(sha256)) => {
                Some((MediaType::stored(media_type), sha256.parse().map_err(|_| "not a checksum")?))
            }
            (None, None) => None,
            _ => return Err("a part of the content is missing"),
        };
        let appender = self.appender.map(AppenderDoc::read).transpose()?;
        let resumable = match (self.upload_metadata, self.upload_offset, self.upload_expires_at) {
            (Some(metadata), Some(offset), Some(expires_at)) => Some(Resumable {
                metadata: UploadMetadata::stored(metadata),
                offset: u64::try_from(offset).map_err(|_| "upload_offset cannot be read")?,
                expires_at: time(expires_at)?,
                appender,
            }),
            (None, None, None) if appender.is_none() => None,
            _ => return Err("a part of the upload is missing"),
        };
        Ok(File {
            id: FileId::new(self.id.to_uuid_1()),
            owner_id: UserId::new(self.owner_id.to_uuid_1()),
            purpose: FilePurpose::from_name(&self.purpose).ok_or("unknown purpose")?,
            visibility: FileVisibility::from_name(&self.visibility).ok_or("unknown visibility")?,
            name: FileName::stored(self.name),
            size: u64::try_from(self.size).map_err(|_| "size cannot be read")?,
            content,
            state: FileState::from_name(&self.state).ok_or("unknown state")?,
            resumable,
            delete_at: self.delete_at.map(time).transpose()?,
            upload_link: self.upload_link_id.map(|link| UploadLinkId::new(link.to_uuid_1())),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for FileDoc {
    const REFERENCED_BY: &'static [Reference] = &[images::FILE];
    fn of(file: &File) -> Self {
        let (media_type, sha256) =
            file.content.as_ref().map(|(media_type, sum)| (media_type.as_str().to_owned(), sum.to_string())).unzip();
        let upload = file.resumable.as_ref();
        Self {
            id: record::id(file.id.uuid()),
            owner_id: record::id(file.owner_id.uuid()),
            purpose: file.purpose.name().to_owned(),
            visibility: file.visibility.name().to_owned(),
            name: file.name.as_str().to_owned(),
            size: stored_size(file.size),
            media_type,
            sha256,
            state: file.state.name().to_owned(),
            created_at: date(file.created_at),
            updated_at: date(file.updated_at),
            version: file.version.get(),
            upload_metadata: upload.map(|upload| upload.metadata.as_str().to_owned()),
            upload_offset: upload.map(|upload| stored_size(upload.offset)),
            upload_expires_at: upload.map(|upload| date(upload.expires_at)),
            appender: upload.and_then(|upload| upload.appender).map(AppenderDoc::from),
            delete_at: file.delete_at.map(date),
            upload_link_id: file.upload_link.map(|link| record::id(link.uuid())),
        }
    }
}

impl Versioned for FileDoc {
    const SAVED: Option<&'static [&'static str]> = Some(&[
        "size",
        "media_type",
        "sha256",
        "state",
        "updated_at",
        "upload_offset",
        "appender",
        "delete_at",
        "upload_link_id",
    ]);
}

/// The index of all files by their states.
const STATES: &str = "files_state_idx";

/// The id of a file, without the rest.
#[derive(Deserialize)]
struct FileIdDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

impl Record for FileIdDoc {
    const COLLECTION: &'static str = FileDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&[]);
    type Entity = FileId;
    fn read(self) -> Result<FileId, Unreadable> {
        Ok(FileId::new(self.id.to_uuid_1()))
    }
}

/// The id of a picture in a size, without the rest.
#[derive(Deserialize)]
struct FileImageIdDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

impl Record for FileImageIdDoc {
    const COLLECTION: &'static str = FileImageDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&[]);
    type Entity = FileId;
    fn read(self) -> Result<FileId, Unreadable> {
        Ok(FileId::new(self.id.to_uuid_1()))
    }
}

#[async_trait]
impl FileRepository for MongoUnit {
    async fn find(&mut self, id: FileId) -> Result<Option<File>, StoreError> {
        self.by_id::<FileDoc>(id.uuid()).await
    }

    async fn find_many(&mut self, ids: &[FileId]) -> Result<Vec<File>, StoreError> {
        self.by_ids::<FileDoc>(record::ids(ids.iter().map(|id| id.uuid()))).await
    }

    async fn find_by_link(&mut self, link: UploadLinkId) -> Result<Option<File>, StoreError> {
        self.first::<FileDoc>(doc! { "upload_link_id": record::id(link.uuid()) }).await
    }

    async fn insert(&mut self, file: &File) -> Result<(), StoreError> {
        self.add::<FileDoc>(from_ref(file)).await
    }

    async fn save(&mut self, file: &File) -> Result<Version, StoreError> {
        self.put::<FileDoc>(file).await
    }

    async fn delete(&mut self, file: &File) -> Result<(), StoreError> {
        self.remove::<FileDoc>(file).await
    }
}

/// The index of the files of a user by their states.
const OWNED: &str = "files_owner_id_idx";

/// The values of the leading fields of the index of a list, and the index. `None` if the scope is empty.
fn ready(scope: Scope) -> Option<(Document, &'static str)> {
    let state = FileState::Ready.name();
    match scope {
        Scope::All => Some((doc! { "state": state }, STATES)),
        Scope::OwnedBy(user) => Some((doc! { "owner_id": record::id(user.uuid()), "state": state }, OWNED)),
        Scope::None => None,
    }
}

#[async_trait]
impl FileQueries for MongoStore {
    async fn find_file(&self, id: FileId) -> Result<Option<File>, StoreError> {
        self.read().await?.by_id::<FileDoc>(id.uuid()).await
    }

    async fn list_files(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError> {
        let Some((within, index)) = ready(scope) else { return Ok(Page::empty(page)) };
        let list = List::of(SortField::time(index, "created_at"), direction).within(within);
        self.read().await?.page::<FileDoc>(&list, page, file_position).await
    }

    async fn list_open_uploads(
        &self,
        owner: UserId,
        now: Timestamp,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<File>, StoreError> {
        let within = doc! { "owner_id": record::id(owner.uuid()), "state": FileState::Uploading.name() };
        let open = doc! { "upload_expires_at": { "$gt": date(now) } };
        let list = List::of(SortField::time(OWNED, "created_at"), direction).within(within).only(open);
        self.read().await?.page::<FileDoc>(&list, page, file_position).await
    }

    async fn list_removable_files(
        &self,
        uploads_until: Timestamp,
        now: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<FileId>, StoreError> {
        let uploading = FileState::Uploading.name();
        let old =
            doc! { "state": uploading, "created_at": { "$lte": date(uploads_until) }, "upload_expires_at": Bson::Null };
        let expired = doc! { "state": uploading, "upload_expires_at": { "$lte": date(now) } };
        let (infected, deleted) = (FileState::Infected.name(), FileState::Deleted.name());
        let overdue = doc! { "state": infected, "delete_at": { "$lte": date(now) } };
        // Each part of `$or` has the state, but only a condition beside it can limit what is read along the index.
        let states = doc! { "$in": [uploading, infected, deleted] };
        let mut removable = doc! { "state": states, "$or": [{ "state": deleted }, old, expired, overdue] };
        if let Some(after) = after {
            removable.insert("_id", doc! { "$gt": record::id(after.uuid()) });
        }
        let query = Query::of(removable).by(doc! { "_id": 1 }).at_most(limit).along(STATES);
        self.read().await?.find::<FileIdDoc>(query).await
    }

    async fn list_quarantined_files(&self, after: Option<FileId>, limit: u32) -> Result<Vec<FileId>, StoreError> {
        let mut quarantined = doc! { "state": FileState::Quarantined.name() };
        if let Some(after) = after {
            quarantined.insert("_id", doc! { "$gt": record::id(after.uuid()) });
        }
        let query = Query::of(quarantined).by(doc! { "_id": 1 }).at_most(limit).along(STATES);
        self.read().await?.find::<FileIdDoc>(query).await
    }

    async fn list_expired_files(&self, now: Timestamp, limit: u32) -> Result<Vec<FileId>, StoreError> {
        let mut expired = schema::deleted_later();
        expired.insert("$and", [doc! { "delete_at": { "$lte": date(now) } }]);
        let query =
            Query::of(expired).by(doc! { "delete_at": 1, "_id": 1 }).at_most(limit).along(schema::DELETE_AT.name);
        self.read().await?.find::<FileIdDoc>(query).await
    }

    async fn list_files_of(&self, owner: UserId, limit: u32) -> Result<Vec<FileId>, StoreError> {
        let of_owner = doc! { "owner_id": record::id(owner.uuid()) };
        self.read().await?.find::<FileIdDoc>(Query::of(of_owner).at_most(limit)).await
    }

    async fn find_image(&self, file: FileId, side: u32) -> Result<Option<FileImage>, StoreError> {
        self.read().await?.find_one::<FileImageDoc>(images::of(file, side)).await
    }

    async fn list_known_files(&self, ids: &[FileId]) -> Result<Vec<FileId>, StoreError> {
        let with_ids = doc! { "_id": { "$in": record::ids(ids.iter().map(|id| id.uuid())) } };
        let files = self.read().await?.find::<FileIdDoc>(Query::of(with_ids.clone())).await?;
        let images = self.read().await?.find::<FileImageIdDoc>(Query::of(with_ids)).await?;
        Ok([files, images].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn every_list_has_an_index_of_the_schema() {
        for (scope, owner) in [(Scope::All, None), (Scope::OwnedBy(UserId::new(Uuid::nil())), Some("owner_id"))] {
            let (within, index) = ready(scope).unwrap();
            let leading: Vec<&str> = owner.into_iter().chain(["state"]).collect();
            assert!(within.keys().eq(leading.iter().copied()), "in the order of the index");
            let fields = [&leading[..], &["created_at", "_id"]].concat();
            assert!(crate::schema::has_index(FileDoc::COLLECTION, index, &fields), "{index}");
        }
    }
}
