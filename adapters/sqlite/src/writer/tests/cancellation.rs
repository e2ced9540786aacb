//! A caller may be canceled at any await.

use crate::{
    SqliteDatabase,
    testing::{Fixture, declared, insert, kind, poll_once, until},
};
use skep_application::kernel::TxMode;
use skep_sql::SqlDatabase;
use std::{
    collections::BTreeSet,
    future::{Future, poll_fn},
    pin::pin,
    sync::mpsc,
    task::Poll,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_group_ends_even_if_every_caller_is_canceled() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let mut a = Box::pin(a.commit());
    assert!(poll_once(&mut a).is_none());
    // B owns the writer, and its task has not been polled since.
    drop(a);
    drop(b);
    until("the group is stored", || fixture.ids() == [1]).await;
    until("the writer is free", || fixture.is_free()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_canceled_in_the_queue_is_skipped() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let c = fixture.queue().await;
    drop(b);
    assert_eq!(fixture.db.writer().queued(), 1);
    let a = tokio::spawn(a.commit());
    let mut c = c.await.unwrap();
    insert(&mut c, 3).await.unwrap();
    c.commit().await.unwrap();
    a.await.unwrap().unwrap();
    assert_eq!(fixture.ids(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_ends_if_every_queued_caller_is_canceled() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let c = fixture.queue().await;
    drop((b, c));
    a.commit().await.unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_refusal_does_not_delay_other_units() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let b = b.await.unwrap();
    let c = fixture.queue().await;
    let mut refusal = Box::pin(b.rollback());
    assert!(poll_once(&mut refusal).is_none());
    drop((refusal, c));
    a.await.unwrap().unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[test]
fn a_group_ends_even_if_the_runtime_stops() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fixture = Fixture::new();
    let first = runtime();
    let (stopped, stop) = mpsc::channel();
    first.block_on(async {
        let mut unit = fixture.unit_with(1).await;
        unit.before_commit(move || stop.recv().unwrap());
        assert!(poll_once(&mut Box::pin(unit.commit())).is_none());
    });
    drop(first);
    stopped.send(()).unwrap();
    runtime().block_on(async {
        fixture.unit_with(2).await.commit().await.unwrap();
    });
    assert_eq!(fixture.ids(), [1, 2]);
}

/// Writes two rows in a unit and drops it at its `limit`-th await. Returns whether its commit was acknowledged.
async fn pair(db: SqliteDatabase, id: i64, limit: u32) -> bool {
    let mut unit = pin!(async {
        let mut unit = db.begin(TxMode::Write, &[], &declared()).await.unwrap();
        tokio::task::yield_now().await;
        insert(&mut *unit, id).await.unwrap();
        tokio::task::yield_now().await;
        insert(&mut *unit, -id).await.unwrap();
        unit.commit().await
    });
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        match unit.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(kind(&done) == "ok"),
            Poll::Pending if polls >= limit => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancellations_split_no_unit_and_lose_no_acknowledged_one() {
    let fixture = Fixture::with(|options| options.group_age = std::time::Duration::from_millis(1));
    let mut tasks = Vec::new();
    for task in 0..32_i64 {
        let db = fixture.db.clone();
        tasks.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for round in 1..=60_i64 {
                let id = task * 1_000 + round;
                let limit = u32::try_from((id * 7919) % 9).unwrap() + 1;
                if pair(db.clone(), id, limit).await {
                    acknowledged.push(id);
                }
            }
            acknowledged
        }));
    }
    let mut acknowledged = BTreeSet::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }
    fixture.unit_with(0).await.commit().await.unwrap();
    let stored: BTreeSet<i64> = fixture.ids().into_iter().collect();
    assert!(!acknowledged.is_empty() && acknowledged.len() < 32 * 60, "{} acknowledged", acknowledged.len());
    assert!(acknowledged.is_subset(&stored), "an acknowledged unit is lost");
    assert!(stored.iter().all(|id| stored.contains(&-id)), "half a unit is stored");
    until("the writer is free", || fixture.is_free()).await;
}
