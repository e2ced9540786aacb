//! Values are read back as they were written.

use crate::support::{TestDatabase, batch, begin, number, statement, with_database};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_postgres::PostgresDatabase;
use skep_sql::{Kind, Row, SqlDatabase, Statement, Value};
use uuid::Uuid;

const KINDS: &[Kind] = &[Kind::Int, Kind::Bool, Kind::Int, Kind::Text, Kind::Bytes, Kind::Uuid, Kind::Time];
const INSERT: &str = "INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7)";
const INSERT_MANY: &str = "INSERT INTO kinds SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)";
const SELECT: &str = "SELECT n, b, i, t, y, u, z FROM kinds ORDER BY n";

async fn with_kinds(test: &TestDatabase) -> PostgresDatabase {
    test.run("CREATE TABLE kinds (n BIGINT, b BOOLEAN, i BIGINT, t TEXT, y BYTEA, u UUID, z TIMESTAMPTZ)").await;
    test.connect()
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn samples() -> Vec<Vec<Value>> {
    let row = |n: i64, b, i, t: &str, y, u, z| -> Vec<Value> {
        vec![n.into(), Value::Bool(b), Value::Int(i), t.into(), Value::Bytes(y), Value::Uuid(u), Value::Time(z)]
    };
    let null = || Value::Null;
    vec![
        row(1, true, (1 << 53) + 1, "a \u{1F41D} in a skep", vec![0, 255, 10], Uuid::max(), Timestamp::MAX),
        row(2, false, i64::MIN, "", vec![], Uuid::nil(), Timestamp::MIN),
        row(3, true, i64::MAX, "line\nfeed \\ ' \" {1,NULL}", vec![7; 70_000], Uuid::from_u128(7), time(-1)),
        vec![4.into_value(), null(), null(), null(), null(), null(), null()],
        row(5, false, 0, "e\u{301} is not \u{e9}", b"\\x00".to_vec(), Uuid::from_u128(1 << 120), time(1)),
    ]
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for i64 {
    fn into_value(self) -> Value {
        Value::Int(self)
    }
}

fn values(mut row: Row) -> Vec<Value> {
    vec![
        row.int().unwrap().into(),
        row.optional_bool().unwrap().into(),
        row.optional_int().unwrap().into(),
        row.optional_text().unwrap().into(),
        row.optional_bytes().unwrap().into(),
        row.optional_uuid().unwrap().into(),
        row.optional_time().unwrap().into(),
    ]
}

async fn stored(database: &PostgresDatabase) -> Vec<Vec<Value>> {
    let rows = database.read(statement(SELECT, &[], KINDS), vec![]).await.unwrap();
    rows.into_iter().map(values).collect()
}

fn corrupt<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Corrupt(_)))
}

#[tokio::test]
async fn every_kind_is_read_back_from_single_statements() {
    with_database(async |test| {
        let database = with_kinds(&test).await;
        let insert = statement(INSERT, KINDS, &[]);
        let mut tx = begin(&database).await;
        for sample in samples() {
            assert_eq!(tx.execute(insert, sample).await.unwrap(), 1);
        }
        tx.commit().await.unwrap();
        assert_eq!(stored(&database).await, samples());
    })
    .await;
}

#[tokio::test]
async fn every_kind_is_read_back_from_a_batch_with_nulls() {
    with_database(async |test| {
        let database = with_kinds(&test).await;
        let mut tx = begin(&database).await;
        let insert = batch(INSERT_MANY, KINDS);
        assert_eq!(tx.execute_many(insert, vec![]).await.unwrap(), 0);
        assert_eq!(tx.execute_many(insert, samples()).await.unwrap(), 5);
        tx.commit().await.unwrap();
        assert_eq!(stored(&database).await, samples());
    })
    .await;
}

#[tokio::test]
async fn lists_find_their_rows() {
    with_database(async |test| {
        let database = with_kinds(&test).await;
        let mut tx = begin(&database).await;
        tx.execute_many(batch(INSERT_MANY, KINDS), samples()).await.unwrap();
        let find: &Statement = statement("SELECT count(*) FROM kinds WHERE u = ANY($1)", &[Kind::Uuids], &[Kind::Int]);
        for (list, found) in [(vec![Uuid::nil(), Uuid::max()], 2), (vec![], 0), (vec![Uuid::from_u128(8)], 0)] {
            assert_eq!(number(tx.query(find, vec![list.into()]).await.unwrap()), found);
        }
        assert_eq!(number(tx.query(find, vec![Value::Null]).await.unwrap()), 0);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn times_are_truncated_to_milliseconds_and_limited_to_supported_years() {
    with_database(async |test| {
        let database = with_kinds(&test).await;
        let select = |sql| statement(sql, &[], &[Kind::Time]);
        for (sql, millis) in [
            ("SELECT TIMESTAMPTZ '1970-01-01 00:00:00.0019Z'", 1),
            ("SELECT TIMESTAMPTZ '1969-12-31 23:59:59.9999Z'", -1),
        ] {
            let mut rows = database.read(select(sql), vec![]).await.unwrap();
            assert_eq!(rows[0].time().unwrap(), time(millis), "{sql}");
        }
        for sql in [
            "SELECT TIMESTAMPTZ 'infinity'",
            "SELECT TIMESTAMPTZ '-infinity'",
            "SELECT TIMESTAMPTZ '10000-01-01Z'",
            "SELECT TIMESTAMPTZ '0001-12-31 BC'",
            "SELECT now()::text",
        ] {
            assert!(corrupt(database.read(select(sql), vec![]).await), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn statements_that_differ_from_their_declaration_are_refused() {
    with_database(async |test| {
        let database = with_kinds(&test).await;
        let answer = async |sql, columns| database.read(statement(sql, &[], columns), vec![]).await;
        assert!(corrupt(answer("SELECT 1", &[Kind::Int]).await), "INTEGER is not BIGINT");
        assert!(corrupt(answer("SELECT sum(1::bigint)", &[Kind::Int]).await), "NUMERIC is not BIGINT");
        assert!(corrupt(answer("SELECT 1::bigint, 2::bigint", &[Kind::Int]).await), "one column too many");
        assert!(corrupt(answer("SELECT 1::bigint", &[Kind::Int, Kind::Int]).await), "one column too few");
        assert!(corrupt(answer("SELECT $1::bigint", &[Kind::Int]).await), "an argument too few");
        assert!(corrupt(answer("SELECT no_column", &[Kind::Int]).await), "no such column");
        assert_eq!(number(answer("SELECT 7::bigint", &[Kind::Int]).await.unwrap()), 7, "the connection still works");

        let echo = statement("SELECT $1", &[Kind::Int], &[Kind::Int]);
        assert!(corrupt(database.read(echo, vec![]).await));
        assert!(corrupt(database.read(echo, vec!["1".into()]).await));
        assert!(corrupt(database.read(echo, vec![1.into_value(), 2.into_value()]).await));

        let mut tx = begin(&database).await;
        assert!(corrupt(tx.execute_many(statement(INSERT, KINDS, &[]), samples()).await), "no batch");
        let mut tx = begin(&database).await;
        assert!(corrupt(tx.execute(batch(INSERT_MANY, KINDS), samples().remove(0)).await), "a batch");
        let mut tx = begin(&database).await;
        assert!(corrupt(tx.execute_many(batch(INSERT_MANY, KINDS), vec![vec![]]).await), "an empty row");
    })
    .await;
}
