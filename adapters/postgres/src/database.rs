//! The database, on a pool of connections.

use crate::{
    fault::{Fault, Link, Meaning},
    options::PostgresOptions,
    pool::{Lease, Pool, PoolStats},
    pooler::Pooling,
    schema::PostgresSchema,
    server::{Patience, Server},
    transaction::{self, PostgresTransaction},
    values,
    wire::{answered, fetch, one_row, simple},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Key, StoreError, TxMode, WakeUps},
    operations::{Defect, StoreUse},
};
use skep_sql::{Declared, Engine, Row, SqlDatabase, SqlSchema, SqlTransaction, Statement, Value};
use sqlx::PgConnection;
use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

const CHECK_TIMEOUT: Duration = Duration::from_millis(1900);
/// The limit for the first check, which finds out about a pooler.
const FIRST_CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// What tells databases apart: when their server was started, and their number on it.
const SAME: &str = "SELECT extract(epoch from pg_postmaster_start_time()), oid FROM pg_database \
                    WHERE datname = current_database()";

/// A PostgreSQL database with its connections.
pub struct PostgresDatabase {
    pub(crate) pool: Pool,
    pub(crate) server: Arc<Server>,
    /// The server without a pooler, if it has another address.
    pub(crate) direct: Option<Server>,
    pub(crate) acquire_timeout: Duration,
    pub(crate) answer_timeout: Option<Duration>,
    /// Tells this instance from others in its messages.
    pub(crate) number: u64,
}

/// Does not show the server's address, which contains a password.
impl std::fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresDatabase").field("pool", &self.pool.stats()).finish_non_exhaustive()
    }
}

impl PostgresDatabase {
    /// Reads the options. Opens no connection yet: [`check`](SqlDatabase::check) or the first use shows whether the
    /// server can be reached.
    ///
    /// # Errors
    /// `Unavailable` if an address is not valid. The error gives the reason and never quotes the address.
    pub fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        let server = |url: &str, has_direct| Server::new(url, options, has_direct).map_err(Fault::into_store_error);
        let direct = options.direct_url.as_deref().map(|url| server(url, false)).transpose()?;
        let server = Arc::new(server(&options.url, direct.is_some())?);
        Ok(Self {
            pool: Pool::new(options, Arc::clone(&server)),
            acquire_timeout: server.patience(options.acquire_timeout),
            server,
            direct,
            answer_timeout: options.answer_timeout(),
            number: RandomState::new().hash_one(0_u8),
        })
    }

    /// The current usage of the connections.
    #[must_use]
    pub fn pool_stats(&self) -> PoolStats {
        self.pool.stats()
    }

    /// What is known about a connection pooler in between. Nothing before the first use of the database.
    #[must_use]
    pub fn pooling(&self) -> Option<Pooling> {
        self.server.pooling()
    }

    /// Locks the schema at the direct address, after a check that it leads to the same database.
    async fn lock_schema(&self) -> Result<PostgresSchema, Fault> {
        let deadline = self.acquire_deadline();
        let Some(direct) = &self.direct else { return PostgresSchema::lock(&self.server, deadline).await };
        let mut lease = self.pool.acquire(TxMode::Read, deadline).await?;
        let here = answered("schema.lock", self.answer_timeout, one_row(lease.raw(), SAME)).await?;
        lease.release();
        let mut schema = PostgresSchema::lock(direct, deadline).await?;
        if schema.ask(SAME).await? == here {
            return Ok(schema);
        }
        let place = format!("PostgreSQL at {}", direct.address);
        Err(Fault::refusal(place, "SKEP_DATABASE_DIRECT_URL leads to another database than DATABASE_URL"))
    }

    /// Opens a connection at the direct address.
    pub(crate) async fn open_direct(&self, direct: &Server) -> Result<PgConnection, StoreError> {
        let opened = direct.open(Patience::Again, self.acquire_deadline()).await;
        opened.map(|opened| opened.raw).map_err(Fault::into_store_error)
    }

    /// Runs a reading statement without arguments on such a connection.
    pub(crate) async fn ask_direct(
        &self,
        raw: &mut PgConnection,
        statement: &'static Statement,
    ) -> Result<Vec<Row>, StoreError> {
        let work = fetch(raw, statement, values::bind(statement, vec![])?);
        let rows = answered(statement.name, self.answer_timeout, work).await.map_err(Fault::into_store_error)?;
        values::rows(statement, &rows)
    }

    pub(crate) fn acquire_deadline(&self) -> Instant {
        Instant::now() + self.acquire_timeout
    }

    async fn open(&self, mode: TxMode) -> Result<Lease, Fault> {
        let deadline = self.acquire_deadline();
        let mut lease = self.pool.acquire(mode, deadline).await?;
        loop {
            lease.enter_transaction();
            let text = transaction::begin(mode, self.server.limits_of_unit());
            let begun = match timeout_at(deadline, simple(lease.raw(), text)).await {
                Ok(begun) => begun.map_err(|error| Fault::of("begin", &error)),
                Err(_) => Err(Fault::silence("begin", self.acquire_timeout)),
            };
            match begun {
                Ok(()) => return Ok(lease),
                Err(fault) if lease.reused() && fault.meaning == Meaning::Retry => {
                    tracing::debug!(%fault, "an idle connection was dead, opening a new one");
                    lease.renew(deadline).await?;
                }
                Err(fault) => {
                    lease.end(fault.link);
                    return Err(fault);
                }
            }
        }
    }
}

#[async_trait]
impl SqlDatabase for PostgresDatabase {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    /// Ignores `contended`: PostgreSQL queues writers on the rows themselves.
    async fn begin(
        &self,
        mode: TxMode,
        _contended: &[Key],
        declared: &Arc<Declared>,
    ) -> Result<Box<dyn SqlTransaction>, StoreError> {
        let lease = self.open(mode).await.map_err(Fault::into_store_error)?;
        Ok(Box::new(PostgresTransaction::new(lease, mode, Arc::clone(declared), self.answer_timeout)))
    }

    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let arguments = values::bind(statement, args)?;
        let mut lease =
            self.pool.acquire(TxMode::Read, self.acquire_deadline()).await.map_err(Fault::into_store_error)?;
        let mut may_repeat = true;
        loop {
            let work = fetch(lease.raw(), statement, arguments.clone());
            let fault = match answered(statement.name, self.answer_timeout, work).await {
                Ok(rows) => {
                    lease.release();
                    return values::rows(statement, &rows);
                }
                Err(fault) => fault,
            };
            if !may_repeat || fault.meaning != Meaning::Retry {
                lease.end(fault.link);
                return Err(fault.into_store_error());
            }
            may_repeat = false;
            tracing::debug!(%fault, "repeating a read");
            if fault.link == Link::Outdated {
                lease.expire_others();
            }
            if fault.link != Link::Works {
                lease.renew(self.acquire_deadline()).await.map_err(Fault::into_store_error)?;
            }
        }
    }

    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError> {
        Ok(Box::new(self.lock_schema().await.map_err(Fault::into_store_error)?))
    }

    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        Some(self)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let is_first = self.server.pooling().is_none();
        let limit = if is_first { FIRST_CHECK_TIMEOUT } else { CHECK_TIMEOUT };
        self.pool.check(Instant::now() + limit).await.map_err(Fault::into_store_error)?;
        // A pooler that changes its mode later is no reason to stop an instance whose schema is complete.
        if is_first && self.direct.is_none() && self.server.pooling() == Some(Pooling::Transactions) {
            return Err(self.server.needs_direct_address().into_store_error());
        }
        Ok(())
    }

    async fn inspect(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        self.defects(usage, tables).await
    }
}
