//! Many jobs that no worker may claim, stored without use cases, which would take far longer.

use crate::bench::Fault;
use mongodb::bson::{self, DateTime, Document, doc};
use rusqlite::Connection;
use skep::config::{Config, StoreChoice};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// The documents of one command.
const AT_ONCE: u32 = 10_000;
/// The columns of a job without NULL, and their values. `{…}` differ by engine and state.
const COLUMNS: &str = "id, kind, queue, priority, state, ready_at, attempt, max_attempts, created_at, finished_at, \
    version, args, lost, request_id, failures";
const VALUES: &str = "{id}, 'bench.later', 'default', 2, '{state}', {time}, {attempt}, 10, {now}, {finished}, 1, '{}', 0, \
    'bench', '[]'";

/// Stores jobs that wait for tomorrow, and jobs that have failed.
pub(super) async fn fill(scheduled: u32, discarded: u32) -> Result<(), Fault> {
    let config = Config::load()?;
    match &config.store {
        StoreChoice::Sqlite => {
            let database = Connection::open(config.data_dir.join("skep.db"))?;
            let now = "(unixepoch() * 1000)";
            let rows = |jobs, state| {
                let number =
                    format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {jobs})");
                let id = |first: &str| format!("unhex(printf('{first}%031x', n))");
                let later = format!("{now} + 86400000 + n");
                format!("{};", insert(&number, "n", state, now, &later, id))
            };
            for (jobs, state) in [(scheduled, State::Scheduled), (discarded, State::Discarded)] {
                if jobs > 0 {
                    database.execute_batch(&rows(jobs, state))?;
                }
            }
            // Otherwise, the next commits would write the rows into the file.
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        StoreChoice::Postgres(address) => {
            let mut connection = PgConnection::connect(&address.0).await?;
            for (jobs, state) in [(scheduled, State::Scheduled), (discarded, State::Discarded)] {
                let from = format!("generate_series(1, {jobs}) AS n");
                let id = |first: &str| format!("('{first}' || lpad(to_hex(n), 31, '0'))::uuid");
                let later = "now() + interval '1 day' + n * interval '1 ms'";
                let text = insert("", &from, state, "now()", later, id);
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await?;
            }
            // As the server does by itself within minutes.
            sqlx::raw_sql("VACUUM ANALYZE jobs").execute(&mut connection).await?;
            connection.close().await?;
        }
        StoreChoice::Mongodb(address) => {
            let client = mongodb::Client::with_uri_str(&address.0).await?;
            let jobs = client.default_database().ok_or("no database")?.collection::<Document>("jobs");
            let template = jobs.find_one(doc! {}).await?.ok_or("there is no job to copy")?;
            for (count, state) in [(scheduled, State::Scheduled), (discarded, State::Discarded)] {
                for first in (0..count).step_by(AT_ONCE as usize) {
                    let numbers = first..(first + AT_ONCE).min(count);
                    jobs.insert_many(numbers.map(|number| copy(&template, state, number))).ordered(false).await?;
                }
            }
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Scheduled,
    Discarded,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Discarded => "discarded",
        }
    }

    /// The first digit of the ids, so that those of the states differ.
    const fn digit(self) -> &'static str {
        match self {
            Self::Scheduled => "1",
            Self::Discarded => "2",
        }
    }
}

/// The statement that stores rows, one for each row of `from`.
fn insert(with: &str, from: &str, state: State, now: &str, later: &str, id: impl Fn(&str) -> String) -> String {
    let is_dead = state == State::Discarded;
    let (time, finished) = if is_dead { (now, now) } else { (later, "NULL") };
    let values = VALUES
        .replace("{id}", &id(state.digit()))
        .replace("{state}", state.name())
        .replace("{time}", time)
        .replace("{attempt}", if is_dead { "10" } else { "0" })
        .replace("{now}", now)
        .replace("{finished}", finished);
    format!("{with} INSERT INTO jobs ({COLUMNS}) SELECT {values} FROM {from}")
}

fn copy(template: &Document, state: State, number: u32) -> Document {
    let (mut copy, now) = (template.clone(), DateTime::now());
    let first = state.digit().bytes().next().map_or(0, u128::from) << 120;
    let id = bson::Uuid::from_bytes((first | u128::from(number)).to_be_bytes());
    copy.extend(doc! { "_id": id, "kind": "bench.later", "state": state.name(), "created_at": now });
    if state == State::Discarded {
        copy.extend(doc! { "attempt": 10_i64, "ready_at": now, "finished_at": now });
    } else {
        let later = now.timestamp_millis() + 86_400_000 + i64::from(number);
        let none = bson::Bson::Null;
        copy.extend(doc! { "attempt": 0_i64, "ready_at": DateTime::from_millis(later), "finished_at": none });
    }
    copy
}
