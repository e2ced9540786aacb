//! The schema, locked.

use crate::{
    fault::{Fault, Link, Meaning},
    options::Server,
    pool::open,
    values::Time,
    wire::{answered, simple},
};
use async_trait::async_trait;
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_sql::SqlSchema;
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Executor, PgConnection, Postgres, Row, Type,
    postgres::{PgArguments, PgRow},
};
use std::time::Duration;
use tokio::time::Instant;

/// Names the lock within the database: "skep" in ASCII, and 1 for the schema.
const LOCK: i64 = 0x736b_6570_0000_0001;
/// A little longer than the server waits for the lock, for the server's own answer is clearer.
const LOCK_ANSWER: Duration = Duration::from_secs(65);
const ANSWER: Option<Duration> = Some(Duration::from_secs(10));

/// Held by a connection of its own, whose end frees the lock, however it ends: dropped, killed, or its process gone.
///
/// The connection is here only between calls: a call that fails brings it back when it has rolled back, and one whose
/// caller is cancelled closes it.
pub(crate) struct PostgresSchema {
    connection: Option<PgConnection>,
}

impl PostgresSchema {
    pub(crate) async fn lock(server: &Server, deadline: Instant) -> Result<Self, Fault> {
        let mut raw = open(&server.for_schema, &server.address, deadline).await?;
        answered("schema.lock", ANSWER, simple(&mut raw, "SET lock_timeout = '60s'")).await?;
        let lock = raw.execute(sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK));
        answered("schema.lock", Some(LOCK_ANSWER), lock).await.map_err(|fault| match fault.meaning {
            Meaning::Retry if fault.link == Link::Works => {
                let text = "another instance has held the lock of the schema for a minute";
                Fault::new("schema.lock", text, Meaning::Unavailable)
            }
            _ => fault,
        })?;
        // From here it is for the tables that a migration changes. Whoever comes after us waits behind us.
        answered("schema.lock", ANSWER, simple(&mut raw, "SET lock_timeout = '15s'")).await?;
        Ok(Self { connection: Some(raw) })
    }

    fn take(&mut self) -> Result<PgConnection, StoreError> {
        self.connection.take().ok_or_else(|| StoreError::Unavailable("the lock of the schema was lost".into()))
    }

    /// Runs a script and the change of the record in one transaction.
    async fn run(&mut self, what: String, script: &str, record: Record) -> Result<(), StoreError> {
        let mut raw = self.take()?;
        let done = async {
            answered(what.clone(), ANSWER, simple(&mut raw, "BEGIN")).await?;
            if !table_exists(&mut raw).await? {
                answered("schema.create", ANSWER, simple(&mut raw, CREATE)).await?;
            }
            // The texts are embedded in the program. They are as long as they are: no limit.
            let script = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut raw);
            answered(what.clone(), None, script).await?;
            let (text, arguments) = record;
            answered(what.clone(), ANSWER, raw.execute(sqlx::query_with(text, arguments))).await
        };
        match done.await {
            Ok(_) => {
                let committed = answered(what, None, simple(&mut raw, "COMMIT")).await;
                committed.map_err(Fault::of_commit_into_store_error)?;
                self.connection = Some(raw);
                Ok(())
            }
            Err(fault) => {
                let undone = fault.link == Link::Works
                    && answered("schema.rollback", ANSWER, simple(&mut raw, "ROLLBACK")).await.is_ok();
                self.connection = undone.then_some(raw);
                Err(fault.into_store_error())
            }
        }
    }
}

/// The statement that changes the record of migrations.
type Record = (&'static str, PgArguments);

const CREATE: &str = "CREATE TABLE schema_migrations (\
    number BIGINT NOT NULL, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL, \
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (number))";

async fn table_exists(raw: &mut PgConnection) -> Result<bool, Fault> {
    let row = raw.fetch_one("SELECT to_regclass('schema_migrations') IS NOT NULL AS found");
    let row = answered("schema.find", ANSWER, row).await?;
    row.try_get("found").map_err(|error| Fault::of("schema.find", &error))
}

async fn records(raw: &mut PgConnection) -> Result<Vec<(i64, Timestamp)>, Fault> {
    if !table_exists(raw).await? {
        return Ok(Vec::new());
    }
    let rows = raw.fetch_all(sqlx::query("SELECT number, applied_at FROM schema_migrations ORDER BY number"));
    let rows = answered("schema.applied", ANSWER, rows).await?;
    let record = |row: &PgRow| Ok((row.try_get(0)?, row.try_get::<Time, _>(1)?.0));
    rows.iter().map(record).collect::<Result<_, _>>().map_err(|error| Fault::of("schema.applied", &error))
}

fn arguments<'a, T>(bound: Result<PgArguments, StoreError>, value: T) -> Result<PgArguments, StoreError>
where
    T: Encode<'a, Postgres> + Type<Postgres>,
{
    let mut bound = bound?;
    bound.add(value).map_err(StoreError::Corrupt)?;
    Ok(bound)
}

#[async_trait]
impl SqlSchema for PostgresSchema {
    async fn applied(&mut self) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        let mut raw = self.take()?;
        let applied = records(&mut raw).await;
        if applied.as_ref().map_or_else(|fault| fault.link, |_| Link::Works) == Link::Works {
            self.connection = Some(raw);
        }
        applied.map_err(Fault::into_store_error)
    }

    async fn apply(&mut self, number: i64, name: &str, script: &str, now: Timestamp) -> Result<(), StoreError> {
        let bound = arguments(arguments(arguments(Ok(PgArguments::default()), number), name), Time(now))?;
        let text = "INSERT INTO schema_migrations (number, name, applied_at) VALUES ($1, $2, $3)";
        self.run(format!("migration {number} {name}"), script, (text, bound)).await
    }

    async fn revert(&mut self, number: i64, script: &str) -> Result<(), StoreError> {
        let bound = arguments(Ok(PgArguments::default()), number)?;
        let text = "DELETE FROM schema_migrations WHERE number = $1";
        self.run(format!("migration {number} back"), script, (text, bound)).await
    }
}
