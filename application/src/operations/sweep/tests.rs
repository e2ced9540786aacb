use super::*;
use crate::{
    fixtures::{ENOUGH, aborted, away, code, endings, unknown},
    testing::{Ending, Endings, MockOperationsTx, Scripted, fixed_runtime},
};

/// A unit of work that finds so many expired keys and so many sessions that ended a week ago.
fn finding(keys: u64, sessions: u64, noted: &Endings) -> MockOperationsTx {
    let mut tx = MockOperationsTx::noting(noted);
    let now = fixed_runtime().0.clock.now();
    let week_ago = now.plus_millis(-7 * 24 * 60 * 60 * 1000);
    tx.idempotency.expect_sweep().withf(move |at, limit| (*at, *limit) == (now, BATCH)).returning(move |_, _| Ok(keys));
    tx.sessions
        .expect_sweep()
        .withf(move |until, limit| (*until, *limit) == (week_ago, BATCH))
        .returning(move |_, _| Ok(sessions));
    tx
}

fn sweeping(keys: u64, noted: &Endings) -> MockOperationsTx {
    finding(keys, 0, noted)
}

async fn sweep(units: impl IntoIterator<Item = MockOperationsTx>) -> Result<Swept, StoreError> {
    let script = Scripted::new(units.into_iter().map(|tx| Ok(Box::new(tx) as Box<dyn OperationsTx>)));
    SweepExpired::new(script, fixed_runtime().0).execute().await
}

#[tokio::test]
async fn sweeps_batch_by_batch_until_nothing_expired_is_left() {
    let noted = Endings::default();
    let full = u64::from(BATCH);
    let units = [(full, 2), (7, full), (0, 3)].map(|(keys, sessions)| finding(keys, sessions, &noted));
    assert_eq!(sweep(units).await.unwrap(), Swept { idempotency_keys: full + 7, sessions: full + 5 });
    assert_eq!(endings(&noted), [Ending::Committed; 3]);
    let swept = sweep([full, 0].map(|found| sweeping(found, &noted))).await.unwrap();
    assert_eq!(swept, Swept { idempotency_keys: full, sessions: 0 });
}

#[tokio::test]
async fn a_batch_that_was_aborted_or_whose_outcome_is_unknown_is_swept_again() {
    let noted = Endings::default();
    let aborted = sweeping(5, &noted).with_commit_error(aborted());
    let unknown = sweeping(5, &noted).with_commit_error(unknown());
    assert_eq!(sweep([aborted, unknown, sweeping(5, &noted)]).await.unwrap().idempotency_keys, 5);
}

#[tokio::test]
async fn gives_up_when_patience_ends_and_tells_of_a_store_that_is_away() {
    let noted = Endings::default();
    let units = (0..ENOUGH).map(|_| sweeping(1, &noted).with_commit_error(aborted()));
    assert_eq!(code(&sweep(units.collect::<Vec<_>>()).await), "store_unavailable");
    assert_eq!(code(&sweep([sweeping(1, &noted).with_commit_error(away())]).await), "store_unavailable");
}
