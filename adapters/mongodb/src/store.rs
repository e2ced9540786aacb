//! The store.

use crate::{
    error::{self, Standalone},
    latest::Latest,
    locks::KeyLocks,
    observe::{Observer, PoolStats},
    ops::{self, Executor, Greeting},
    options::{self, ConnectError, MongoOptions},
    schema::{MongoSet, MongoStep, SETS},
    unit::MongoUnit,
};
use async_trait::async_trait;
use mongodb::{
    Client, Database,
    options::{ClientOptions, ServerAddress},
};
use skep_application::{
    kernel::{Clock, Key, StoreError, TxMode, Units},
    operations::{MigrationError, Schedule, StoreHealth},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a health check may take, with something to spare below the 2 s of its contract.
const CHECK_PATIENCE: Duration = Duration::from_millis(1_800);

/// How long closing waits for what is under way.
const CLOSING_PATIENCE: Duration = Duration::from_secs(2);

/// A store in one database of a MongoDB replica set or sharded cluster.
pub struct MongoStore {
    client: Client,
    /// Hosts and ports of the servers, for errors.
    hosts: String,
    database: Database,
    locks: Arc<KeyLocks>,
    latest: Arc<Latest>,
    observer: Arc<Observer>,
    pub(crate) options: MongoOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule<MongoStep>,
}

impl MongoStore {
    /// A store at this address. Asks the server what it is, but a server that is away is no error: the store works as
    /// soon as it is there, and [`StoreHealth::check`] tells.
    ///
    /// # Errors
    /// [`ConnectError`]: an address that cannot be read, or a standalone server.
    pub async fn connect(options: MongoOptions, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let (mut client_options, database) = options::read(&options).await?;
        refuse_standalone(&client_options).await?;
        let hosts = client_options.hosts.iter().map(shown).collect::<Vec<_>>().join(", ");
        let observer = Observer::new();
        client_options.cmap_event_handler = Some(observer.pool_events());
        let client =
            Client::with_options(client_options).map_err(|error| ConnectError::Address(error.kind.to_string()))?;
        let database = client.database(&database);
        let (locks, latest, schedule) = (Arc::default(), Arc::default(), Schedule::new(SETS));
        Ok(Self { client, hosts, database, locks, latest, observer, options, clock, schedule })
    }

    /// The same store for a program that brings migrations of its own: its sets run after ours, in this order. Their
    /// collections are its own.
    ///
    /// # Errors
    /// `Misdeclared`: for example, one of the names is taken.
    pub fn with_sets(mut self, sets: &[MongoSet]) -> Result<Self, MigrationError> {
        self.schedule = self.schedule.and(sets)?;
        Ok(self)
    }

    /// How the connections to the servers are used.
    #[must_use]
    pub fn pool_stats(&self) -> PoolStats {
        self.observer.pool_stats(self.options.max_pool_size)
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database.name()
    }

    /// Ends the driver's work in the background and closes its connections: before the runtime stops, because the driver
    /// panics when its pool goes before its tasks. Waits at most 2 s for units that are being undone.
    pub async fn close(&self) {
        // What does not end in time is cut with the process; the server undoes it by itself.
        let _ = timeout(CLOSING_PATIENCE, self.client.clone().shutdown()).await;
    }

    /// A session for reading outside of units of work: from the primary, with majority concern. What a majority has
    /// cannot be lost, and a commit waits until it shows there, so every reader sees it once `commit` has returned.
    pub(crate) async fn read(&self) -> Result<Executor, StoreError> {
        let patience = self.options.answer_timeout;
        let observer = Arc::clone(&self.observer);
        Executor::start(&self.client, self.database.clone(), patience, self.latest.get(), observer).await
    }
}

impl Units for MongoStore {
    type Unit = MongoUnit;

    /// Waits for a turn at the contended ids first, so that the snapshot is taken after those who
    /// had theirs before are done.
    async fn open(&self, mode: TxMode, contended: &[Key]) -> Result<MongoUnit, StoreError> {
        let turns = match mode {
            TxMode::Read => vec![],
            TxMode::Write => timeout(self.options.answer_timeout, self.locks.lock(contended.to_vec()))
                .await
                .map_err(|_| StoreError::Unavailable("too many writers want the same".into()))?,
        };
        let executor = self.read().await?.transaction(mode).await?;
        Ok(MongoUnit::new(executor, turns, Arc::clone(&self.latest)))
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
        }
    }
}

/// Asks the first server that answers, by a connection of its own: against a standalone server an address with
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
