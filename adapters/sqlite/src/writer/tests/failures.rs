//! Failures: SQLite ends the transaction, the disk is full, a statement or the COMMIT fails or panics.

use crate::testing::{
    COUNT, DANGLING, Fixture, INSERT, INSERT_OR_ROLLBACK, batch, count, declared, insert, kind, statement, user,
};
use skep_application::kernel::StoreError;
use skep_sql::{Kind, SqlConnection, SqlDatabase, Statement, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[tokio::test(flavor = "multi_thread")]
async fn no_commit_is_acknowledged_after_sqlite_rolled_the_group_back() {
    let fixture = Fixture::new();
    fixture.unit_with(0).await.commit().await.unwrap();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    assert_eq!(kind(&b.execute(&INSERT_OR_ROLLBACK, user(0)).await), "duplicate");
    assert_eq!(kind(&a.await.unwrap()), "retry", "the answer comes at once");
    assert_eq!(kind(&insert(&mut b, 2).await), "unavailable", "nothing is written after the rollback");
    assert_eq!(kind(&b.commit().await), "unavailable");
    fixture.unit_with(3).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [0, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_relies_on_a_lost_row_is_retried() {
    let fixture = Fixture::new();
    fixture.unit_with(0).await.commit().await.unwrap();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    let c = fixture.queue().await;
    assert_eq!(count(&mut b).await, 2);
    let b = tokio::spawn(b.rollback());
    let mut c = c.await.unwrap();
    assert_eq!(count(&mut c).await, 2);
    assert_eq!(kind(&c.execute(&INSERT_OR_ROLLBACK, user(0)).await), "duplicate");
    assert_eq!(kind(&a.await.unwrap()), "retry");
    assert_eq!(kind(&b.await.unwrap()), "retry");
    assert_eq!(kind(&c.rollback().await), "retry");
    assert_eq!(fixture.ids(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stops_where_sqlite_ended_the_transaction() {
    static BATCH: Statement =
        batch("INSERT OR ROLLBACK INTO users (id, email) VALUES ($1, $2)", &[Kind::Int, Kind::Text]);
    let fixture = Fixture::new();
    fixture.unit_with(0).await.commit().await.unwrap();
    let mut unit = fixture.unit_with(1).await;
    let done = unit.execute_many(&BATCH, vec![user(2), user(0), user(3)]).await;
    assert_eq!(kind(&done), "duplicate");
    drop(unit);
    assert_eq!(fixture.ids(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outside_of_end_group_stores_nothing() {
    static COMMIT: Statement = statement("COMMIT", &[], &[]);
    static ROLLBACK: Statement = statement("ROLLBACK", &[], &[]);
    for stray in [&COMMIT, &ROLLBACK] {
        let fixture = Fixture::new();
        let a = fixture.unit_with(1).await;
        let b = fixture.queue().await;
        let a = tokio::spawn(a.commit());
        let mut b = b.await.unwrap();
        insert(&mut b, 2).await.unwrap();
        assert_eq!(kind(&b.execute(stray, vec![]).await), "corrupt");
        assert_eq!(kind(&a.await.unwrap()), "retry");
        assert_eq!(kind(&insert(&mut b, 3).await), "unavailable");
        drop(b);
        assert!(fixture.ids().is_empty());
        assert!(fixture.is_free());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_finds_the_disk_full_fails_its_group() {
    let fixture = Fixture::new();
    let mut limit = fixture.unit().await;
    let limited = limit.run(|session| {
        let pages: i64 = session.db().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        session.db().pragma_update_and_check(None, "max_page_count", pages + 1, |_| Ok(())).unwrap();
        Ok(())
    });
    limited.unwrap();
    drop(limit);
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    let large = vec![Value::Int(2), Value::Text("x".repeat(100_000))];
    assert_eq!(kind(&b.execute(&INSERT, large).await), "full");
    // SQLite has rolled back the whole transaction. A unit that fits is stored at the next attempt.
    assert_eq!(kind(&a.await.unwrap()), "retry");
    assert_eq!(kind(&b.commit().await), "unavailable");
    fixture.unit_with(1).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_is_reported_to_all_callers_and_stores_nothing() {
    let fixture = Fixture::new();
    let a = fixture.unit_with(1).await;
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    let c = fixture.queue().await;
    b.execute(&DANGLING, vec![]).await.unwrap();
    let b = tokio::spawn(b.commit());
    let mut c = c.await.unwrap();
    assert_eq!(count(&mut c).await, 1);
    assert_eq!(kind(&c.rollback().await), "retry");
    assert_eq!(kind(&a.await.unwrap()), "corrupt");
    assert_eq!(kind(&b.await.unwrap()), "corrupt");
    assert!(fixture.ids().is_empty());
    fixture.unit_with(3).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [3]);
    assert_eq!(fixture.db.stats().groups, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_statement_panicked_cannot_commit() {
    let fixture = Fixture::new();
    let mut unit = fixture.unit().await;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        unit.run(|session| -> Result<(), StoreError> {
            session.execute(&INSERT, &user(1), &declared())?;
            panic!("made by the test")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(kind(&insert(&mut unit, 2).await), "unavailable");
    assert_eq!(kind(&unit.commit().await), "unavailable");
    fixture.unit_with(3).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_before_the_commit_aborts_the_group_and_not_the_writer() {
    let fixture = Fixture::new();
    let mut a = fixture.unit_with(1).await;
    a.before_commit(|| panic!("made by the test"));
    let b = fixture.queue().await;
    let a = tokio::spawn(a.commit());
    let mut b = b.await.unwrap();
    insert(&mut b, 2).await.unwrap();
    assert_eq!(kind(&b.commit().await), "retry");
    assert_eq!(kind(&a.await.unwrap()), "retry");
    fixture.unit_with(3).await.commit().await.unwrap();
    assert_eq!(fixture.ids(), [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_of_a_reader_affects_no_other_unit() {
    static NONSENSE: Statement = statement("SELECT nothing FROM nowhere", &[], &[Kind::Int]);
    let fixture = Fixture::new();
    assert_eq!(kind(&fixture.db.read(&NONSENSE, vec![]).await), "corrupt");
    assert_eq!(kind(&fixture.db.read(&COUNT, vec![]).await), "ok");
}
