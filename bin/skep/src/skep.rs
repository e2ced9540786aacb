//! One instance of Skep: the adapters that are configured, the keys, and the use cases on top.
//!
//! ```no_run
//! # async fn example() -> Result<(), skep::StartError> {
//! let skep = skep::Skep::builder().config(skep::config::Config::default()).start().await?;
//! let place_order = &skep.app.ordering.place_order; // and every other use case
//! # let _ = place_order;
//! skep.close().await;
//! # Ok(()) }
//! ```

use crate::{
    config::Config,
    data_dir::{DataDir, DataDirError, ServerLock},
    stores::{self, OpenStore},
    telemetry::number,
};
use skep_application::{
    App, Ports, Store,
    kernel::{BoxError, Runtime},
    operations::MigrationError,
};
use skep_crypto::{Argon2Cost, Argon2Hasher, HashPool, KeyRing, KeyRingError, Sha256Secrets, TokenSetupError};
use skep_http::{Api, ApiConfig, Service, api::RequestLimits};
use skep_local::system_runtime;
use std::sync::Arc;

/// Whom access tokens name as their issuer if the server has no public address: not its own, which may be another one at
/// the next start or on the next instance.
pub const ISSUER: &str = "skep";
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
        /// Its name, as `SKEP_STORE` has it.
        name: &'static str,
        /// What the adapter says.
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
}

/// What the adapters have in common, before there is a schema.
pub(crate) struct Foundation {
    pub(crate) store: OpenStore,
    pub(crate) data: DataDir,
    pub(crate) runtime: Runtime,
}

impl Foundation {
    /// Opens the data folder and the store; touches no schema.
    ///
    /// # Errors
    /// [`StartError`].
    pub(crate) async fn open(config: &Config) -> Result<Self, StartError> {
        Self::with(config, system_runtime(), None).await
    }

    async fn with(config: &Config, runtime: Runtime, store: Option<Arc<dyn Store>>) -> Result<Self, StartError> {
        let data = DataDir::open(&config.data_dir)?;
        let store = match store {
            Some(store) => OpenStore::given(store),
            None => {
                let opened = OpenStore::open(config, &data, runtime.clock.clone()).await;
                opened.map_err(|source| StartError::Store { name: config.store.name(), source })?
            }
        };
        Ok(Self { store, data, runtime })
    }
}

/// One instance of Skep.
pub struct Skep {
    /// The use cases.
    pub app: Arc<App>,
    pub(crate) cursor_key: [u8; 32],
    pub(crate) store: OpenStore,
    hashers: HashPool,
    _lock: Option<ServerLock>,
}

/// What is read, not counted: how busy the pools are.
#[derive(Clone)]
pub struct Gauges {
    store: OpenStore,
    hashers: HashPool,
}

impl Gauges {
    /// Tells the recorder of metrics; to be called before its metrics are rendered.
    pub fn record(&self) {
        self.store.record();
        let stats = self.hashers.stats();
        metrics::gauge!("skep_password_hash_running").set(number(stats.running));
        metrics::gauge!("skep_password_hash_waiting").set(number(stats.waiting));
        metrics::gauge!("skep_password_hash_workers").set(number(stats.workers));
        metrics::counter!("skep_password_hash_rejected_total").absolute(stats.rejected);
    }
}

/// Says what an instance is made of. Nothing has to be said: the default is the configuration of an empty environment.
#[derive(Default)]
pub struct Builder {
    config: Config,
    issuer: Option<String>,
    runtime: Option<Runtime>,
    store: Option<Arc<dyn Store>>,
    exclusive: bool,
}

impl Builder {
    /// The configuration; that of an empty environment if none is given.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Whom access tokens name as their issuer; `PUBLIC_URL` if nothing is said, or else [`ISSUER`].
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Other clocks, identifiers or randomness than the real ones: a test lets time stand still.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A store of your own instead of the one that is configured.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Refuses to start while another exclusive instance uses the same data folder.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Starts: migrates the store, loads or makes the keys, builds the use cases.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self) -> Result<Skep, StartError> {
        let Self { config, issuer, runtime, store, exclusive } = self;
        let runtime = runtime.unwrap_or_else(system_runtime);
        let Foundation { store, data, runtime } = Foundation::with(&config, runtime, store).await?;
        let lock = if exclusive { Some(data.lock()?) } else { None };
        store.store.up().await?;
        let secret = data.secret(config.secret_file.as_deref(), &*runtime.random)?;
        let keys = KeyRing::load_or_create(&*store.store, &secret, &runtime).await?;
        let hashers = HashPool::for_cores();
        let hasher = Argon2Hasher::new(Argon2Cost::default(), hashers.clone());
        let issuer = issuer.or_else(|| config.public_url.clone()).unwrap_or_else(|| ISSUER.to_owned());
        let ports = Ports {
            store: store.store.clone(),
            runtime: runtime.clone(),
            hasher: Arc::new(hasher),
            tokens: Arc::new(keys.tokens(issuer, AUDIENCE)?),
            fingerprints: Arc::new(keys.fingerprints()),
            secrets: Arc::new(Sha256Secrets::new(runtime.random.clone())),
            limits: stores::limits(&config, runtime.clock.clone()).map_err(StartError::Limits)?,
        };
        let app = Arc::new(App::new(ports, config.policies));
        Ok(Skep { app, cursor_key: keys.cursor_key(), store, hashers, _lock: lock })
    }
}

impl Skep {
    /// Starts to build an instance.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The HTTP API over these use cases, ready to be mounted behind the edge or in a program's own poem server.
    #[must_use]
    pub fn api(&self, limits: RequestLimits) -> Service {
        let config = ApiConfig { cursor_key: self.cursor_key, limits, docs: true, metrics: None, metrics_token: None };
        Api::build(self.app.clone(), config)
    }

    /// The metrics that have to be read before they are rendered. Everything else counts by itself, into the recorder
    /// that was installed before the start.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges { store: self.store.clone(), hashers: self.hashers.clone() }
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
