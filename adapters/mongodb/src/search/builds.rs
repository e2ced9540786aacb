//! How far the index of each kind of documents is built.

use crate::record::{self, Record, Stored, Unreadable, Versioned, date, optional_time, version};
use bson::DateTime;
use serde::{Deserialize, Serialize};
use skep_domain::search::{SearchBuild, SearchBuildId};

#[derive(Serialize, Deserialize)]
pub(super) struct BuildDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    kind: String,
    revision: i64,
    after: Option<String>,
    indexed: i64,
    done_at: Option<DateTime>,
    version: i64,
}

impl Record for BuildDoc {
    const COLLECTION: &'static str = "search_builds";
    type Entity = SearchBuild;
    fn read(self) -> Result<SearchBuild, Unreadable> {
        Ok(SearchBuild {
            id: SearchBuildId::new(self.id.to_uuid_1()),
            kind: self.kind,
            revision: self.revision,
            after: self.after,
            indexed: self.indexed,
            done_at: optional_time(self.done_at)?,
            version: version(self.version)?,
        })
    }
}

impl Stored for BuildDoc {
    fn of(build: &SearchBuild) -> Self {
        Self {
            id: record::id(build.id.uuid()),
            kind: build.kind.clone(),
            revision: build.revision,
            after: build.after.clone(),
            indexed: build.indexed,
            done_at: build.done_at.map(date),
            version: build.version.get(),
        }
    }
}

impl Versioned for BuildDoc {}
