//! Transactions and their errors.

use crate::support::{
    ITEM_ID, ITEM_TEXT, begin, count_items, declared, eventually, everything, insert, number, statement, with_database,
};
use skep_application::kernel::{StoreError, TxMode};
use skep_postgres::PostgresDatabase;
use skep_sql::{Kind, SqlDatabase, Value};
use std::{future::Future, time::Duration};
use tokio::time::timeout;

#[tokio::test]
async fn only_committed_rows_are_seen() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        assert_eq!(number(tx.query(count_items(), vec![]).await.unwrap()), 1);
        assert_eq!(number(database.read(count_items(), vec![]).await.unwrap()), 0);
        tx.commit().await.unwrap();
        assert_eq!(number(database.read(count_items(), vec![]).await.unwrap()), 1);

        let mut tx = begin(&database).await;
        insert(&mut tx, 2).await.unwrap();
        tx.rollback().await.unwrap();
        let mut tx = begin(&database).await;
        insert(&mut tx, 2).await.unwrap();
        drop(tx);
        // Waits for the dropped transaction, if it still holds the key.
        let mut tx = begin(&database).await;
        insert(&mut tx, 2).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.items().await, 2);
        eventually(async || database.pool_stats().size == database.pool_stats().idle).await;
    })
    .await;
}

#[tokio::test]
async fn reading_transaction_sees_one_state_and_writes_nothing() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut reader = database.begin(TxMode::Read, &[], &declared()).await.unwrap();
        assert_eq!(number(reader.query(count_items(), vec![]).await.unwrap()), 0);
        test.run("INSERT INTO items VALUES (1)").await;
        assert_eq!(number(reader.query(count_items(), vec![]).await.unwrap()), 0);
        reader.commit().await.unwrap();

        let mut writer = begin(&database).await;
        assert_eq!(number(writer.query(count_items(), vec![]).await.unwrap()), 1);
        test.run("INSERT INTO items VALUES (2)").await;
        assert_eq!(number(writer.query(count_items(), vec![]).await.unwrap()), 2);

        let mut reader = database.begin(TxMode::Read, &[], &declared()).await.unwrap();
        assert!(insert(&mut reader, 3).await.is_err());
        assert_eq!(test.items().await, 2);
    })
    .await;
}

#[tokio::test]
async fn the_server_cannot_choose_the_isolation_level() {
    with_database(async |test| {
        let name = test.url.rsplit_once('/').unwrap().1;
        test.run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")).await;
        let database = test.connect();
        let show = statement("SELECT current_setting('transaction_isolation')", &[], &[Kind::Text]);
        for (mode, level) in [(TxMode::Write, "read committed"), (TxMode::Read, "repeatable read")] {
            let mut tx = database.begin(mode, &[], &declared()).await.unwrap();
            assert_eq!(tx.query(show, vec![]).await.unwrap()[0].text().unwrap(), level);
            tx.rollback().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn after_an_error_everything_is_refused_and_nothing_is_stored() {
    with_database(async |test| {
        let database = test.with_items().await;
        for fault in ["SELECT 1 / 0::bigint", "SELECT no_column"] {
            let mut tx = begin(&database).await;
            insert(&mut tx, 1).await.unwrap();
            tx.query(statement(fault, &[], &[Kind::Int]), vec![]).await.unwrap_err();
            assert!(matches!(insert(&mut tx, 2).await, Err(StoreError::Unavailable(_))));
            assert!(matches!(tx.execute_many(count_items(), vec![]).await, Err(StoreError::Unavailable(_))));
            assert!(matches!(tx.query(count_items(), vec![]).await, Err(StoreError::Unavailable(_))));
            tx.commit().await.unwrap_err();

            let mut tx = begin(&database).await;
            tx.query(statement(fault, &[], &[Kind::Int]), vec![]).await.unwrap_err();
            tx.rollback().await.unwrap();
        }
        assert_eq!(test.items().await, 0);
        eventually(async || database.pool_stats().idle == database.pool_stats().size).await;
        assert_eq!(test.connections("idle in transaction%").await, 0);
    })
    .await;
}

#[tokio::test]
async fn canceled_statement_undoes_the_transaction() {
    with_database(async |test| {
        let database = test.with_items().await;
        let mut tx = begin(&database).await;
        insert(&mut tx, 1).await.unwrap();
        let sleep = statement("SELECT pg_sleep(0.2)::text", &[], &[Kind::Text]);
        timeout(Duration::from_millis(20), tx.query(sleep, vec![])).await.unwrap_err();
        assert!(insert(&mut tx, 2).await.is_err());
        tx.commit().await.unwrap_err();
        eventually(async || database.pool_stats().idle == 1).await;
        assert_eq!(database.pool_stats().size, 1, "the connection has survived");
        assert_eq!(test.items().await, 0);
        assert_eq!(number(database.read(count_items(), vec![]).await.unwrap()), 0, "and gives the right answer");
    })
    .await;
}

#[tokio::test]
async fn duplicate_names_its_constraint() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.run("CREATE UNIQUE INDEX items_text_key ON items (text); CREATE TABLE odd (id BIGINT PRIMARY KEY)").await;
        test.run("INSERT INTO items VALUES (1, 'bee'); INSERT INTO odd VALUES (1)").await;
        for (sql, constraint) in
            [("INSERT INTO items VALUES (1)", ITEM_ID), ("INSERT INTO items VALUES (2, 'bee')", ITEM_TEXT)]
        {
            let mut tx = begin(&database).await;
            let error = tx.execute(statement(sql, &[], &[]), vec![]).await.unwrap_err();
            assert!(matches!(error, StoreError::Duplicate { constraint: found } if found == constraint), "{error:?}");
        }
        let mut tx = begin(&database).await;
        let error = tx.execute(statement("INSERT INTO odd VALUES (1)", &[], &[]), vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn commit_reports_a_deferred_violation() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.run("CREATE TABLE later (id BIGINT CONSTRAINT items_text_key UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
        let mut tx = begin(&database).await;
        let insert = statement("INSERT INTO later VALUES (1)", &[], &[]);
        tx.execute(insert, vec![]).await.unwrap();
        tx.execute(insert, vec![]).await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Duplicate { constraint: ITEM_TEXT }), "{error:?}");
        assert_eq!(test.number("SELECT count(*) FROM later").await, 0);
    })
    .await;
}

#[tokio::test]
async fn errors_do_not_quote_rows() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.run("ALTER TABLE items ADD CHECK (text <> 'bee@example.org')").await;
        let mut tx = begin(&database).await;
        let insert = statement("INSERT INTO items VALUES (1, $1)", &[Kind::Text], &[]);
        let error = tx.execute(insert, vec!["bee@example.org".into()]).await.unwrap_err();
        let text = everything(&error);
        assert!(text.contains("items_text_check") && text.contains("test.item.verb"), "{text}");
        assert!(!text.contains("bee@example.org"), "{text}");
    })
    .await;
}

/// Two transactions, each of which has locked one row.
async fn two_with_locks(database: &PostgresDatabase) -> [Box<dyn skep_sql::SqlTransaction>; 2] {
    let mut both = [begin(database).await, begin(database).await];
    for (tx, id) in both.iter_mut().zip(1..) {
        lock(tx, id).await.unwrap();
    }
    both
}

fn lock(tx: &mut Box<dyn skep_sql::SqlTransaction>, id: i64) -> impl Future<Output = Result<u64, StoreError>> {
    tx.execute(statement("UPDATE items SET text = text WHERE id = $1", &[Kind::Int], &[]), vec![Value::Int(id)])
}

#[tokio::test]
async fn waiting_too_long_for_a_lock_is_retried() {
    with_database(async |test| {
        test.with_items().await;
        test.run("INSERT INTO items VALUES (1), (2)").await;
        let mut options = test.options();
        options.lock_timeout = Duration::from_millis(50);
        let database = PostgresDatabase::connect(&options).unwrap();
        let [mut one, _two] = two_with_locks(&database).await;
        let error = lock(&mut one, 2).await.unwrap_err();
        assert!(matches!(error, StoreError::Retry(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn of_two_deadlocked_units_one_is_retried_and_the_other_commits() {
    with_database(async |test| {
        let database = test.with_items().await;
        test.run("INSERT INTO items VALUES (1), (2)").await;
        let [mut one, mut two] = two_with_locks(&database).await;
        let one = async move {
            lock(&mut one, 2).await?;
            one.commit().await
        };
        let two = async move {
            lock(&mut two, 1).await?;
            two.commit().await
        };
        let results = tokio::join!(one, two);
        assert!(
            matches!(results, (Ok(()), Err(StoreError::Retry(_))) | (Err(StoreError::Retry(_)), Ok(()))),
            "{results:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn slow_statement_is_stopped_and_not_retried() {
    with_database(async |test| {
        let mut options = test.options();
        options.statement_timeout = Duration::from_millis(50);
        let database = PostgresDatabase::connect(&options).unwrap();
        let sleep = statement("SELECT pg_sleep(30)::text", &[], &[Kind::Text]);
        let error = database.read(sleep, vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let mut tx = begin(&database).await;
        assert!(matches!(tx.query(sleep, vec![]).await, Err(StoreError::Unavailable(_))));
    })
    .await;
}
