//! How far the index of each kind of documents is built.

use crate::{
    Kind, Row, Statement,
    declared::Declared,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use skep_application::{kernel::StoreError, search::constraints};
use skep_domain::search::{SearchBuild, SearchBuildId};
use std::sync::LazyLock;

pub(super) static BUILDS: LazyLock<Table<SearchBuild>> = LazyLock::new(|| {
    Table::<SearchBuild>::new("search_builds", "search.build", constraints::BUILD_ID)
        .key("id", Kind::Uuid, |build| build.id.uuid().into())
        .fixed("kind", Kind::Text, |build| build.kind.as_str().into())
        .column("revision", Kind::Int, |build| build.revision.into())
        .column("after", Kind::Text, |build| build.after.clone().into())
        .nullable()
        .column("indexed", Kind::Int, |build| build.indexed.into())
        .column("done_at", Kind::Time, |build| build.done_at.into())
        .nullable()
        .version(|build| build.version)
        .unique(constraints::BUILD_KIND, &["kind"])
        .offers(&[Verb::Insert, Verb::Save])
});

pub(super) static FIND: LazyLock<Statement> =
    LazyLock::new(|| BUILDS.query("find", "SELECT {*} FROM search_builds WHERE kind = $1", &[Kind::Text], &[]));

pub(super) fn declared() -> Declared {
    Declared::table(&BUILDS).statements([&*FIND])
}

impl Stored for SearchBuild {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = SearchBuildId::new(row.uuid()?);
        let row_id = RowId("search_builds", id);
        Ok(Self {
            id,
            kind: row.text()?,
            revision: row.int()?,
            after: row.optional_text()?,
            indexed: row.int()?,
            done_at: row.optional_time()?,
            version: row_id.version(row.int()?)?,
        })
    }
}
