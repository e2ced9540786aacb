//! MongoDB: a separate database for every trial, behind a proxy that can break the connection.

use crate::{
    Spares, clock, hosted, is_left_behind, notes,
    proxy::{Proxy, Undo},
    unique,
    wire::{Wire, document},
};
use async_trait::async_trait;
use bson::{Document, doc};
use mongodb::{
    Client, Database,
    options::{ClientOptions, ServerAddress},
};
use skep_application::{Store, operations::Migrations as _};
use skep_contract::{CommitFault, Failure, Faults, Harness, Instance, Need, Start};
use skep_mongodb::{MongoOptions, MongoStore};
use std::sync::Arc;
use tokio::sync::OnceCell;
use uuid::Uuid;

const DATABASES: &str = "skep_suite";

/// Stores on the server at this address.
pub struct Mongo {
    address: String,
    client: OnceCell<Client>,
    spares: Arc<Spares>,
}

impl Mongo {
    /// Stores on the server at this address. It must be a replica set of one member, with test commands enabled.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), client: OnceCell::new(), spares: Arc::default() }
    }

    /// A connection that bypasses every proxy.
    async fn client(&self) -> Result<&Client, Failure> {
        let connected = self.client.get_or_try_init(|| async {
            let client = Client::with_uri_str(&self.address).await?;
            for name in client.list_database_names().await? {
                if is_left_behind(&name, DATABASES) {
                    client.database(&name).drop().await?;
                }
            }
            Ok::<_, Failure>(client)
        });
        connected.await
    }

    async fn server(&self) -> Result<String, Failure> {
        match ClientOptions::parse(&self.address).await?.hosts.first() {
            Some(ServerAddress::Tcp { host, port }) => Ok(format!("{host}:{}", port.unwrap_or(27017))),
            other => Err(Failure::new(format!("not a host and a port: {other:?}"))),
        }
    }

    /// A migrated store, and the name of its database for other processes. [`Self::close`] removes the database.
    ///
    /// # Errors
    /// If the database cannot be created.
    pub async fn shared(&self) -> Result<(Arc<MongoStore>, String), Failure> {
        self.client().await?;
        let name = unique(DATABASES);
        let store = open_mongodb(&self.address, &name).await?;
        store.up().await?;
        self.spares.put(name.clone());
        Ok((store, name))
    }

    /// Removes the databases that trials share.
    pub async fn close(&self) {
        let Ok(client) = self.client().await else { return };
        while let Some(spare) = self.spares.take() {
            // If this fails, the next run sweeps the database.
            client.database(&spare).drop().await.ok();
        }
    }
}

/// The store in a database of the server at this address.
///
/// # Errors
/// If the address is not a URL, or if the server has no transactions.
pub async fn open_mongodb(address: &str, database: &str) -> Result<Arc<MongoStore>, Failure> {
    Ok(Arc::new(connect(address, database).await?))
}

async fn connect(address: &str, database: &str) -> Result<MongoStore, Failure> {
    let mut options = MongoOptions::new(address);
    options.database = Some(database.to_owned());
    // Fail points select the client by this name.
    options.app_name = database.to_owned();
    Ok(MongoStore::connect(options, clock()).await?)
}

/// Kills the session of a commit, so that the server undoes its transaction.
fn undo(client: Client) -> Undo {
    Arc::new(move |commit| {
        let client = client.clone();
        Box::pin(async move {
            let session = document(&commit).and_then(|body| body.get_document("lsid").ok().cloned());
            if let Some(session) = session {
                client.database("admin").run_command(doc! { "killSessions": [session] }).await.ok();
            }
        })
    })
}

#[async_trait]
impl Harness for Mongo {
    fn name(&self) -> &str {
        "mongodb"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        None
    }

    async fn fresh(&self, start: Start, needs: &[Need]) -> Result<Box<dyn Instance>, Failure> {
        let client = self.client().await?.clone();
        let reusable = start == Start::Migrated && needs.iter().all(|need| *need == Need::RoundTrips);
        let spare = if reusable { self.spares.take() } else { None };
        let is_new = spare.is_none();
        let name = spare.unwrap_or_else(|| unique(DATABASES));
        let proxy = Proxy::start(self.server().await?, Wire::Mongo, Some(undo(client.clone()))).await?;
        // A direct connection to the proxy. Otherwise the driver would learn the set's addresses and bypass the proxy.
        let through = format!("mongodb://{}/?directConnection=true", proxy.address());
        let store = open_mongodb(&through, &name).await?;
        if start == Start::Migrated && is_new {
            store.up().await?;
        }
        let spares = reusable.then(|| self.spares.clone());
        Ok(Box::new(MongoInstance { store, client, address: self.address.clone(), name, proxy, spares }))
    }
}

struct MongoInstance {
    store: Arc<dyn Store>,
    client: Client,
    address: String,
    name: String,
    proxy: Proxy,
    /// The list that gets the emptied database, if another trial may reuse it.
    spares: Option<Arc<Spares>>,
}

impl MongoInstance {
    async fn fail_point(&self, mode: &str) -> Result<(), Failure> {
        let writes = ["insert", "update", "delete", "findAndModify", "bulkWrite"];
        let data = doc! { "failCommands": writes.to_vec(), "errorCode": 14031, "appName": &self.name };
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        self.client.database("admin").run_command(command).await?;
        Ok(())
    }
}

/// Ends the transactions that a trial has left open by cutting its connection. Otherwise they would lock the database
/// for a minute.
async fn end_transactions(client: &Client, app_name: &str) -> Result<(), Failure> {
    let admin = client.database("admin");
    let open = [
        doc! { "$currentOp": { "allUsers": true, "idleSessions": true } },
        doc! { "$match": { "appName": app_name, "transaction": { "$exists": true }, "lsid.id": { "$exists": true } } },
    ];
    let mut open = admin.aggregate(open).await?;
    while open.advance().await? {
        let session = open.deserialize_current()?.get_document("lsid")?.get("id").cloned();
        admin.run_command(doc! { "killSessions": [{ "id": session }] }).await?;
    }
    Ok(())
}

/// Empties every collection except those of the migrations.
async fn empty(database: &Database) -> Result<(), Failure> {
    for name in database.list_collection_names().await? {
        if !name.starts_with("schema_") && !name.starts_with("system.") {
            database.collection::<Document>(&name).delete_many(doc! {}).await?;
        }
    }
    Ok(())
}

#[async_trait]
impl Instance for MongoInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn second(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(open_mongodb(&self.address, &self.name).await?)
    }

    fn faults(&self) -> &dyn Faults {
        self
    }

    async fn hosted(&self, steps: usize) -> Result<Arc<dyn Store>, Failure> {
        let store = connect(&self.address, &self.name).await?;
        Ok(Arc::new(store.with_sets(&[hosted::mongodb(steps)])?))
    }

    async fn sealing(&self, rows: &[(Uuid, Option<String>)]) -> Result<Arc<dyn Store>, Failure> {
        notes::in_mongodb(&self.client.database(&self.name), rows).await?;
        let store = connect(&self.address, &self.name).await?;
        Ok(Arc::new(store.with_sealed_fields(&[notes::FIELD])))
    }

    async fn destroy(self: Box<Self>) {
        let Self { store, client, name, proxy, spares, .. } = *self;
        drop(store);
        drop(proxy);
        let database = client.database(&name);
        // If this fails, only the next step takes longer.
        end_transactions(&client, &name).await.ok();
        match spares {
            Some(spares) if empty(&database).await.is_ok() => spares.put(name),
            // If this fails, the next run sweeps the database.
            _ => database.drop().await.unwrap_or_default(),
        }
    }
}

#[async_trait]
impl Faults for MongoInstance {
    async fn break_commits(&self, fault: CommitFault) -> Result<(), Failure> {
        self.proxy.break_commits(fault);
        Ok(())
    }

    async fn mend(&self) -> Result<(), Failure> {
        self.proxy.mend().await?;
        self.fail_point("off").await
    }

    fn lost_commits(&self) -> u64 {
        self.proxy.lost()
    }

    async fn cut_connections(&self) -> Result<(), Failure> {
        self.proxy.cut();
        Ok(())
    }

    async fn isolate(&self) -> Result<(), Failure> {
        self.proxy.isolate();
        Ok(())
    }

    async fn fill(&self) -> Result<(), Failure> {
        self.fail_point("alwaysOn").await
    }

    fn round_trips(&self) -> u64 {
        self.proxy.round_trips()
    }
}
