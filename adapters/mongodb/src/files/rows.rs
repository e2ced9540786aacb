//! The rows of files.

use super::stored_size;
use crate::{
    ops::{List, Query, SortField},
    record::{self, Record, Stored, Unreadable, Versioned, date, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    files::{FileQueries, FileRepository, file_position},
    kernel::{Page, PageRequest, Scope, StoreError},
};
use skep_domain::{
    files::{File, FileId, FileName, FilePurpose, FileState, FileVisibility, MediaType},
    shared::{Direction, Timestamp, UserId, Version},
};
use std::slice::from_ref;

#[derive(Serialize, Deserialize)]
struct FileDoc {
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
        Ok(File {
            id: FileId::new(self.id.to_uuid_1()),
            owner_id: UserId::new(self.owner_id.to_uuid_1()),
            purpose: FilePurpose::from_name(&self.purpose).ok_or("unknown purpose")?,
            visibility: FileVisibility::from_name(&self.visibility).ok_or("unknown visibility")?,
            name: FileName::stored(self.name),
            size: u64::try_from(self.size).map_err(|_| "size cannot be read")?,
            content,
            state: FileState::from_name(&self.state).ok_or("unknown state")?,
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for FileDoc {
    fn of(file: &File) -> Self {
        let (media_type, sha256) =
            file.content.as_ref().map(|(media_type, sum)| (media_type.as_str().to_owned(), sum.to_string())).unzip();
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
        }
    }
}

impl Versioned for FileDoc {
    const SAVED: Option<&'static [&'static str]> = Some(&["size", "media_type", "sha256", "state", "updated_at"]);
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

#[async_trait]
impl FileRepository for MongoUnit {
    async fn find(&mut self, id: FileId) -> Result<Option<File>, StoreError> {
        self.by_id::<FileDoc>(id.uuid()).await
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

/// The values of the leading fields of the index of a list, and the index. `None` if the scope is empty.
fn ready(scope: Scope) -> Option<(Document, &'static str)> {
    let state = FileState::Ready.name();
    match scope {
        Scope::All => Some((doc! { "state": state }, STATES)),
        Scope::OwnedBy(user) => {
            Some((doc! { "owner_id": record::id(user.uuid()), "state": state }, "files_owner_id_idx"))
        }
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

    async fn list_removable_files(
        &self,
        uploads_until: Timestamp,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<FileId>, StoreError> {
        let old = doc! { "state": FileState::Uploading.name(), "created_at": { "$lte": date(uploads_until) } };
        let deleted = FileState::Deleted.name();
        // Each part of `$or` has the state, but only a condition beside it can limit what is read along the index.
        let states = doc! { "$in": [FileState::Uploading.name(), deleted] };
        let mut removable = doc! { "state": states, "$or": [{ "state": deleted }, old] };
        if let Some(after) = after {
            removable.insert("_id", doc! { "$gt": record::id(after.uuid()) });
        }
        let query = Query::of(removable).by(doc! { "_id": 1 }).at_most(limit).along(STATES);
        self.read().await?.find::<FileIdDoc>(query).await
    }

    async fn list_known_files(&self, ids: &[FileId]) -> Result<Vec<FileId>, StoreError> {
        let ids = record::ids(ids.iter().map(|id| id.uuid()));
        self.read().await?.find::<FileIdDoc>(Query::of(doc! { "_id": { "$in": ids } })).await
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
