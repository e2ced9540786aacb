//! Chooses the adapters by the configuration.

use crate::{
    config::{Config, StoreChoice},
    data_dir::DataDir,
    telemetry::Pool,
};
use skep_application::{
    Store,
    kernel::{BoxError, Clock, StoreError},
    operations::{Defect, StoreUse},
};
use skep_mongodb::{MongoOptions, MongoStore};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_sql::SqlStore;
use skep_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use std::{sync::Arc, time::Duration};

/// A store, with the adapter that has to be closed before the process ends.
#[derive(Clone)]
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) name: &'static str,
    pub(crate) adapter: Adapter,
}

/// The adapter behind the store. `Given` was opened by the program that embeds us.
#[derive(Clone)]
pub(crate) enum Adapter {
    Given,
    Sqlite(Arc<SqliteDatabase>),
    Postgres(Arc<PostgresDatabase>),
    Mongodb(Arc<MongoStore>),
}

impl OpenStore {
    /// A store that the caller has opened and will close.
    pub(crate) fn given(store: Arc<dyn Store>) -> Self {
        Self { store, name: "own", adapter: Adapter::Given }
    }

    /// Opens the configured store.
    pub(crate) async fn open(config: &Config, data: &DataDir, clock: Arc<dyn Clock>) -> Result<Self, BoxError> {
        match &config.store {
            StoreChoice::Sqlite => {
                let mut options = SqliteOptions::new(data.database());
                options.synchronous = if config.sqlite_full_sync { Synchronous::Full } else { Synchronous::Normal };
                let database = Arc::new(SqliteDatabase::open(options)?);
                let store = Arc::new(SqlStore::new(database.clone(), clock));
                Ok(Self { store, name: "sqlite", adapter: Adapter::Sqlite(database) })
            }
            StoreChoice::Postgres(url) => {
                let mut options = PostgresOptions::new(url.0.as_str());
                options.direct_url = config.database_direct_url.as_ref().map(|url| url.0.clone());
                options.max_connections = config.store_connections;
                let database = Arc::new(PostgresDatabase::connect(&options)?);
                Ok(Self {
                    store: Arc::new(SqlStore::new(database.clone(), clock)),
                    name: "postgres",
                    adapter: Adapter::Postgres(database),
                })
            }
            StoreChoice::Mongodb(uri) => {
                let mut options = MongoOptions::new(uri.0.as_str());
                options.max_pool_size = config.store_connections;
                let store = Arc::new(MongoStore::connect(options, clock).await?);
                Ok(Self { store: store.clone(), name: "mongodb", adapter: Adapter::Mongodb(store) })
            }
        }
    }

    /// Whether the error of a check means that the server refuses us, so that waiting does not help.
    pub(crate) fn is_refusal(&self, error: &StoreError) -> bool {
        match &self.adapter {
            Adapter::Given | Adapter::Sqlite(_) => true,
            Adapter::Postgres(_) => skep_postgres::is_refusal(error),
            Adapter::Mongodb(_) => skep_mongodb::is_refusal(error),
        }
    }

    /// Looks for reasons why the store cannot be used although it answers.
    pub(crate) async fn inspect(&self) -> Result<Vec<Defect>, StoreError> {
        let is_complete = match self.store.status().await {
            Ok(steps) => steps.iter().all(|step| step.applied_at.is_some()),
            // The reason may be a defect, and otherwise the caller finds out with its next step.
            Err(_) => true,
        };
        self.store.inspect(if is_complete { StoreUse::Serve } else { StoreUse::Migrate }).await
    }

    /// What may hold up a transaction of ours, and for how long at most.
    pub(crate) const fn holds_up(&self) -> (&'static str, Duration) {
        const MOMENT: Duration = Duration::from_secs(30);
        match &self.adapter {
            Adapter::Mongodb(_) => (
                "another instance has one open, or a process that was killed has left its transaction open, which MongoDB \
                 ends by itself",
                skep_mongodb::ABANDONED,
            ),
            Adapter::Postgres(_) => {
                ("another instance has one open, or PostgreSQL has not ended that of a killed process yet", MOMENT)
            }
            Adapter::Sqlite(_) | Adapter::Given => ("another process writes to the store", MOMENT),
        }
    }

    /// Passes the use of its connections to the recorder of metrics.
    pub(crate) fn record(&self) {
        match &self.adapter {
            Adapter::Given => {}
            Adapter::Sqlite(database) => {
                for (name, stats) in [("reader", database.reader_stats()), ("writer", database.writer_stats())] {
                    let skep_sqlite::PoolStats { used, idle, max, pending, timeouts } = stats;
                    Pool { name, used, idle, max, waiting: Some((pending, timeouts)) }.record();
                }
                metrics::counter!("skep_sqlite_units_expired_total").absolute(database.stats().expired);
            }
            Adapter::Postgres(database) => {
                let skep_postgres::PoolStats { size, idle, max, pending, timeouts } = database.pool_stats();
                let used = size.saturating_sub(idle);
                Pool { name: "postgresql", used, idle, max, waiting: Some((pending, timeouts)) }.record();
            }
            Adapter::Mongodb(store) => {
                let skep_mongodb::PoolStats { used, idle, max } = store.pool_stats();
                Pool { name: "mongodb", used, idle, max, waiting: None }.record();
            }
        }
    }

    /// Ends the work of the store and closes it.
    pub(crate) async fn close(&self) {
        match &self.adapter {
            Adapter::Given | Adapter::Postgres(_) => {}
            // Commits the last group and empties the write-ahead log.
            Adapter::Sqlite(database) => database.close().await,
            // Ends the background work of the driver.
            Adapter::Mongodb(store) => store.close().await,
        }
    }
}
