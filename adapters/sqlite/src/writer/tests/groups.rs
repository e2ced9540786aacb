//! Which units share a COMMIT, and which wait for it.

use crate::testing::{COUNT, Fixture, INCREMENT, USER_ID, count, declared, insert, kind, poll_once, until};
use skep_application::kernel::{StoreError, TxMode};
use skep_sql::SqlDatabase;

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_sees_its_rows_at_once_and_others_see_them_after_the_commit() {
    let fixture = Fixture::new();
    let mut unit = fixture.unit_with(1).await;
    assert_eq!(count(&mut unit).await, 1);
    let before = fixture.db.read(&COUNT, vec![]).await.unwrap().remove(0).int();
    assert_eq!(before.unwrap(), 0);
    unit.commit().await.unwrap();
    let after = fixture.db.read(&COUNT, vec![]).await.unwrap().remove(0).int();
    assert_eq!(after.unwrap(), 1);
    assert_eq!(fixture.ids(), [1]);
    assert!(fixture.is_free());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_unit_leaves_nothing_and_frees_the_writer() {
    let fixture = Fixture::new();
    drop(fixture.unit_with(1).await);
    assert!(fixture.is_free());
    fixture.unit_with(2).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_queue_share_one_commit() {
    let fixture = Fixture::new();
    fixture.unit_with(1).await.commit().await.unwrap();
    let a = fixture.unit_with(2).await;
    let b = fixture.queue().await;
    let mut a = Box::pin(a.commit());
    assert!(poll_once(&mut a).is_none());
    assert_eq!(fixture.ids(), [1], "a is answered only together with b");
    let mut b = b.await.unwrap();
    assert!(poll_once(&mut a).is_none());
    insert(&mut b, 3).await.unwrap();
    b.commit().await.unwrap();
    a.await.unwrap();
    assert_eq!(fixture.ids(), [1, 2, 3]);
    until("the group is counted", || fixture.db.stats().units == 3).await;
    assert_eq!(fixture.db.stats().commits, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_group_ends_before_the_next_unit_begins() {
    let fixture = Fixture::with(|options| options.group_size = 2);
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    let c = fixture.queue().await;
    insert(&mut b, 2).await.unwrap();
    let b = tokio::spawn(b.commit());
    // C holds the writer, and the other units still get their answers.
    let c = c.await.unwrap();
    a.await.unwrap().unwrap();
    b.await.unwrap().unwrap();
    assert_eq!(fixture.ids(), [1, 2]);
    drop(c);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_group_ends_before_the_next_unit_begins() {
    let fixture = Fixture::with(|options| options.group_age = std::time::Duration::ZERO);
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let b = b.await.unwrap();
    a.await.unwrap().unwrap();
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_size_of_one_gives_each_unit_its_commit() {
    let fixture = Fixture::with(|options| options.group_size = 1);
    let mut tasks = Vec::new();
    for id in 0..20 {
        let db = fixture.db.clone();
        tasks.push(tokio::spawn(async move {
            let mut unit = db.begin(TxMode::Write, &[], &declared()).await.unwrap();
            insert(&mut *unit, id).await.unwrap();
            unit.commit().await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    until("all are counted", || fixture.db.stats().units == 20).await;
    assert_eq!(fixture.db.stats().commits, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_count_exactly() {
    let fixture = Fixture::with(|options| options.group_age = std::time::Duration::from_millis(2));
    let mut tasks = Vec::new();
    for task in 0..64 {
        let db = fixture.db.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..25 {
                let mut unit = db.begin(TxMode::Write, &[], &declared()).await.unwrap();
                unit.execute(&INCREMENT, vec![]).await.unwrap();
                match (task + round) % 5 {
                    0 => drop(unit),
                    1 => unit.rollback().await.unwrap(),
                    _ => unit.commit().await.unwrap(),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Each task commits 15 of its 25 units.
    assert_eq!(fixture.counter().await, 64 * 15);
    until("all are counted", || fixture.db.stats().units == 64 * 15).await;
    let stats = fixture.db.stats();
    assert!(stats.commits < stats.units / 2, "hardly any unit shared a commit: {stats:?}");
    assert!(fixture.is_free());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_error_fails_only_its_own_unit() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    insert(&mut b, 2).await.unwrap();
    let duplicate = insert(&mut b, 1).await;
    assert!(matches!(duplicate, Err(StoreError::Duplicate { constraint: USER_ID })), "{duplicate:?}");
    assert_eq!(kind(&insert(&mut b, 3).await), "unavailable", "an error ends the unit");
    assert_eq!(kind(&b.commit().await), "unavailable");
    a.await.unwrap().unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_waits_for_the_rows_it_relies_on() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let mut a = Box::pin(a.commit());
    assert!(poll_once(&mut a).is_none());
    let mut b = b.await.unwrap();
    let c = fixture.queue().await;
    // An error of a statement may also be the cause of the refusal.
    assert_eq!(kind(&insert(&mut b, 1).await), "duplicate");
    let mut refusal = Box::pin(b.rollback());
    assert!(poll_once(&mut refusal).is_none(), "the row of a is not stored yet");
    drop(c);
    refusal.await.unwrap();
    assert_eq!(fixture.ids(), [1]);
    a.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_relies_on_stored_rows_is_answered_at_once() {
    let fixture = Fixture::new();
    fixture.unit_with(1).await.commit().await.unwrap();
    until("the group is counted", || fixture.db.stats().commits == 1).await;
    let mut unit = fixture.unit_with(2).await;
    assert_eq!(count(&mut unit).await, 2);
    assert_eq!(kind(&poll_once(&mut Box::pin(unit.rollback())).unwrap()), "ok");
    assert!(fixture.is_free());
    assert_eq!(fixture.ids(), [1]);
    assert_eq!(fixture.db.stats().commits, 1);
}
