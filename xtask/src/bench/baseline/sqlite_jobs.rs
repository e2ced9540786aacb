//! The limit of SQLite alone for jobs: the statements of the workers in a plain loop, on one thread.

use super::{super::Fault, Looped, sqlite::open};
use rusqlite::{Transaction, TransactionBehavior, params, types::Null};
use std::{path::Path, time::Duration};

/// The jobs of a COMMIT, as many as the workers of the benchmark run at a time.
const BATCH: u64 = 64;

const COLUMNS: &str = "id, kind, queue, priority, state, ready_at, attempt, max_attempts, owner_id, cancel_requested_at, \
     created_at, started_at, finished_at, version, args, lost, lease_token, lease_beat, unique_key, unique_states, \
     held_key, ordering_key, request_id, traceparent, progress, output, failures";
const INSERT: &str = "INSERT INTO jobs (id, kind, queue, priority, state, ready_at, attempt, max_attempts, created_at, \
     version, args, lost, request_id, failures) VALUES (?1, 'bench.step', 'default', 2, 'available', ?2, 0, 10, ?2, 1, ?3, \
     0, 'bench.step', '[]') ON CONFLICT (held_key) WHERE held_key IS NOT NULL DO NOTHING";
const QUEUE: &str = "SELECT id, name, paused_at, updated_at, version FROM queues WHERE name = 'default'";
const AVAILABLE: &str = "WHERE state = 'available' AND queue = 'default' AND (ordering_key IS NULL OR NOT \
     EXISTS (SELECT 1 FROM jobs AS earlier WHERE earlier.state = 'available' AND earlier.ordering_key IS NOT NULL \
     AND earlier.ordering_key = job.ordering_key AND earlier.queue = job.queue \
     AND (earlier.priority, earlier.ready_at, earlier.id) < (job.priority, job.ready_at, job.id)) \
     AND NOT EXISTS (SELECT 1 FROM jobs AS running WHERE running.state = 'running' \
     AND running.ordering_key IS NOT NULL AND running.ordering_key = job.ordering_key)) \
     ORDER BY priority, ready_at, id LIMIT ?1";
const SAVE: &str = "UPDATE jobs SET priority = 2, state = ?2, ready_at = ?3, attempt = 1, max_attempts = 10, \
     cancel_requested_at = NULL, started_at = ?4, finished_at = ?5, lost = 0, lease_token = ?6, lease_beat = ?7, \
     unique_key = NULL, unique_states = NULL, held_key = NULL, ordering_key = NULL, progress = NULL, output = NULL, \
     failures = '[]', version = version + 1 WHERE id = ?1 AND version = ?8";
const EFFECT: &str = "INSERT INTO idempotency_keys (principal, use_case, key, fingerprint, answer, created_at, expires_at) \
     VALUES (?1, 'bench.step', ?2, ?3, NULL, ?4, ?5) ON CONFLICT (principal, use_case, key) DO UPDATE \
     SET fingerprint = excluded.fingerprint, answer = NULL, created_at = excluded.created_at, \
     expires_at = excluded.expires_at WHERE idempotency_keys.expires_at <= excluded.created_at";

/// Stores jobs, claims them and completes them in a loop. Each of the three steps of 64 jobs has a COMMIT.
pub(super) fn jobs(database: &Path, one_by_one: bool, time: Duration) -> Result<Looped, Fault> {
    let mut db = open(database)?;
    let mut next = 0_u64;
    super::count(time, || {
        let now = i64::try_from(1_790_000_000_000 + next)?;
        let unit = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..BATCH {
            next += 1;
            unit.prepare_cached(INSERT)?.execute(params![id(next), now, next.to_string()])?;
        }
        unit.commit()?;
        let unit = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut claimed = vec![];
        let (claims, limit) = if one_by_one { (BATCH, 1) } else { (1, BATCH) };
        for _ in 0..claims {
            claimed.extend(claim(&unit, limit, now)?);
        }
        unit.commit()?;
        let unit = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in &claimed {
            if one_by_one {
                let key = uuid::Uuid::from_bytes(*id).to_string();
                unit.prepare_cached(EFFECT)?.execute(params![id, key, [0_u8; 32], now, now + 86_400_000])?;
            }
            let version = one(&unit, &format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"), id)?;
            let values = params![id, "completed", now, now, now, Null, Null, version];
            unit.prepare_cached(SAVE)?.execute(values)?;
        }
        unit.commit()?;
        if claimed.len() as u64 == BATCH { Ok(BATCH) } else { Err("a job is missing".into()) }
    })
}

/// An id that grows, as those of the server do.
fn id(number: u64) -> [u8; 16] {
    (u128::from(number) << 64 | u128::from(rand::random::<u64>())).to_be_bytes()
}

/// Claims the first jobs, and returns their ids.
fn claim(db: &Transaction<'_>, limit: u64, now: i64) -> Result<Vec<[u8; 16]>, Fault> {
    let paused: Option<i64> = {
        let mut queue = db.prepare_cached(QUEUE)?;
        let mut rows = queue.query([])?;
        rows.next()?.map(|row| row.get(2)).transpose()?.flatten()
    };
    let mut found = vec![];
    if paused.is_none() {
        let mut available = db.prepare_cached(&format!("SELECT {COLUMNS} FROM jobs AS job {AVAILABLE}"))?;
        let mut rows = available.query([i64::try_from(limit)?])?;
        while let Some(row) = rows.next()? {
            let texts: [String; 4] = [row.get(1)?, row.get(2)?, row.get(14)?, row.get(26)?];
            std::hint::black_box(texts);
            found.push((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(13)?));
        }
    }
    let token = [7_u8; 16];
    for (id, version) in &found {
        let values = params![id, "running", now, now, Null, token, 0_i64, version];
        db.prepare_cached(SAVE)?.execute(values)?;
    }
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Reads a job, and returns its version.
fn one(db: &Transaction<'_>, text: &str, id: &[u8; 16]) -> Result<i64, Fault> {
    let mut statement = db.prepare_cached(text)?;
    Ok(statement.query_row([id], |row| row.get(13))?)
}
