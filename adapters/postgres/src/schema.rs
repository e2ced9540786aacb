//! The schema, locked for a migration.

use crate::{
    fault::{Fault, Link, Meaning},
    options::Limits,
    server::Server,
    values,
    wire::{answered, execute, fetch, one_row, simple},
};
use async_trait::async_trait;
use skep_application::kernel::StoreError;
use skep_sql::{Declared, Row, SqlConnection, SqlSchema, Statement, Value};
use sqlx::{AssertSqlSafe, Executor, PgConnection, postgres::PgArguments};
use std::time::Duration;
use tokio::time::Instant;

/// The key of the lock within the database: "skep" in ASCII, and 1 for the schema.
const LOCK: i64 = 0x736b_6570_0000_0001;
const LOCK_LIMIT: Duration = Duration::from_secs(60);
/// A little longer than the server waits for the lock, because the server's error is clearer.
const LOCK_ANSWER: Duration = Duration::from_secs(65);
const ANSWER: Option<Duration> = Some(Duration::from_secs(10));

/// The lock belongs to a separate connection. Any end of the connection frees it: a drop, a kill or the process's exit.
///
/// The connection is stored here only between calls. A call puts it back if it still works. A call that is canceled
/// closes it.
pub(crate) struct PostgresSchema {
    connection: Option<PgConnection>,
}

impl PostgresSchema {
    pub(crate) async fn lock(server: &Server, deadline: Instant) -> Result<Self, Fault> {
        let mut raw = server.open_for_schema(Limits::for_schema(LOCK_LIMIT), deadline).await?;
        let lock = raw.execute(sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK));
        answered("schema.lock", Some(LOCK_ANSWER), lock).await.map_err(|fault| match fault.meaning {
            Meaning::Retry if fault.link == Link::Works => {
                let text = "another instance has locked the schema for a minute";
                Fault::new("schema.lock", text, Meaning::Unavailable)
            }
            _ => fault,
        })?;
        // From here on, this limit is for locks on the tables that a migration changes. Other statements wait behind
        // it.
        answered("schema.lock", ANSWER, simple(&mut raw, "SET lock_timeout = '15s'")).await?;
        Ok(Self { connection: Some(raw) })
    }

    /// The first row of a query outside of a migration.
    pub(crate) async fn ask(&mut self, text: &'static str) -> Result<Vec<Option<String>>, Fault> {
        let Some(mut raw) = self.connection.take() else { return Ok(vec![]) };
        let row = answered("schema.lock", ANSWER, one_row(&mut raw, text)).await?;
        self.connection = Some(raw);
        Ok(row)
    }

    fn take(&mut self) -> Result<PgConnection, StoreError> {
        self.connection.take().ok_or_else(|| StoreError::Unavailable("the lock on the schema was lost".into()))
    }

    /// Puts the connection back if it still works. After an error in a step it accepts only a rollback.
    fn bring_back<T>(&mut self, raw: PgConnection, done: Result<T, Fault>) -> Result<T, StoreError> {
        if done.as_ref().map_or_else(|fault| fault.link, |_| Link::Works) == Link::Works {
            self.connection = Some(raw);
        }
        done.map_err(Fault::into_store_error)
    }

    async fn simple(&mut self, place: &'static str, text: &'static str) -> Result<(), StoreError> {
        let mut raw = self.take()?;
        let done = answered(place, ANSWER, simple(&mut raw, text)).await;
        self.bring_back(raw, done)
    }

    async fn change(&mut self, statement: &'static Statement, arguments: PgArguments) -> Result<u64, StoreError> {
        let mut raw = self.take()?;
        let done = answered(statement.name, None, execute(&mut raw, statement, arguments)).await;
        self.bring_back(raw, done)
    }
}

/// Statements of a migration have no time limit.
#[async_trait]
impl SqlConnection for PostgresSchema {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.change(statement, values::bind(statement, args)?).await
    }

    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        let empty = rows.is_empty();
        let arguments = values::bind_rows(statement, rows)?;
        if empty { Ok(0) } else { self.change(statement, arguments).await }
    }

    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let arguments = values::bind(statement, args)?;
        let mut raw = self.take()?;
        let found = answered(statement.name, None, fetch(&mut raw, statement, arguments)).await;
        let rows = self.bring_back(raw, found)?;
        values::rows(statement, &rows)
    }
}

#[async_trait]
impl SqlSchema for PostgresSchema {
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.simple("schema.begin", "BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    async fn script(&mut self, script: &str) -> Result<(), StoreError> {
        let mut raw = self.take()?;
        // The scripts are embedded in the program.
        let script = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut raw);
        let done = answered("migration", None, script).await;
        self.bring_back(raw, done).map(drop)
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let mut raw = self.take()?;
        // If the connection is lost, the transaction is rolled back and the lock is free.
        let committed = answered("schema.commit", None, simple(&mut raw, "COMMIT")).await;
        committed.map_err(|fault| fault.of_commit(&Declared::default()))?;
        self.connection = Some(raw);
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        self.simple("schema.rollback", "ROLLBACK").await
    }
}
