//! One instance of Skep: the configured adapters, the keys, and the use cases.
//!
//! ```no_run
//! # async fn example() -> Result<(), skep::StartError> {
//! let skep = skep::Skep::builder().config(skep::config::Config::default()).start().await?;
//! let _place_order = &skep.app.ordering.place_order; // and every other use case
//! skep.close().await;
//! # Ok(()) }
//! ```

use crate::{
    config::Config,
    data_dir::{DataDir, NamedSecrets, ServerLock},
    files::{Contents, content_types, contents, scanner},
    foundation::Foundation,
    gauges::{Gauges, Pools},
    keys::{self, Keys},
    later::{AddHandlers, AddSubscribers, Later},
    mail::post,
    shared,
    start_error::StartError,
    stores::OpenStore,
    waiting::refuse_defects,
};
use skep_application::{
    App, Ports, Store, events::Subscribers, identity::IdentityHooks, jobs::Handlers, kernel::Runtime,
};
use skep_crypto::{Argon2Hasher, Sha256Secrets};
use skep_http::{Api, ApiConfig, Service, api::RequestLimits, edge::RequestHasher};
use skep_local::system_runtime;
use skep_templates::MinijinjaRenderer;
use skep_workers::{WorkerOptions, send_wake_ups};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The issuer of access tokens if `PUBLIC_URL` is not set. It is the same after every start and on every instance,
/// unlike the address that the server listens on.
pub const ISSUER: &str = "skep";
/// The audience of access tokens.
const AUDIENCE: &str = "skep";

/// One instance of Skep.
pub struct Skep {
    /// The use cases.
    pub app: Arc<App>,
    /// The keys of the deployment.
    pub keys: Arc<Keys>,
    /// The deployment, in the envelopes of events.
    pub(crate) source: String,
    public_url: Option<String>,
    pub(crate) cursor_key: [u8; 32],
    pub(crate) store: OpenStore,
    pools: Pools,
    later: Later,
    _lock: Option<ServerLock>,
}

/// Builds an instance. The default is the configuration of an empty environment.
#[derive(Default)]
pub struct Builder {
    config: Config,
    issuer: Option<String>,
    runtime: Option<Runtime>,
    store: Option<Arc<dyn Store>>,
    handlers: Option<AddHandlers>,
    subscribers: Option<AddSubscribers>,
    hooks: IdentityHooks,
    exclusive: bool,
}

impl Builder {
    /// Sets the configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the issuer of access tokens. The default is `PUBLIC_URL`, or [`ISSUER`] without it.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Replaces the real clocks, identifiers and randomness. A test uses it to stop time.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Uses a store of your own instead of the configured one.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds handlers of jobs to those of Skep. `add` gets the use cases and the handlers so far, and returns all.
    #[must_use]
    pub fn handlers(mut self, add: impl FnOnce(&Arc<App>, Handlers) -> Handlers + Send + 'static) -> Self {
        self.handlers = Some(Box::new(add));
        self
    }

    /// Adds subscribers of events to those of Skep. `add` gets the use cases and the subscribers so far, and returns all.
    #[must_use]
    pub fn subscribers(mut self, add: impl FnOnce(&Arc<App>, Subscribers) -> Subscribers + Send + 'static) -> Self {
        self.subscribers = Some(Box::new(add));
        self
    }

    /// Adds to identity: a gate in front of registrations, a rule for new passwords, claims of access tokens, and an observer
    /// of new devices.
    #[must_use]
    pub fn hooks(mut self, hooks: IdentityHooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Refuses to start while another exclusive instance uses the same data folder.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Starts: waits for the store, applies missing migrations, loads or makes the keys, and builds the use cases.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self) -> Result<Skep, StartError> {
        let Self { config, issuer, runtime, store, handlers, subscribers, hooks, exclusive } = self;
        let runtime = runtime.unwrap_or_else(system_runtime);
        // First, so that nothing is made for a secret that is missing.
        let named = NamedSecrets::read(&config)?;
        let data = DataDir::open(&config.data_dir)?;
        if exclusive {
            // For the lock. The store does not name the folder in its error.
            data.check_access()?;
        }
        data.check_secret(&named)?;
        let Foundation { store, data, runtime } = Foundation::on(data, &config, runtime, store).await?;
        let lock = if exclusive { Some(data.lock()?) } else { None };
        // Before the schema is changed, so that a secret that cannot be used changes nothing.
        let secrets = data.secrets(named, &*runtime.random)?;
        refuse_defects(&store).await?;
        if !store.store.up().await?.is_empty() {
            // On PostgreSQL, another role than the one that works may own what the migration has made.
            refuse_defects(&store).await?;
        }
        let (ring, fields) = keys::open(&store.store, &secrets, &runtime).await?;
        let (Contents { blobs, bucket }, cursor_key) = (contents(&config, &data, runtime.clone())?, ring.cursor_key());
        let issuer = issuer.or_else(|| config.public_url.clone()).unwrap_or_else(|| ISSUER.to_owned());
        let (pools, tokens) = (Pools::of(&config, bucket), Arc::new(ring.tokens(issuer.clone(), AUDIENCE)?));
        let post = post(&config, &data, runtime.clone()).map_err(StartError::Mail)?.announced();
        let ports = Ports {
            store: store.store.clone(),
            runtime: runtime.clone(),
            hasher: Arc::new(RequestHasher(Argon2Hasher::new(config.password_cost.clone(), pools.hashers.clone()))),
            tokens: tokens.clone(),
            fingerprints: Arc::new(ring.fingerprints()),
            fields: fields.cipher(),
            link_key: Arc::new(secrets.link_key().map_err(StartError::LinkKey)?),
            secrets: Arc::new(Sha256Secrets::new(runtime.random.clone())),
            limits: shared::limits(&config, runtime.clock.clone()).map_err(StartError::Limits)?,
            renderer: Arc::new(MinijinjaRenderer),
            mailer: post.mailer,
            blobs,
            content_types: content_types(),
            image_scaler: Arc::new(pools.scaler.clone()),
            scanner: scanner(&config, runtime.clone())?,
            hooks,
            tickets: shared::tickets(&config, &ring.fingerprints())
                .map_err(|error| StartError::Limits(error.into()))?,
        };
        let (token_lifetime, public_url) = (config.policies.sessions.token_lifetime, config.public_url);
        let app = Arc::new(App::new(ports, config.policies));
        let later = Later::open(&app, &store, handlers, subscribers).await?;
        let keys = Arc::new(Keys::new(store.store.clone(), secrets, runtime, token_lifetime, tokens, fields));
        Ok(Skep { app, source: issuer, public_url, keys, cursor_key, store, pools, later, _lock: lock })
    }
}

impl Skep {
    /// Returns a builder with the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Builds the HTTP API of these use cases. Mount it behind the edge or in a poem server of your own.
    #[must_use]
    pub fn api(&self, limits: RequestLimits) -> Service {
        let (source, public_url, cursor_key) = (self.source.clone(), self.public_url.clone(), self.cursor_key);
        let config = ApiConfig { source, public_url, cursor_key, limits, docs: true, metrics: None };
        Api::build(self.app.clone(), config)
    }

    /// Delivers events and runs jobs until `stop`, and asks for a sweep of what has expired each minute. Returns when the
    /// jobs that run have ended or were handed back, so close the instance after that.
    pub async fn work(&self, options: WorkerOptions, stop: CancellationToken) {
        self.later.work(&self.app, options, stop).await;
    }

    /// Wakes the workers of other processes for what this one stores, until `stop`. A program that serves requests and
    /// leaves [`Skep::work`] to others runs it; `work` includes it.
    pub async fn wake_others(&self, stop: CancellationToken) {
        send_wake_ups(self.app.clone(), stop).await;
    }

    /// The metrics that have to be read before they are rendered. All other metrics are counted by the recorder that
    /// was installed before the start.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges::of(self.store.clone(), self.keys.clone(), self.pools.clone())
    }

    /// The name of the store: `sqlite`, `postgres`, `mongodb`, or `own` for a store of the program.
    #[must_use]
    pub const fn store_name(&self) -> &'static str {
        self.store.name
    }

    /// Ends the work of the store and closes it.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
