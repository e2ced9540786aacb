//! One instance of Skep: the adapters that are configured, the keys, and the use cases on top.

use crate::{
    config::Config,
    data_dir::{DataDir, DataDirError, ServerLock},
    stores::{self, OpenStore},
};
use skep_application::{
    App, Ports,
    identity::HashError,
    kernel::{BoxError, Runtime},
    operations::MigrationError,
};
use skep_crypto::{Argon2Cost, Argon2Hasher, HashPool, KeyRing, KeyRingError, Sha256Secrets, TokenSetupError};
use skep_local::{OsRandom, SystemClock, TokioSleeper, UuidV7};
use std::sync::Arc;

/// Whom access tokens are for.
const AUDIENCE: &str = "skep";

/// Why an instance does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The store.
    #[error("the {name} store cannot be used")]
    Store {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The rate limits.
    #[error("the rate limits cannot be used")]
    Limits(#[source] BoxError),
    /// The schema.
    #[error("the store could not be migrated")]
    Migration(#[from] MigrationError),
    /// The keys.
    #[error("the keys of this deployment cannot be used")]
    Keys(#[from] KeyRingError),
    /// The tokens.
    #[error("access tokens cannot be signed")]
    Tokens(#[from] TokenSetupError),
    /// The hasher.
    #[error("passwords cannot be hashed")]
    Hasher(#[from] HashError),
}

/// What the adapters have in common, before there is a schema.
pub(crate) struct Foundation {
    pub(crate) store: OpenStore,
    pub(crate) data: DataDir,
    pub(crate) runtime: Runtime,
}

/// One instance of Skep.
pub struct Instance {
    /// The use cases.
    pub app: Arc<App>,
    pub(crate) cursor_key: [u8; 32],
    store: OpenStore,
    _lock: Option<ServerLock>,
}

impl Foundation {
    /// Opens the data folder and the store; touches no schema.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock::new());
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(UuidV7::new(clock.clone())),
            random: Arc::new(OsRandom),
            sleeper: Arc::new(TokioSleeper),
        };
        let data = DataDir::open(&config.data_dir)?;
        let name = match &config.store {
            crate::config::StoreChoice::Sqlite => "sqlite",
            crate::config::StoreChoice::Postgres(_) => "postgres",
            crate::config::StoreChoice::Mongodb(_) => "mongodb",
        };
        let store = OpenStore::open(config, &data, clock).await;
        let store = store.map_err(|source| StartError::Store { name, source })?;
        Ok(Self { store, data, runtime })
    }
}

impl Instance {
    /// Starts an instance: migrates the store, loads or makes the keys, builds the use cases. `issuer` is the base address
    /// that access tokens name. With `alone`, no second server may use the same data folder.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config, issuer: &str, alone: bool) -> Result<Self, StartError> {
        let Foundation { store, data, runtime } = Foundation::open(config).await?;
        let lock = if alone { Some(data.lock()?) } else { None };
        let applied = store.store.up().await?;
        for migration in applied {
            tracing::info!(number = migration.number, name = migration.name, "migration applied");
        }
        let secret = data.secret(config.secret_file.as_deref(), &OsRandom)?;
        let keys = KeyRing::load_or_create(&*store.store, &secret, &runtime).await?;
        let hasher = Argon2Hasher::new(Argon2Cost::default(), HashPool::for_cores())?;
        let ports = Ports {
            store: store.store.clone(),
            runtime: runtime.clone(),
            hasher: Arc::new(hasher),
            tokens: Arc::new(keys.tokens(issuer, AUDIENCE)?),
            fingerprints: Arc::new(keys.fingerprints()),
            secrets: Arc::new(Sha256Secrets::new(runtime.random.clone())),
            limits: stores::limits(config, runtime.clock.clone()).map_err(StartError::Limits)?,
        };
        let app = Arc::new(App::new(ports, config.policies.clone()));
        Ok(Self { app, cursor_key: keys.cursor_key(), store, _lock: lock })
    }

    /// The name of the store in use.
    #[must_use]
    pub const fn store_name(&self) -> &'static str {
        self.store.name
    }

    /// Ends what is under way and leaves the store tidy.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
