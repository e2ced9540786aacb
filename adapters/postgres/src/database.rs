//! The database, on a pool of connections.

use crate::{
    fault::{Fault, Link, Meaning},
    options::{PostgresOptions, Server},
    pool::{Lease, Pool, PoolStats},
    schema::PostgresSchema,
    transaction::{self, PostgresTransaction},
    values,
    wire::{answered, fetch, simple},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Key, StoreError, TxMode},
    operations::{Defect, StoreUse},
};
use skep_sql::{Declared, Engine, Row, SqlDatabase, SqlSchema, SqlTransaction, Statement, Value};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

const CHECK_TIMEOUT: Duration = Duration::from_millis(1900);

/// A PostgreSQL database with its connections.
pub struct PostgresDatabase {
    pool: Pool,
    server: Server,
    acquire_timeout: Duration,
    answer_timeout: Option<Duration>,
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
    /// `Unavailable` if the address is not valid. The error gives the reason and never quotes the address.
    pub fn connect(options: &PostgresOptions) -> Result<Self, StoreError> {
        let server = options.server().map_err(Fault::into_store_error)?;
        Ok(Self {
            pool: Pool::new(options, &server),
            server,
            acquire_timeout: options.acquire_timeout,
            answer_timeout: options.answer_timeout(),
        })
    }

    /// The current usage of the connections.
    #[must_use]
    pub fn pool_stats(&self) -> PoolStats {
        self.pool.stats()
    }

    fn acquire_deadline(&self) -> Instant {
        Instant::now() + self.acquire_timeout
    }

    async fn open(&self, mode: TxMode) -> Result<Lease, Fault> {
        let deadline = self.acquire_deadline();
        let mut lease = self.pool.acquire(mode, deadline).await?;
        loop {
            lease.enter_transaction();
            let begun = match timeout_at(deadline, simple(lease.raw(), transaction::begin(mode))).await {
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
        let schema = PostgresSchema::lock(&self.server, self.acquire_deadline()).await;
        Ok(Box::new(schema.map_err(Fault::into_store_error)?))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.pool.check(Instant::now() + CHECK_TIMEOUT).await.map_err(Fault::into_store_error)
    }

    async fn inspect(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        self.defects(usage, tables).await
    }
}
