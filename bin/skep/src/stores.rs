//! Which adapter serves which configuration.

use crate::{
    config::{Config, StoreChoice},
    data_dir::DataDir,
};
use skep_application::{
    kernel::{BoxError, Clock},
    operations::{RateLimits, Store},
};
use skep_local::{FallbackLimits, LocalLimits};
use skep_mongodb::{MongoOptions, MongoStore};
use skep_postgres::{PostgresDatabase, PostgresOptions};
use skep_redis::RedisLimits;
use skep_sql::SqlStore;
use skep_sqlite::{SqliteDatabase, SqliteOptions, Synchronous};
use std::sync::Arc;

/// A store, and what has to be closed before the process ends.
#[derive(Clone)]
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) name: &'static str,
    closing: Closing,
}

/// What has to be done before the process ends.
#[derive(Clone)]
enum Closing {
    /// Nothing.
    Nothing,
    /// End the last group and empty the write-ahead log.
    Sqlite(Arc<SqliteDatabase>),
    /// End the driver's background work.
    Mongodb(Arc<MongoStore>),
}

impl OpenStore {
    /// A store that somebody else has opened and will close.
    pub(crate) fn given(store: Arc<dyn Store>) -> Self {
        Self { store, name: "own", closing: Closing::Nothing }
    }

    /// Opens the store that is configured.
    pub(crate) async fn open(config: &Config, data: &DataDir, clock: Arc<dyn Clock>) -> Result<Self, BoxError> {
        match &config.store {
            StoreChoice::Sqlite => {
                let mut options = SqliteOptions::new(data.database());
                options.synchronous = if config.sqlite_full_sync { Synchronous::Full } else { Synchronous::Normal };
                let database = Arc::new(SqliteDatabase::open(options)?);
                let store = Arc::new(SqlStore::new(database.clone(), clock));
                Ok(Self { store, name: "sqlite", closing: Closing::Sqlite(database) })
            }
            StoreChoice::Postgres(url) => {
                let mut options = PostgresOptions::new(url.0.as_str());
                options.max_connections = config.store_connections;
                let database = Arc::new(PostgresDatabase::connect(&options)?);
                Ok(Self {
                    store: Arc::new(SqlStore::new(database, clock)),
                    name: "postgres",
                    closing: Closing::Nothing,
                })
            }
            StoreChoice::Mongodb(uri) => {
                let mut options = MongoOptions::new(uri.0.as_str());
                options.max_pool_size = config.store_connections;
                let store = Arc::new(MongoStore::connect(options, clock).await?);
                Ok(Self { store: store.clone(), name: "mongodb", closing: Closing::Mongodb(store) })
            }
        }
    }

    /// Ends what is under way and leaves a tidy file behind.
    pub(crate) async fn close(&self) {
        match &self.closing {
            Closing::Nothing => {}
            Closing::Sqlite(database) => database.close().await,
            Closing::Mongodb(store) => store.close().await,
        }
    }
}

/// Rate limits of this process, or shared with the others through Redis; those of the process while Redis is away.
pub(crate) fn limits(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn RateLimits>, BoxError> {
    let local: Arc<dyn RateLimits> = Arc::new(LocalLimits::new(clock.clone()));
    let Some(url) = &config.redis_url else { return Ok(local) };
    let shared = RedisLimits::connect(&url.0, "skep:limits:")?;
    Ok(Arc::new(FallbackLimits::new(Arc::new(shared), local, clock)))
}
