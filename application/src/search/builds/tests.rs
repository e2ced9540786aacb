use super::*;
use crate::{
    search::{MockSearchQueries, MockSearchSource, MockSearchTx, SearchBatch},
    testing::*,
};
use skep_domain::{search::REVISION, shared::Timestamp};
use std::sync::Mutex;
use uuid::Uuid;

const THING: SearchKind = SearchKind::new("thing");

fn build() -> SearchBuild {
    SearchBuild::start(SearchBuildId::new(SeqIds::nth(1)), THING.name())
}

/// A store whose build is `stored`, and a source with batches of 2, 2 and 1 documents. No batch is the last one after the
/// place `endless`.
fn builds(stored: Option<SearchBuild>, units: Arc<Scripted<dyn SearchTx>>) -> (SearchBuilds, Arc<Mutex<Vec<usize>>>) {
    let (stored, indexed) = (Arc::new(Mutex::new(stored)), Arc::new(Mutex::new(vec![])));
    let (mut queries, mut source) = (MockSearchQueries::new(), MockSearchSource::new());
    let read = stored.clone();
    queries.expect_find_build().returning(move |_| {
        let build = read.lock().unwrap().clone();
        // The first read after a start finds what the unit has stored.
        read.lock().unwrap().get_or_insert_with(build_started);
        Ok(build)
    });
    source.expect_kind().return_const(THING);
    source.expect_batch().returning(|after| {
        let (ids, after) = match after.as_deref() {
            None => (2, Some("a")),
            Some("a") => (2, Some("b")),
            Some("b") => (1, None),
            Some("endless") => (1, Some("endless")),
            Some(_) => panic!("a place that no batch ended at"),
        };
        Ok(SearchBatch { ids: vec![Uuid::nil(); ids], after: after.map(str::to_owned) })
    });
    let noted = indexed.clone();
    source.expect_index().returning(move |ids, build| {
        noted.lock().unwrap().push(ids.len());
        *stored.lock().unwrap() = Some(build.clone());
        Ok(())
    });
    let sources: Vec<Arc<dyn SearchSource>> = vec![Arc::new(source)];
    (SearchBuilds::new(units, Arc::new(queries), sources, fixed_runtime().0), indexed)
}

fn build_started() -> SearchBuild {
    build()
}

async fn run_all(builds: &SearchBuilds) -> u64 {
    let mut sum = 0;
    builds.run(&|| false, &mut |_, count| sum += count).await.unwrap();
    sum
}

#[tokio::test]
async fn a_build_goes_on_from_its_place_until_all_is_indexed() {
    let (builds, indexed) = builds(Some(build()), Scripted::untouched());
    assert_eq!(run_all(&builds).await, 5);
    assert_eq!(*indexed.lock().unwrap(), [2, 2, 1]);
    assert_eq!(run_all(&builds).await, 0, "a build that is done stays done");
}

#[tokio::test]
async fn a_build_that_was_interrupted_does_not_begin_again() {
    let half = build().advanced(2, Some("a".to_owned()), Timestamp::MIN);
    let (builds, indexed) = builds(Some(half), Scripted::untouched());
    assert_eq!(run_all(&builds).await, 3);
    assert_eq!(*indexed.lock().unwrap(), [2, 1]);
}

#[tokio::test]
async fn a_kind_without_a_build_gets_one() {
    let seen = Seen::default();
    let mut unit = MockSearchTx::noting(&seen);
    unit.search.expect_find_build().returning(|_| Ok(None));
    unit.search.expect_insert_build().returning(seen.stores("search.insert_build"));
    let (builds, indexed) = builds(None, Scripted::of([unit]));
    assert_eq!(run_all(&builds).await, 5);
    assert_eq!(indexed.lock().unwrap().len(), 3);
    assert_eq!(seen.one::<SearchBuild>("search.insert_build").kind, "thing");
}

#[tokio::test]
async fn a_build_begins_again_on_request() {
    let done = build().advanced(7, None, Timestamp::MIN);
    let seen = Seen::default();
    let mut unit = MockSearchTx::noting(&seen);
    let old = SearchBuild { revision: REVISION - 1, ..done };
    let stored = old.clone();
    unit.search.expect_find_build().returning(move |_| Ok(Some(stored.clone())));
    unit.search.expect_save_build().returning(seen.saves("search.save_build", |build: &SearchBuild| build.version));
    let (builds, _) = builds(Some(old), Scripted::of([unit]));
    builds.start_again().await.unwrap();
    assert_eq!(seen.one::<SearchBuild>("search.save_build"), build());
}

#[tokio::test]
async fn a_sweep_indexes_a_bounded_number_of_batches_and_the_next_one_goes_on() {
    let endless = build().advanced(1, Some("endless".to_owned()), Timestamp::MIN);
    let (builds, indexed) = builds(Some(endless), Scripted::untouched());
    let (runtime, never) = (fixed_runtime().0, || false);
    for rounds in 1..=2 {
        let mut round = Round::new(&runtime, 10, &never);
        builds.sweep_all(&mut round).await.unwrap();
        assert_eq!((round.swept, indexed.lock().unwrap().len()), (250, 250 * rounds));
    }
}
