use super::*;
use crate::{
    SqliteDatabase,
    testing::{COUNT, Fixture, INSERT, kind, poll_once, user},
};
use skep_sql::SqlDatabase;

fn tables(fixture: &Fixture) -> Vec<String> {
    let db = fixture.outside();
    let mut rows = db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b') ORDER BY name").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn without_deferred_keys() -> Fixture {
    let fixture = Fixture::new();
    fixture.outside().execute_batch("DROP TABLE strict_pairs").unwrap();
    fixture
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

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_stored_as_a_whole_or_not_at_all() {
    let fixture = without_deferred_keys();
    let mut schema = fixture.db.schema().await.unwrap();
    step(&mut *schema, "CREATE TABLE a (x INTEGER) STRICT;").await.unwrap();
    let broken = step(&mut *schema, "CREATE TABLE b (x INTEGER) STRICT; SELECT nonsense;").await;
    assert_eq!(kind(&broken), "corrupt");
    let text = format!("{:?}", broken.unwrap_err());
    assert!(text.contains("nonsense"), "{text}");
    assert_eq!(kind(&step(&mut *schema, "CREATE TABLE b (x INTEGER) STRICT; ROLLBACK;").await), "corrupt");
    assert_eq!(tables(&fixture), ["a"]);
    step(&mut *schema, "DROP TABLE a;").await.unwrap();
    assert!(tables(&fixture).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_run_in_the_step_that_is_open() {
    let fixture = without_deferred_keys();
    let mut schema = fixture.db.schema().await.unwrap();
    for (commits, left) in [(false, 0), (true, 1)] {
        schema.begin().await.unwrap();
        assert_eq!(schema.execute(&INSERT, user(1)).await.unwrap(), 1);
        assert_eq!(schema.query(&COUNT, vec![]).await.unwrap()[0].int().unwrap(), 1);
        assert!(fixture.ids().is_empty(), "other connections do not see it");
        if commits {
            schema.commit().await.unwrap();
        } else {
            schema.rollback().await.unwrap();
        }
        assert_eq!(fixture.ids().len(), left);
    }
    schema.begin().await.unwrap();
    schema.execute(&INSERT, user(2)).await.unwrap();
    drop(schema);
    assert_eq!(fixture.ids(), [1], "dropping rolls the open step back");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_keys_are_checked_at_the_end_of_a_step_and_never_deferred() {
    let fixture = without_deferred_keys();
    let mut schema = fixture.db.schema().await.unwrap();
    let tables_of = "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;
        CREATE TABLE b (a_id INTEGER NOT NULL REFERENCES a (id) ON DELETE CASCADE) STRICT;
        INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);";
    step(&mut *schema, tables_of).await.unwrap();
    assert_eq!(kind(&step(&mut *schema, "INSERT INTO b VALUES (2);").await), "corrupt");
    let rebuild = "CREATE TABLE c (id INTEGER PRIMARY KEY, more TEXT) STRICT; INSERT INTO c SELECT id, '' FROM a;
        DROP TABLE a; ALTER TABLE c RENAME TO a;";
    step(&mut *schema, rebuild).await.unwrap();
    let kept: i64 = fixture.outside().query_row("SELECT count(*) FROM b", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
    let orphaned = step(&mut *schema, "DELETE FROM b; DROP TABLE a;").await;
    assert_eq!(kind(&orphaned), "corrupt", "an empty table still refers to it");
    let deferred = "CREATE TABLE d (a_id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED) STRICT;";
    assert_eq!(kind(&step(&mut *schema, deferred).await), "corrupt");
    step(&mut *schema, "DROP TABLE b; DROP TABLE a;").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_locked_against_other_instances() {
    let fixture = without_deferred_keys();
    let other = SqliteDatabase::open(crate::SqliteOptions::new(fixture.path())).unwrap();
    let mut schema = fixture.db.schema().await.unwrap();
    let mut waiting = Box::pin(other.schema());
    assert!(poll_once(&mut waiting).is_none());
    step(&mut *schema, "CREATE TABLE a (x INTEGER) STRICT;").await.unwrap();
    assert!(poll_once(&mut waiting).is_none(), "the lock is held between two steps");
    drop(schema);
    let mut schema = waiting.await.unwrap();
    assert_eq!(kind(&step(&mut *schema, "CREATE TABLE a (x INTEGER) STRICT;").await), "corrupt", "it exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_step_is_rolled_back_and_releases_the_lock() {
    let fixture = without_deferred_keys();
    let mut schema = fixture.db.schema().await.unwrap();
    schema.begin().await.unwrap();
    {
        let slow = "CREATE TABLE a (x INTEGER) STRICT;
            WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 200000) SELECT max(x) FROM n;";
        let mut script = schema.script(slow);
        assert!(poll_once(&mut script).is_none());
    }
    assert_eq!(kind(&schema.commit().await), "unavailable");
    drop(fixture.db.schema().await.unwrap());
    assert!(tables(&fixture).is_empty());
}
