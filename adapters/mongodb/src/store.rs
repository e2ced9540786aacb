//! The store on one database.

use crate::{
    error::{self, Standalone},
    latest::Latest,
    locks::{KeyLocks, Turns},
    observe::{Observer, PoolStats},
    ops::{self, Executor, Greeting},
    options::{self, ConnectError, MongoOptions},
    schema::{MongoSet, MongoStep, SETS},
    unit::MongoUnit,
    wake_ups::InstanceNumber,
};
use async_trait::async_trait;
use mongodb::{
    Client, Database,
    options::{ClientOptions, ServerAddress},
};
use skep_application::{
    kernel::{Clock, Key, SealedField, Signaling, Signals, StoreError, TxMode, Units, WakeUps, max_writers},
    operations::{Defect, MigrationError, Schedule, StoreHealth, StoreUse},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

/// The limit of a health check, somewhat below the 2 s of its contract.
pub(crate) const CHECK_PATIENCE: Duration = Duration::from_millis(1_800);

/// How long closing waits for running work.
const CLOSING_PATIENCE: Duration = Duration::from_secs(2);

/// A store in one database of a MongoDB replica set or sharded cluster.
pub struct MongoStore {
    client: Client,
    /// Hosts and ports of the servers, for errors.
    hosts: String,
    database: Database,
    locks: Arc<KeyLocks>,
    /// The units of work that may write at the same time.
    writers: Arc<Semaphore>,
    latest: Arc<Latest>,
    signals: Arc<Signals>,
    observer: Arc<Observer>,
    pub(crate) number: InstanceNumber,
    pub(crate) options: MongoOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule<MongoStep>,
    pub(crate) sealed_fields: Vec<SealedField>,
}

impl MongoStore {
    /// A store at this address. Asks the server for its kind. A server that cannot be reached is not an error: the
    /// store works as soon as the server is there, and [`StoreHealth::check`] reports it.
    ///
    /// # Errors
    /// [`ConnectError`] for an address that is not valid, or a standalone server.
    pub async fn connect(options: MongoOptions, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let (mut client_options, database) = options::read(&options).await?;
        refuse_standalone(&client_options).await?;
        let hosts = client_options.hosts.iter().map(shown).collect::<Vec<_>>().join(", ");
        let observer = Observer::new();
        client_options.cmap_event_handler = Some(observer.pool_events());
        let client =
            Client::with_options(client_options).map_err(|error| ConnectError::Address(error.kind.to_string()))?;
        let database = client.database(&database);
        let (locks, latest, signals) = (Arc::default(), Arc::default(), Arc::default());
        let schedule = Schedule::new(SETS);
        let writers = Arc::new(Semaphore::new(writers(options.max_pool_size)));
        let number = InstanceNumber::random();
        Ok(Self {
            client,
            hosts,
            database,
            locks,
            writers,
            latest,
            signals,
            observer,
            number,
            options,
            clock,
            schedule,
            sealed_fields: vec![],
        })
    }

    /// Adds the migrations of a host program. Its sets run after ours, in this order, and own their collections.
    ///
    /// # Errors
    /// `Misdeclared`, for example if a name is already in use.
    pub fn with_sets(mut self, sets: &[MongoSet]) -> Result<Self, MigrationError> {
        self.schedule = self.schedule.and(sets)?;
        Ok(self)
    }

    /// Usage of the connections to the servers.
    #[must_use]
    pub fn pool_stats(&self) -> PoolStats {
        self.observer.pool_stats(self.options.max_pool_size)
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database.name()
    }

    /// Stops the driver's background work and closes its connections. Call it before the runtime stops, because the
    /// driver panics if its pool is dropped before its tasks. Waits at most 2 s for units that are being rolled back.
    pub async fn close(&self) {
        // Work that does not end in time ends with the process, and the server rolls it back.
        let _ = timeout(CLOSING_PATIENCE, self.client.clone().shutdown()).await;
    }

    pub(crate) const fn bson_database(&self) -> &Database {
        &self.database
    }

    /// A session for reading outside of units of work, from the primary with majority concern. Data that a majority has
    /// cannot be lost. A commit waits for the majority, so every reader sees its data once `commit` has returned.
    pub(crate) async fn read(&self) -> Result<Executor, StoreError> {
        let patience = self.options.answer_timeout;
        let observer = Arc::clone(&self.observer);
        Executor::start(&self.client, self.database.clone(), patience, self.latest.get(), observer).await
    }
}

/// How many units may write at the same time, with so many connections. For the driver, 0 connections means no limit.
fn writers(connections: u32) -> usize {
    match connections {
        0 => Semaphore::MAX_PERMITS,
        _ => max_writers(usize::try_from(connections).unwrap_or(usize::MAX)).min(Semaphore::MAX_PERMITS),
    }
}

impl MongoStore {
    /// Waits for the ids first, so that a writer that waits for others of its ids does not keep back writers of other
    /// ids.
    async fn turns(&self, contended: &[Key]) -> Result<Turns, StoreError> {
        let deadline = Instant::now() + self.options.answer_timeout;
        let ids = timeout_at(deadline, self.locks.lock(contended.to_vec()))
            .await
            .map_err(|_| StoreError::Unavailable("too many writers wait for the same ids".into()))?;
        let writer = timeout_at(deadline, Arc::clone(&self.writers).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| StoreError::Unavailable("too many units of work write at the same time".into()))?;
        Ok(Turns { _writer: Some(writer), _ids: ids })
    }
}

impl Signaling for MongoStore {
    fn signals(&self) -> &Signals {
        &self.signals
    }

    fn wake_ups(&self) -> Option<&dyn WakeUps> {
        Some(self)
    }
}

impl Units for MongoStore {
    type Unit = MongoUnit;

    /// Waits for a turn at the contended ids first, so that the snapshot includes the work of earlier writers.
    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<MongoUnit, StoreError> {
        let turns = match mode {
            TxMode::Read => Turns::default(),
            TxMode::Write => self.turns(contended).await?,
        };
        let executor = self.read().await?.transaction(mode).await?;
        Ok(MongoUnit::new(executor, turns, Arc::clone(&self.latest), Arc::clone(&self.signals)))
    }
}

#[async_trait]
impl StoreHealth for MongoStore {
    async fn check(&self) -> Result<(), StoreError> {
        let greeting = ops::greet(&self.client, CHECK_PATIENCE).await;
        match greeting.map_err(|error| error::of_check(error, &self.hosts))? {
            Greeting::Usable => Ok(()),
            Greeting::NotInitiated => Err(StoreError::Unavailable("the replica set is not initiated".into())),
            Greeting::Standalone => Err(StoreError::Unavailable(Standalone.into())),
            Greeting::Secondary => {
                let text =
                    "this member of the replica set is not the primary: name all members, without directConnection";
                Err(StoreError::Unavailable(text.into()))
            }
        }
    }

    async fn inspect(&self, usage: StoreUse) -> Result<Vec<Defect>, StoreError> {
        self.defects(usage).await
    }
}

/// Asks the first server that answers, on a separate connection. Against a standalone server, an address with
/// `replicaSet=` would only time out.
async fn refuse_standalone(options: &ClientOptions) -> Result<(), ConnectError> {
    for host in &options.hosts {
        let mut direct = options.clone();
        direct.hosts = vec![host.clone()];
        direct.direct_connection = Some(true);
        direct.repl_set_name = None;
        direct.load_balanced = None;
        direct.command_event_handler = None;
        let Ok(client) = Client::with_options(direct) else { continue };
        let greeting = ops::greet(&client, CHECK_PATIENCE).await;
        client.shutdown().immediate(true).await;
        match greeting {
            Ok(Greeting::Standalone) => return Err(ConnectError::Standalone(shown(host))),
            Ok(_) => return Ok(()),
            Err(_) => {}
        }
    }
    Ok(())
}

fn shown(host: &ServerAddress) -> String {
    host.to_string()
}
