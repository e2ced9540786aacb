use super::*;
use crate::{kernel::AppError as _, testing::*};

/// A unit of work that deletes `keys` expired keys.
fn sweeping(keys: u64, noted: &Seen) -> MockBareUnit {
    let mut unit = MockBareUnit::noting(noted);
    let now = fixed_runtime().0.clock.now();
    unit.idempotency
        .expect_sweep()
        .withf(move |at, limit| (*at, *limit) == (now, BATCH))
        .returning(move |_, _| Ok(keys));
    unit
}

async fn sweep(units: impl IntoIterator<Item = MockBareUnit>) -> Result<Swept, UnfinishedSweep> {
    SweepExpired::new(vec![Arc::new(SweepIdempotencyKeys::new(Scripted::of(units)))], fixed_runtime().0).execute().await
}

#[tokio::test]
async fn expired_rows_are_deleted_in_batches_until_none_is_left() {
    let noted = Seen::default();
    let full = u64::from(BATCH);
    let swept = sweep([full, full, 7].map(|keys| sweeping(keys, &noted))).await.unwrap();
    assert_eq!(swept, Swept::from([("idempotency keys", 2 * full + 7)]));
    assert_eq!(swept.to_string(), "1007 idempotency keys");
    assert_eq!(noted.endings(), [Ending::Committed; 3]);
    assert!(sweep([sweeping(0, &noted)]).await.unwrap().is_empty());
}

/// Deletes the given number of rows in each batch, the last number first.
struct Rows(&'static str, std::sync::Mutex<Vec<u64>>);

#[async_trait]
impl Sweep for Rows {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn batch(&self, _: Attempt, _: Timestamp, limit: u32) -> Result<u64, StoreError> {
        assert_eq!(limit, BATCH);
        self.1.lock().unwrap().pop().ok_or_else(away)
    }
}

#[tokio::test]
async fn every_kind_of_row_is_swept() {
    let rows = |name, batches: &[u64]| -> Arc<dyn SweepAll> { Arc::new(Rows(name, batches.to_vec().into())) };
    let sweeps = vec![rows("bees", &[3]), rows("wasps", &[0]), rows("ants", &[1, u64::from(BATCH)])];
    let swept = SweepExpired::new(sweeps, fixed_runtime().0).execute().await.unwrap();
    assert_eq!(swept, Swept::from([("bees", 3), ("ants", u64::from(BATCH) + 1)]));
    assert_eq!(swept.to_string(), "501 ants, 3 bees");
}

#[tokio::test]
async fn a_kind_that_cannot_be_swept_leaves_the_others_to_be_swept() {
    let left = Arc::new(Rows("bees", vec![3].into()));
    let failing: Arc<dyn SweepAll> = Arc::new(Rows("wasps", vec![u64::from(BATCH)].into()));
    let failed = SweepExpired::new(vec![failing, left.clone()], fixed_runtime().0).execute().await.unwrap_err();
    assert_eq!(failed.source.code(), "store_unavailable");
    assert_eq!(failed.swept, Swept::from([("wasps", u64::from(BATCH)), ("bees", 3)]));
    assert!(left.1.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_batch_and_no_kind_is_begun_after_a_stop() {
    let first = Arc::new(Rows("ants", vec![7, u64::from(BATCH)].into()));
    let other = Arc::new(Rows("bees", vec![3].into()));
    let sweeps = SweepExpired::new(vec![first.clone(), other.clone()], fixed_runtime().0);
    let swept = sweeps.execute_until(&|| first.1.lock().unwrap().len() == 1).await.unwrap();
    assert_eq!(swept, Swept::from([("ants", u64::from(BATCH))]));
    assert_eq!(other.1.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_that_was_aborted_or_has_an_unknown_outcome_is_repeated() {
    let noted = Seen::default();
    let aborted = sweeping(5, &noted).with_commit_error(aborted());
    let unknown = sweeping(5, &noted).with_commit_error(unknown());
    let swept = sweep([aborted, unknown, sweeping(5, &noted)]).await.unwrap();
    assert_eq!(swept, Swept::from([("idempotency keys", 5)]));
}

#[tokio::test]
async fn a_sweep_gives_up_after_many_attempts_or_when_the_store_is_away() {
    let noted = Seen::default();
    let units = (0..ENOUGH).map(|_| sweeping(1, &noted).with_commit_error(aborted()));
    let code_of = |swept: Result<Swept, UnfinishedSweep>| swept.unwrap_err().source.code();
    assert_eq!(code_of(sweep(units.collect::<Vec<_>>()).await), "store_unavailable");
    assert_eq!(code_of(sweep([sweeping(1, &noted).with_commit_error(away())]).await), "store_unavailable");
}
