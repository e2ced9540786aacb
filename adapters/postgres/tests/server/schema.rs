//! Migrations under their lock.

use crate::support::{TestDatabase, eventually, with_database};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_postgres::PostgresDatabase;
use skep_sql::{SqlDatabase, SqlSchema};
use std::{future::Future, pin::pin, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// Each would fail if it was run twice.
const SCRIPTS: [&str; 3] = [
    "CREATE TABLE steps (step BIGINT); INSERT INTO steps VALUES (1);",
    "ALTER TABLE steps ADD COLUMN more TEXT; INSERT INTO steps VALUES (2, 'a;b');",
    "CREATE FUNCTION three() RETURNS BIGINT LANGUAGE SQL AS $$ SELECT 3::bigint; $$; INSERT INTO steps VALUES (three());",
];

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123).unwrap()
}

async fn schema(database: &PostgresDatabase) -> Box<dyn SqlSchema> {
    database.schema().await.unwrap()
}

/// What a start does.
async fn migrate(database: PostgresDatabase) -> Result<(), StoreError> {
    let mut schema = database.schema().await?;
    let applied = schema.applied().await?;
    for (number, script) in (1..).zip(SCRIPTS).skip(applied.len()) {
        schema.apply(number, "step", script, now()).await?;
    }
    Ok(())
}

async fn locks(test: &TestDatabase) -> i64 {
    test.number(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
         WHERE locktype = 'advisory' AND datname = current_database()",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_starters_apply_each_migration_once() {
    with_database(async |test| {
        let mut starters = JoinSet::new();
        for _ in 0..8 {
            starters.spawn(migrate(test.connect()));
        }
        while let Some(done) = starters.join_next().await {
            done.unwrap().unwrap();
        }
        assert_eq!(test.number("SELECT count(*) FROM steps").await, 3);
        let applied = schema(&test.connect()).await.applied().await.unwrap();
        assert_eq!(applied, [(1, now()), (2, now()), (3, now())]);
        eventually(async || locks(&test).await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn new_database_has_no_migrations_and_asking_makes_nothing() {
    with_database(async |test| {
        let mut schema = schema(&test.connect()).await;
        assert_eq!(schema.applied().await.unwrap(), []);
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(test.number(tables).await, 0);
    })
    .await;
}

#[tokio::test]
async fn failed_script_leaves_nothing_and_the_lock_stays() {
    with_database(async |test| {
        let database = test.connect();
        let mut schema = schema(&database).await;
        schema.apply(1, "first", SCRIPTS[0], now()).await.unwrap();
        let error = schema.apply(2, "second", "INSERT INTO steps VALUES (9); SELECT 1 / 0;", now()).await.unwrap_err();
        let StoreError::Corrupt(why) = &error else { panic!("{error:?}") };
        assert!(
            why.to_string().contains("migration 2 second") && why.to_string().contains("division by zero"),
            "{why}"
        );
        assert_eq!(test.number("SELECT count(*) FROM steps").await, 1);
        assert_eq!(schema.applied().await.unwrap(), [(1, now())]);
        assert_eq!(locks(&test).await, 1);

        let twice = schema.apply(1, "first", "INSERT INTO steps VALUES (9)", now()).await;
        assert!(twice.is_err());
        assert_eq!(test.number("SELECT count(*) FROM steps").await, 1);

        schema.revert(1, "DROP TABLE no_such_table").await.unwrap_err();
        schema.revert(1, "DROP TABLE steps").await.unwrap();
        assert_eq!(schema.applied().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn lock_is_held_until_the_schema_is_dropped() {
    with_database(async |test| {
        let (one, two) = (test.connect(), test.connect());
        let mut first = schema(&one).await;
        let mut second = pin!(schema(&two));
        assert!(timeout(Duration::from_millis(100), &mut second).await.is_err());
        first.apply(1, "first", SCRIPTS[0], now()).await.unwrap();
        drop(first);
        assert_eq!(second.await.applied().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn lock_is_freed_by_whoever_is_cancelled_or_killed() {
    with_database(async |test| {
        let database = test.connect();
        let mut first = schema(&database).await;
        assert!(timeout(Duration::from_millis(100), schema(&database)).await.is_err(), "it is held");

        let slow = "CREATE TABLE half (id BIGINT); SELECT pg_sleep(0.3);";
        cancel(first.apply(1, "slow", slow, now())).await;
        let error = first.applied().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "it has given up the lock: {error:?}");

        let mut next = schema(&database).await;
        assert_eq!(next.applied().await.unwrap(), []);
        assert_eq!(test.number("SELECT count(*) FROM pg_tables WHERE tablename = 'half'").await, 0);
        test.kill().await;
        next.applied().await.unwrap_err();
        assert_eq!(schema(&database).await.applied().await.unwrap(), []);
    })
    .await;
}

async fn cancel(work: impl Future<Output = Result<(), StoreError>>) {
    timeout(Duration::from_millis(100), work).await.unwrap_err();
}

#[tokio::test]
async fn own_migrations_go_up_and_down() {
    with_database(async |test| {
        let database = test.connect();
        let mut schema = schema(&database).await;
        for _ in 0..2 {
            for migration in database.migrations() {
                schema.apply(migration.number, migration.name, migration.up, now()).await.unwrap();
            }
            assert!(test.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await > 10);
            for migration in database.migrations().iter().rev() {
                schema.revert(migration.number, migration.down).await.unwrap();
            }
            assert_eq!(test.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 1);
        }
    })
    .await;
}
