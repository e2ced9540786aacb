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

/// As the first step of the migrations has placed events of an earlier program: by their ids, here with the versions 2, 3
/// and 1 of an aggregate, and one event of another one between them.
fn misplaced(id: fn(u8) -> String, time: &str) -> String {
    let store = |(number, aggregate, version): (u8, u8, u8)| {
        let (event, aggregate) = (id(number), id(aggregate));
        format!(
            "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, request_id, occurred_at, payload) \
             VALUES ({event}, 'catalog.product_changed.v1', {aggregate}, {version}, '', {time}, '{{}}'); \
             INSERT INTO event_positions (position, event_id) VALUES ({number}, {event}); \
             INSERT INTO held_events (id, subscription_id, event_id, position, aggregate_id, state, attempt, ready_at, \
             message, held_at, version) VALUES ({event}, {event}, {event}, {number}, {aggregate}, 'parked', 1, {time}, \
             '', {time}, 1);"
        )
    };
    [(1, 9, 2), (2, 8, 1), (3, 9, 3), (4, 9, 1)].map(store).concat()
}

const ORDER_OF_VERSIONS: &str =
    include_str!("../../../../adapters/sql/migrations/events/0003_order_of_versions.up.sql");
const ORDERED: &str = "SELECT aggregate_version, held.position FROM event_positions AS placed \
    JOIN outbox AS event ON event.id = placed.event_id JOIN held_events AS held ON held.event_id = event.id \
    ORDER BY placed.position";
/// The versions in the order of the log, each with the position of the entry that holds the event back.
const EXPECTED: [(i64, i64); 4] = [(1, 1), (1, 2), (2, 3), (3, 4)];

#[tokio::test]
async fn misplaced_events_of_an_aggregate_exchange_their_places_on_sqlite() {
    let (_folder, connection) = sqlite().await;
    connection.execute_batch(&misplaced(|number| format!("x'{number:032x}'"), "0")).unwrap();
    for _ in 0..2 {
        connection.execute_batch(ORDER_OF_VERSIONS).unwrap();
        let mut found = connection.prepare(ORDERED).unwrap();
        let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found.collect::<Result<Vec<(i64, i64)>, _>>().unwrap(), EXPECTED);
    }
}

#[tokio::test]
async fn misplaced_events_of_an_aggregate_exchange_their_places_on_postgresql() {
    let Some(mut postgres) = Postgres::start("order").await else { return };
    let stored = misplaced(|number| format!("'{number:032x}'::uuid"), "now()");
    sqlx::raw_sql(AssertSqlSafe(stored)).execute(&mut postgres.connection).await.unwrap();
    let mut found = vec![];
    for _ in 0..2 {
        sqlx::raw_sql(ORDER_OF_VERSIONS).execute(&mut postgres.connection).await.unwrap();
        let rows = postgres.connection.fetch_all(ORDERED).await.unwrap();
        found.push(rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(i64, i64)>>());
    }
    postgres.remove().await;
    assert_eq!(found, [EXPECTED, EXPECTED]);
}
