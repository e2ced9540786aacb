//! The write-ahead log is moved into the file while units go on.

use crate::testing::{Fixture, statement, until};
use skep_application::kernel::TxMode;
use skep_sql::{Kind, SqlConnection as _, SqlDatabase as _, Statement};
use std::time::{Duration, Instant};

/// Writes a hundred pages to the log.
static REWRITE: Statement = statement("UPDATE kinds SET an_int = an_int + 1, a_blob = randomblob(409600)", &[], &[]);
static READ: Statement = statement("SELECT an_int, length(a_blob) FROM kinds", &[], &[Kind::Int, Kind::Int]);

async fn fixture() -> Fixture {
    static FIRST: Statement = statement("INSERT INTO kinds (an_int, a_blob) VALUES (0, randomblob(409600))", &[], &[]);
    // The units of these tests may take long.
    let fixture = Fixture::with(|options| options.unit_limit = Duration::from_secs(600));
    let mut unit = fixture.unit().await;
    unit.execute(&FIRST, vec![]).await.unwrap();
    unit.commit().await.unwrap();
    fixture
}

/// The number of pages in the log, and how many of them are also in the file.
fn log(fixture: &Fixture) -> (i64, i64) {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
    fixture.outside().query_row("PRAGMA wal_checkpoint(NOOP)", [], read).unwrap()
}

/// Commits a unit and returns the number of pages in the log.
async fn rewrite(fixture: &Fixture) -> i64 {
    let mut unit = fixture.unit().await;
    unit.execute(&REWRITE, vec![]).await.unwrap();
    unit.commit().await.unwrap();
    log(fixture).0
}

/// Commits until the log has restarted, and returns the number of units.
async fn rewrite_until_restart(fixture: &Fixture) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut units, mut before) = (0, 0);
    loop {
        let pages = rewrite(fixture).await;
        units += 1;
        if pages < before {
            return units;
        }
        before = pages;
        assert!(Instant::now() < deadline, "the log has grown to {pages} pages");
    }
}

async fn read(fixture: &Fixture) -> (i64, i64) {
    let mut row = fixture.db.read(&READ, vec![]).await.unwrap().remove(0);
    (row.int().unwrap(), row.int().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn most_of_the_log_is_moved_while_units_run() {
    let fixture = fixture().await;
    let mut pages = 0;
    while pages < 3_800 {
        pages = rewrite(&fixture).await;
    }
    assert_eq!(log(&fixture).1, 0, "short logs stay");
    while pages < 4_000 {
        pages = rewrite(&fixture).await;
    }
    // This unit owns the writer, so no commit moves the log.
    let unit = fixture.unit().await;
    until("the thread has moved the log", || log(&fixture).1 >= 4_000).await;
    drop(unit);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_restarts_although_units_never_pause() {
    let fixture = fixture().await;
    let mut units = 0;
    for _ in 0..2 {
        units += rewrite_until_restart(&fixture).await;
        assert_eq!(read(&fixture).await, (units, 409_600));
    }
    fixture.db.close().await;
    let log = fixture.path().with_extension("db-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |log| log.len()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_its_snapshot_and_the_log_restarts_after_it() {
    let fixture = fixture().await;
    let mut reader = fixture.begin(TxMode::Read).await.unwrap();
    let mut seen = async || reader.query(&READ, vec![]).await.unwrap().remove(0).int().unwrap();
    assert_eq!(seen().await, 0);
    let mut before = 0;
    for _ in 0..150 {
        let pages = rewrite(&fixture).await;
        assert!(pages > before, "the log restarted under its reader");
        before = pages;
    }
    assert_eq!(seen().await, 0);
    reader.rollback().await.unwrap();
    let units = rewrite_until_restart(&fixture).await;
    assert_eq!(read(&fixture).await.0, 150 + units);
}
