//! Another writing process, units that are too old, and closing.

use crate::{
    testing::{Fixture, count, declared, insert, kind, poll_once, until},
    writer::WriteUnit,
};
use skep_application::kernel::TxMode;
use skep_sql::SqlDatabase;
use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

const SHORT: Duration = Duration::from_millis(40);

/// Makes the unit that owns the writer too old.
fn expire(fixture: &Fixture) {
    fixture.db.writer().expire_older_than(Duration::ZERO);
}

/// On a single thread: a begin that blocked would wait forever for the task that releases the file.
#[tokio::test]
async fn a_unit_waits_for_another_writing_process_without_blocking() {
    let fixture = Fixture::new();
    let other = fixture.outside();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO users VALUES (1, 'other')").unwrap();
    let turns = AtomicU32::new(0);
    let other_task = async {
        while turns.fetch_add(1, Ordering::Relaxed) < 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        other.execute_batch("COMMIT").unwrap();
    };
    let ours = async {
        let mut unit = fixture.unit().await;
        assert!(turns.load(Ordering::Relaxed) >= 20, "begun while another process was writing");
        assert_eq!(count(&mut unit).await, 1, "the unit sees what the other process has stored");
        insert(&mut unit, 2).await.unwrap();
        unit.commit().await.unwrap();
    };
    tokio::join!(other_task, ours);
    assert_eq!(fixture.ids(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_that_keeps_the_lock_makes_the_store_unavailable() {
    let fixture = Fixture::with(|options| options.busy_deadline = SHORT);
    let other = fixture.outside();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(kind(&fixture.begin(TxMode::Write).await), "unavailable");
    assert_eq!(kind(&fixture.begin(TxMode::Write).await), "unavailable");
    fixture.begin(TxMode::Read).await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    fixture.unit_with(1).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_queues_for_too_long_gets_unavailable() {
    let fixture = Fixture::with(|options| options.busy_deadline = SHORT);
    let a = fixture.unit_with(1).await;
    assert_eq!(kind(&fixture.begin(TxMode::Write).await), "unavailable");
    a.commit().await.unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_unit_loses_the_writer() {
    let fixture = Fixture::new();
    let mut forgotten = fixture.unit_with(1).await;
    let next = fixture.queue().await;
    expire(&fixture);
    let mut next = next.await.unwrap();
    assert_eq!(fixture.db.stats().expired, 1);
    assert_eq!(count(&mut next).await, 0);
    insert(&mut next, 2).await.unwrap();
    assert_eq!(kind(&insert(&mut forgotten, 3).await), "retry");
    assert_eq!(kind(&insert(&mut forgotten, 3).await), "unavailable");
    assert_eq!(kind(&forgotten.commit().await), "unavailable");
    next.commit().await.unwrap();
    assert_eq!(fixture.ids(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_units_expire_without_another_call() {
    let fixture = Fixture::with(|options| options.unit_limit = SHORT);
    let forgotten = fixture.unit().await;
    until("the unit is too old", || fixture.db.stats().expired == 1).await;
    assert_eq!(kind(&forgotten.commit().await), "retry");
    assert!(fixture.is_free());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_unit_can_neither_commit_nor_roll_back() {
    let fixture = Fixture::new();
    for end in ["commit", "rollback"] {
        let unit = fixture.unit_with(1).await;
        expire(&fixture);
        let ended = if end == "commit" { unit.commit().await } else { unit.rollback().await };
        assert_eq!(kind(&ended), "retry", "{end}");
    }
    assert!(fixture.ids().is_empty());
    assert!(fixture.is_free());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_unit_does_not_keep_its_group_from_ending() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let b = b.await.unwrap();
    expire(&fixture);
    a.await.unwrap().unwrap();
    assert_eq!(fixture.ids(), [1]);
    assert_eq!(kind(&b.rollback().await), "retry");
}

/// The writer was sent to a task that never reads it. It is taken back out of the channel.
#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_is_never_polled_again_loses_the_writer() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let mut sleeper = fixture.queue().await;
    let next = fixture.queue().await;
    let mut a = Box::pin(a.commit());
    assert!(poll_once(&mut a).is_none());
    expire(&fixture);
    let mut next = next.await.unwrap();
    insert(&mut next, 2).await.unwrap();
    next.commit().await.unwrap();
    a.await.unwrap();
    assert_eq!(fixture.db.stats().expired, 1);
    match poll_once(&mut sleeper) {
        Some(begun) => assert_eq!(kind(&begun), "retry"),
        None => panic!("the begin received the writer"),
    }
    assert_eq!(fixture.ids(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_earlier_units() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let closed = AtomicBool::new(false);
    let close = async {
        fixture.db.close().await;
        closed.store(true, Ordering::SeqCst);
    };
    let ours = async {
        until("new units are refused", || {
            matches!(poll_once(&mut Box::pin(WriteUnit::begin(fixture.db.writer(), &declared()))), Some(Err(_)))
        })
        .await;
        let a = tokio::spawn(a.commit());
        let mut b = b.await.unwrap();
        assert!(!closed.load(Ordering::SeqCst));
        insert(&mut b, 2).await.unwrap();
        b.commit().await.unwrap();
        a.await.unwrap().unwrap();
    };
    tokio::join!(close, ours);
    assert_eq!(kind(&fixture.begin(TxMode::Write).await), "unavailable");
    assert_eq!(kind(&fixture.begin(TxMode::Read).await), "unavailable");
    assert_eq!(kind(&fixture.db.check().await), "unavailable");
    fixture.db.close().await;
    let log = fixture.path().with_extension("db-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |log| log.len()), 0, "the log is in the file");
    assert_eq!(fixture.ids(), [1, 2]);
}
