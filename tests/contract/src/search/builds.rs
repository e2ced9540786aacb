//! The builds of `SearchRepository`.

use crate::{
    check::{Checked, duplicate, equal, stale},
    clause::{self, clauses},
    sample,
    units::{commit, look},
    world,
};
use skep_application::search::{
    SearchStore,
    constraints::{BUILD_ID, BUILD_KIND},
};
use skep_domain::{
    search::{SearchBuild, SearchBuildId, SearchKind},
    shared::Version,
};

clauses! { clauses of "search_builds" on dyn SearchStore:
    a_build_is_found_by_its_kind,
    a_kind_and_an_id_belong_to_one_build,
    a_save_of_a_build_replaces_only_the_version_that_was_read,
}

type Given = clause::Given<dyn SearchStore>;

const KIND: SearchKind = SearchKind::new("suite_thing");

fn build() -> SearchBuild {
    SearchBuild::start(SearchBuildId::new(world::uuid()), KIND.name())
}

async fn a_build_is_found_by_its_kind(given: &Given) -> Checked {
    let build = build();
    commit!(given.store, tx => tx.search().insert_build(&build).await?)?;
    let other = SearchKind::new("suite_other");
    let found = look!(given.store, tx => (tx.search().find_build(KIND).await?, tx.search().find_build(other).await?))?;
    equal(found, (Some(build.clone()), None))?;
    equal(given.store.find_build(other).await?, None)?;
    equal(given.store.find_build(KIND).await?, Some(build))
}

async fn a_kind_and_an_id_belong_to_one_build(given: &Given) -> Checked {
    let stored = build();
    commit!(given.store, tx => tx.search().insert_build(&stored).await?)?;
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.search().insert_build(&build()).await, BUILD_KIND)?;
    drop(tx);
    let mut tx = crate::units::write(&*given.store).await?;
    let other = SearchBuild { kind: "suite_other".to_owned(), ..stored };
    duplicate(tx.search().insert_build(&other).await, BUILD_ID)
}

async fn a_save_of_a_build_replaces_only_the_version_that_was_read(given: &Given) -> Checked {
    let old = build();
    commit!(given.store, tx => tx.search().insert_build(&old).await?)?;
    let mut half = old.advanced(7, Some("{\"place\": 1}".to_owned()), sample::at(5));
    half.version = commit!(given.store, tx => tx.search().save_build(&half).await?)?;
    equal(Some(half.version), Version::new(2))?;
    equal(given.store.find_build(KIND).await?, Some(half.clone()))?;
    let mut done = SearchBuild { revision: 9, ..half.advanced(1, None, sample::at(6)) };
    done.version = commit!(given.store, tx => tx.search().save_build(&done).await?)?;
    equal(given.store.find_build(KIND).await?, Some(done))?;
    let mut tx = crate::units::write(&*given.store).await?;
    stale(tx.search().save_build(&half).await)
}
