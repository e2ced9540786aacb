//! Migrations and the lock on the schema.

use crate::support::{TestDatabase, count_items, eventually, insert_item, number, with_database};
use skep_application::kernel::StoreError;
use skep_postgres::PostgresDatabase;
use skep_sql::{SqlDatabase, SqlSchema, Value};
use std::{future::Future, pin::pin, time::Duration};
use tokio::time::timeout;

/// Each of these fails if it runs twice.
const SCRIPTS: [&str; 3] = [
    "CREATE TABLE steps (step BIGINT); INSERT INTO steps VALUES (1);",
    "ALTER TABLE steps ADD COLUMN more TEXT; INSERT INTO steps VALUES (2, 'a;b');",
    "CREATE FUNCTION three() RETURNS BIGINT LANGUAGE SQL AS $$ SELECT 3::bigint; $$; INSERT INTO steps VALUES (three());",
];

async fn schema(database: &PostgresDatabase) -> Box<dyn SqlSchema> {
    database.schema().await.unwrap()
}

/// Runs a script like the migration runner, without the record.
async fn step(schema: &mut dyn SqlSchema, script: &str) -> Result<(), StoreError> {
    schema.begin().await?;
    match schema.script(script).await {
        Ok(()) => schema.commit().await,
        Err(error) => {
            schema.rollback().await?;
            Err(error)
        }
    }
}

async fn locks(test: &TestDatabase) -> i64 {
    test.number(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
         WHERE locktype = 'advisory' AND datname = current_database()",
    )
    .await
}

#[tokio::test]
async fn failed_script_leaves_nothing_and_keeps_the_lock() {
    with_database(async |test| {
        let database = test.connect();
        let mut schema = schema(&database).await;
        for script in SCRIPTS {
            step(&mut *schema, script).await.unwrap();
        }
        assert_eq!(test.number("SELECT count(*) FROM steps").await, 3);
        let error = step(&mut *schema, "INSERT INTO steps VALUES (9); SELECT 1 / 0;").await.unwrap_err();
        let StoreError::Corrupt(why) = &error else { panic!("{error:?}") };
        assert!(why.to_string().contains("migration") && why.to_string().contains("division by zero"), "{why}");
        assert_eq!(test.number("SELECT count(*) FROM steps").await, 3);
        assert_eq!(locks(&test).await, 1);
        step(&mut *schema, "").await.unwrap();
        step(&mut *schema, "DROP TABLE steps").await.unwrap();
        drop(schema);
        eventually(async || locks(&test).await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn statements_run_in_the_step_that_is_open() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut schema = schema(&database).await;
        for (commits, left) in [(false, 0), (true, 1)] {
            schema.begin().await.unwrap();
            assert_eq!(schema.execute(insert_item(), vec![Value::Int(1), Value::Null]).await.unwrap(), 1);
            assert_eq!(number(schema.query(count_items(), vec![]).await.unwrap()), 1);
            assert_eq!(test.items().await, 0, "other connections do not see it");
            if commits {
                schema.commit().await.unwrap();
            } else {
                schema.rollback().await.unwrap();
            }
            assert_eq!(test.items().await, left);
        }
        schema.begin().await.unwrap();
        schema.execute(insert_item(), vec![Value::Int(1), Value::Null]).await.unwrap_err();
        schema.rollback().await.unwrap();
        schema.begin().await.unwrap();
        schema.execute(insert_item(), vec![Value::Int(2), Value::Null]).await.unwrap();
        drop(schema);
        eventually(async || locks(&test).await == 0).await;
        assert_eq!(test.items().await, 1, "dropping rolls the open step back");
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
        step(&mut *first, SCRIPTS[0]).await.unwrap();
        drop(first);
        step(&mut *second.await, SCRIPTS[1]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lock_is_freed_by_a_canceled_call_and_by_a_killed_connection() {
    with_database(async |test| {
        let database = test.connect();
        let mut first = schema(&database).await;
        assert!(timeout(Duration::from_millis(100), schema(&database)).await.is_err(), "the schema is locked");

        let slow = "CREATE TABLE half (id BIGINT); SELECT pg_sleep(0.3);";
        first.begin().await.unwrap();
        cancel(first.script(slow)).await;
        let error = first.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "the lock is gone: {error:?}");

        let mut next = schema(&database).await;
        assert_eq!(test.number("SELECT count(*) FROM pg_tables WHERE tablename = 'half'").await, 0);
        test.kill().await;
        next.begin().await.unwrap_err();
        step(&mut *schema(&database).await, SCRIPTS[0]).await.unwrap();
    })
    .await;
}

async fn cancel(work: impl Future<Output = Result<(), StoreError>>) {
    timeout(Duration::from_millis(100), work).await.unwrap_err();
}
