//! The statements of the relay, of deliveries and of sweeps read along indexes, however many events were delivered. On
//! PostgreSQL, the plans are those for the values that workers pass.

use crate::{
    Postgres,
    job_plans::{postgres_plan, sqlite_plan},
    sqlite,
};
use skep_sql::{Statement, statements};
use sqlx::Executor as _;

const ID: &str = "lpad('7', 32, '0')::uuid";
const IDS: &str = "ARRAY[lpad('7', 32, '0')::uuid, lpad('8', 32, '0')::uuid]";
const NOW: &str = "to_timestamp(10)";

/// Reads along its index on SQLite. PostgreSQL reads the whole table of unplaced events if it is short.
const LIST_UNPLACED: &str = "events.unplaced_event.list";
/// The other statements, each with the values of its parameters on PostgreSQL.
const STATEMENTS: [(&str, &[&str]); 12] = [
    ("events.unplaced_event.count", &["1"]),
    ("events.unplaced_event.delete", &[IDS]),
    ("kernel.outbox_event.list_placed", &["29990", "50"]),
    ("kernel.outbox_event.find_placed", &[ID]),
    ("events.position.find_last_before", &[ID, "100"]),
    ("events.position.sweep", &["29990", ID, NOW, "500"]),
    ("events.received_event.sweep", &[NOW, "500"]),
    ("events.held_event.list_due", &[ID, NOW, "50"]),
    ("events.held_event.list_aggregates", &[ID, IDS]),
    ("events.held_event.find_next", &[ID, ID]),
    ("events.held_event.count_of_subscription", &[ID, "10000"]),
    ("events.held_event.count_by_state", &[ID, "1000"]),
];

fn statement(name: &str) -> &'static Statement {
    statements().iter().find(|statement| statement.name == name).unwrap()
}

/// The lines of a plan that read a whole table of events, or sort its rows to find the first ones. The first unplaced
/// events are read in the order of their key, and the few events that are held back may be read in any way on PostgreSQL.
fn wasteful(name: &str, plan: &[String]) -> Vec<String> {
    let sorts = |line: &str| line.contains("FOR ORDER BY") && name != LIST_UNPLACED;
    let of_events = ["outbox", "event_positions", "received_events"];
    let of_sqlite = ["event", "placed", "held_events", "held", "earlier"];
    let is_whole = |line: &str| match (line.strip_prefix("SCAN "), line.split_once("Seq Scan on ")) {
        (Some(scanned), _) => of_events.iter().chain(&of_sqlite).any(|table| scanned.split(' ').next() == Some(table)),
        (None, Some((_, scanned))) => of_events.iter().any(|table| scanned.split(' ').next() == Some(table)),
        (None, None) => sorts(line),
    };
    plan.iter().filter(|line| is_whole(line)).map(|line| format!("{name}: {line} in {plan:#?}")).collect()
}

/// Most events were delivered and are young. Some have no position yet, and a few are held back.
const EVENTS: [&str; 5] = [
    "INSERT INTO outbox (id, name, aggregate_id, aggregate_version, request_id, occurred_at, payload) \
     SELECT lpad(to_hex(n), 32, '0')::uuid, 'test.happened.v1', md5((n % 900)::text)::uuid, n, '', \
     to_timestamp(1000000 + n), repeat('p', 200) FROM generate_series(1, 40000) AS n",
    "INSERT INTO event_positions (position, event_id) \
     SELECT n, lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, 30000) AS n",
    "DELETE FROM unplaced_events USING event_positions WHERE event_positions.event_id = unplaced_events.event_id",
    "INSERT INTO received_events (subscription_id, event_id, received_at) SELECT md5((n % 2)::text)::uuid, \
     lpad(to_hex(n), 32, '0')::uuid, to_timestamp(1000000 + n) FROM generate_series(1, 30000) AS n",
    "INSERT INTO held_events (id, subscription_id, event_id, position, aggregate_id, state, attempt, ready_at, message, \
     held_at, version) SELECT md5(n::text)::uuid, md5((n % 2)::text)::uuid, lpad(to_hex(n), 32, '0')::uuid, n, \
     md5((n % 900)::text)::uuid, CASE WHEN n % 10 = 0 THEN 'retryable' ELSE 'parked' END, 1, to_timestamp(n), '', \
     to_timestamp(n), 1 FROM generate_series(1, 300) AS n",
];

#[tokio::test]
async fn events_are_read_along_their_indexes_on_sqlite() {
    let (_folder, connection) = sqlite().await;
    let names = STATEMENTS.iter().map(|(name, _)| *name).chain([LIST_UNPLACED]);
    let found: Vec<_> = names.flat_map(|name| wasteful(name, &sqlite_plan(&connection, statement(name)))).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn events_are_read_along_their_indexes_on_postgresql() {
    let Some(mut postgres) = Postgres::start("event_plans").await else { return };
    for text in EVENTS.into_iter().chain(["ANALYZE"]) {
        postgres.connection.execute(text).await.unwrap();
    }
    let mut found = vec![];
    for (name, values) in STATEMENTS {
        found.extend(wasteful(name, &postgres_plan(&mut postgres.connection, statement(name), values).await));
    }
    postgres.remove().await;
    assert!(found.is_empty(), "{found:#?}");
}
