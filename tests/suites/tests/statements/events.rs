//! The triggers on the outbox follow a program of an earlier version, which stores and deletes events and knows nothing
//! of their positions.

use crate::{Postgres, sqlite};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

/// The rows in the tables of events that have no position, and of those that have one.
const COUNT: &str = "SELECT (SELECT count(*) FROM unplaced_events), (SELECT count(*) FROM event_positions)";

/// What happens, each with the counts after it. `id` and `time` are the literals of an engine.
fn course(id: fn(u8) -> String, time: &str) -> Vec<(String, (i64, i64))> {
    let store = |number, name| {
        let id = id(number);
        format!(
            "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, request_id, occurred_at, payload) \
             VALUES ({id}, '{name}', {id}, 1, '', {time}, '{{}}')"
        )
    };
    let first = id(1);
    let placed = format!(
        "INSERT INTO event_positions (position, event_id) VALUES (1, {first}); \
         DELETE FROM unplaced_events WHERE event_id = {first}"
    );
    vec![
        (store(1, "catalog.product_created.v1"), (1, 0)),
        (store(2, "catalog.product_changed.v1"), (2, 0)),
        (store(3, ""), (2, 0)),
        (placed, (1, 1)),
        (format!("DELETE FROM outbox WHERE id = {}", id(2)), (0, 1)),
        ("DELETE FROM outbox".to_owned(), (0, 0)),
    ]
}

#[tokio::test]
async fn events_of_an_earlier_program_are_followed_on_sqlite() {
    let (_folder, connection) = sqlite().await;
    for (script, expected) in course(|number| format!("x'{number:032x}'"), "0") {
        connection.execute_batch(&script).unwrap();
        let found = connection.query_row(COUNT, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found, expected, "{script}");
    }
}

#[tokio::test]
async fn events_of_an_earlier_program_are_followed_on_postgresql() {
    let Some(mut postgres) = Postgres::start("events").await else { return };
    let mut found = vec![];
    let course = course(|number| format!("'{number:032x}'::uuid"), "now()");
    for (script, _) in &course {
        postgres.connection.execute(AssertSqlSafe(script.clone())).await.unwrap();
        let row = postgres.connection.fetch_one(COUNT).await.unwrap();
        found.push((script.clone(), (row.get(0), row.get(1))));
    }
    postgres.remove().await;
    assert_eq!(found, course);
}
