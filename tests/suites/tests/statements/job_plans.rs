//! The statements on jobs and schedules read along the indexes that were made for them. With a wrong one they return the same rows,
//! but their cost grows with rows that they do not return.

use crate::{Postgres, sqlite};
use rusqlite::Connection as Sqlite;
use skep_sql::{Engine, Statement, statements};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

/// The statements, each with the indexes of its plan.
const PLANS: [(&str, &[&str]); 20] = [
    ("job.lock_holder", &["jobs_unique_key_key"]),
    ("job.list_available", &["jobs_available_idx", "jobs_ordering_idx", "jobs_running_key_key"]),
    ("job.list_due", &["jobs_due_idx"]),
    ("job.next_ready_at", &["jobs_due_idx"]),
    ("job.list_held", &["jobs_running_idx"]),
    ("job.count_waiting", &["jobs_owner_idx"]),
    ("job.count_running", &["jobs_running_idx"]),
    ("queue.list_unopened", &["jobs_available_idx"]),
    ("job.count_in_queue", &["jobs_available_idx", "jobs_running_idx"]),
    ("job.sweep", &["jobs_finished_idx"]),
    ("job.list_by_created_at_down_first", &["jobs_created_at_idx"]),
    ("job.list_by_created_at_of_state_down_first", &["jobs_created_at_idx"]),
    ("job.list_by_created_at_of_state_up_next", &["jobs_created_at_idx"]),
    ("job.list_by_created_at_of_queue_down_first", &["jobs_created_at_idx"]),
    ("job.list_by_created_at_of_state_of_queue_of_kind_down_next", &["jobs_created_at_idx"]),
    ("job.count_of_queue", &["jobs_created_at_idx"]),
    ("schedule.list_due", &["schedules_next_fire_at_idx"]),
    ("schedule.next_fire_at", &["schedules_next_fire_at_idx"]),
    ("schedule.list_by_created_at_down_first", &["schedules_created_at_idx"]),
    ("schedule.list_by_created_at_of_kind_up_next", &["schedules_created_at_idx"]),
];

fn statement(verb: &str) -> &'static Statement {
    let name = format!("jobs.{verb}");
    statements().iter().find(|statement| statement.name == name).unwrap()
}

/// The faults of the plans. A plan is read line by line.
fn faults(verb: &str, indexes: &[&str], plan: &[String]) -> Vec<String> {
    let is_unsorted = |line: &&String| line.contains("TEMP B-TREE") || line.contains("Sort");
    let is_whole = |line: &&String| {
        // There are few queues.
        (line.contains("Seq Scan") && !line.contains("Seq Scan on queues"))
            || (line.starts_with("SCAN") && (line.ends_with("jobs") || line.ends_with("schedules")))
    };
    let missing = indexes.iter().filter(|index| !plan.iter().any(|line| line.contains(**index)));
    let missing = missing.map(|index| format!("{verb} does not use {index}: {plan:#?}"));
    let wrong = plan.iter().filter(|line| is_unsorted(line) || is_whole(line));
    missing.chain(wrong.map(|line| format!("{verb}: {line}"))).collect()
}

pub(crate) fn sqlite_plan(connection: &Sqlite, statement: &Statement) -> Vec<String> {
    let text = format!("EXPLAIN QUERY PLAN {}", statement.text(Engine::Sqlite));
    let mut prepared = connection.prepare(&text).unwrap();
    let mut rows = prepared.raw_query();
    let mut plan = vec![];
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get("detail").unwrap());
    }
    plan
}

/// The plan for these values of the parameters. With generic plans, it is made without the values.
pub(crate) async fn postgres_plan(
    connection: &mut PgConnection,
    statement: &Statement,
    values: &[&str],
) -> Vec<String> {
    let values = values.join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    let text = statement.text(Engine::Postgres);
    connection.execute(AssertSqlSafe(format!("PREPARE planned AS {text}"))).await.unwrap();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE planned{values}");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
    connection.execute("DEALLOCATE planned").await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Most jobs have ended, as in a database that is in use.
const JOBS: &str = "INSERT INTO jobs (id, kind, queue, priority, state, ready_at, attempt, max_attempts, owner_id, \
    created_at, finished_at, version, args, lost, held_key, ordering_key, request_id, failures) \
    SELECT md5(n::text)::uuid, 'kind ' || n % 10, 'queue ' || n % 5, 1 + n % 4, \
    CASE WHEN n % 100 < 90 THEN 'completed' WHEN n % 100 < 95 THEN 'available' WHEN n % 100 < 97 THEN 'running' \
    WHEN n % 100 < 99 THEN 'scheduled' ELSE 'retryable' END, to_timestamp(n), 0, 10, md5((n % 7)::text)::uuid, \
    to_timestamp(n), CASE WHEN n % 100 < 90 THEN to_timestamp(n) END, 1, '{}', 0, \
    CASE WHEN n % 100 >= 90 THEN 'key ' || n END, CASE WHEN n % 3 = 0 THEN 'key ' || n END, '', '[]' \
    FROM generate_series(1, 20000) AS n";

/// Many more than are usual, so that the planner does not read them all.
const SCHEDULES: &str = "INSERT INTO schedules (id, name, kind, max_attempts, once_at, queue, args, priority, misfire, \
    overlap, next_fire_at, created_at, updated_at, version) \
    SELECT md5(n::text)::uuid, 'name ' || n, 'kind ' || n % 10, 10, to_timestamp(n), 'default', '{}', 2, 'skip', \
    'allow', CASE WHEN n % 10 = 0 THEN to_timestamp(n) END, to_timestamp(n), to_timestamp(n), 1 \
    FROM generate_series(1, 20000) AS n";

#[tokio::test]
async fn jobs_are_read_along_their_indexes_on_sqlite() {
    let (_folder, connection) = sqlite().await;
    let found = PLANS.map(|(verb, indexes)| faults(verb, indexes, &sqlite_plan(&connection, statement(verb))));
    assert!(found.concat().is_empty(), "{found:#?}");
}

#[tokio::test]
async fn jobs_are_read_along_their_indexes_on_postgresql() {
    let Some(mut postgres) = Postgres::start("plans").await else { return };
    let mut found = vec![];
    for text in [JOBS, SCHEDULES, "ANALYZE jobs, schedules", "SET plan_cache_mode = force_generic_plan"] {
        postgres.connection.execute(text).await.unwrap();
    }
    for (verb, indexes) in PLANS {
        let statement = statement(verb);
        let values = vec!["NULL"; statement.params.len()];
        found.extend(faults(verb, indexes, &postgres_plan(&mut postgres.connection, statement, &values).await));
    }
    postgres.remove().await;
    assert!(found.is_empty(), "{found:#?}");
}
