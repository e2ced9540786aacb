//! A database for each test, and separate servers for tests that damage them.

use bson::{Document, doc};
use mongodb::Client;
use skep_application::{
    catalog::CatalogTx,
    events::EventsTx,
    jobs::JobsTx,
    kernel::{Begin, Key, StoreError, TxMode},
    operations::Migrations as _,
    ordering::OrderingTx,
    testing::FixedClock,
};
use skep_mongodb::{MongoOptions, MongoStore};
use std::{
    future::Future,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Whether a missing server fails the test.
fn required() -> bool {
    std::env::var("SKEP_REQUIRE_STORES").is_ok_and(|stores| stores.contains("mongodb"))
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(!required(), "SKEP_REQUIRE_STORES names mongodb, but {why}");
    // Written directly to stderr, because the test runner would capture it.
    std::io::stderr().lock().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
    None
}

/// The address of the shared server.
fn url() -> Option<String> {
    match std::env::var("SKEP_TEST_MONGODB_URL") {
        Ok(url) if !url.is_empty() => Some(url),
        _ => skip("SKEP_TEST_MONGODB_URL is not set"),
    }
}

/// A database with a migrated store.
pub(crate) struct Db {
    pub(crate) options: MongoOptions,
    pub(crate) store: Arc<MongoStore>,
    pub(crate) clock: Arc<FixedClock>,
    raw: Client,
}

/// Runs the test on a separate database on the shared server, and drops it in any case.
pub(crate) async fn with_db<Fut>(body: impl FnOnce(Arc<Db>) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let Some(url) = url() else { return };
    let db = Arc::new(Db::at(&url).await);
    db.store.up().await.unwrap();
    run(&db, body(Arc::clone(&db))).await;
}

/// The same, without a migrated schema.
pub(crate) async fn with_empty_db<Fut>(body: impl FnOnce(Arc<Db>) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let Some(url) = url() else { return };
    let db = Arc::new(Db::at(&url).await);
    run(&db, body(Arc::clone(&db))).await;
}

async fn run(db: &Db, body: impl Future<Output = ()> + Send + 'static) {
    let result = tokio::spawn(body).await;
    db.forget().await;
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Db {
    pub(crate) async fn at(url: &str) -> Self {
        let name = format!("skep_test_{}", bson::Uuid::new().to_uuid_1().simple());
        let mut options = MongoOptions::new(url);
        options.database = Some(name.clone());
        options.app_name = name;
        let clock = Arc::new(FixedClock::default());
        let store = Arc::new(MongoStore::connect(options.clone(), clock.clone()).await.unwrap());
        let raw = Client::with_uri_str(url).await.unwrap();
        Self { options, store, clock, raw }
    }

    /// Another instance on the same data.
    pub(crate) async fn another(&self) -> MongoStore {
        MongoStore::connect(self.options.clone(), self.clock.clone()).await.unwrap()
    }

    /// Runs a command on this database directly.
    #[expect(clippy::disallowed_methods, reason = "tests bypass the store")]
    pub(crate) async fn command(&self, command: Document) -> Document {
        let name = self.options.database.as_deref().unwrap();
        self.raw.database(name).run_command(command).await.unwrap()
    }

    /// Does the work, and returns what the server's profiler has recorded about this collection meanwhile.
    pub(crate) async fn profiled(&self, collection: &str, work: impl Future<Output = ()>) -> Vec<Document> {
        self.command(doc! { "profile": 2 }).await;
        work.await;
        self.command(doc! { "profile": 0 }).await;
        let namespace = format!("{}.{collection}", self.options.database.as_deref().unwrap());
        let seen = doc! { "find": "system.profile", "filter": { "ns": namespace }, "batchSize": 1000 };
        let seen = self.command(seen).await;
        let seen = seen.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        seen.iter().map(|entry| entry.as_document().unwrap().clone()).collect()
    }

    /// Makes these commands of this store fail. Only on a separate server, because a fail point is set for the whole
    /// server.
    #[expect(clippy::disallowed_methods, reason = "tests bypass the store")]
    pub(crate) async fn fail(&self, commands: &[&str], mode: impl Into<bson::Bson>, mut how: Document) {
        how.extend(doc! { "failCommands": commands, "appName": &self.options.app_name });
        let command = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": how };
        self.raw.database("admin").run_command(command).await.unwrap();
    }

    /// Turns the fail point off.
    pub(crate) async fn mend(&self) {
        self.fail(&[], "off", doc! {}).await;
    }

    #[expect(clippy::disallowed_methods, reason = "tests bypass the store")]
    async fn forget(&self) {
        let name = self.options.database.as_deref().unwrap();
        self.raw.database(name).drop().await.unwrap();
    }
}

/// A separate server, for tests that make it fail. It is stopped and removed on drop.
pub(crate) struct OwnServer {
    child: Child,
    pub(crate) port: u16,
    _data: TempDir,
}

impl OwnServer {
    /// Starts a replica set with one member, and makes a database for the test.
    pub(crate) async fn replica_set() -> Option<(Self, Db)> {
        let server = Self::start(&["--replSet", "rs0"]).await?;
        let direct = server.direct().await;
        let members = [doc! { "_id": 0, "host": format!("127.0.0.1:{}", server.port) }];
        let config = doc! { "_id": "rs0", "members": &members[..] };
        admin(&direct, doc! { "replSetInitiate": config }).await.unwrap();
        until("a primary", || async {
            admin(&direct, doc! { "hello": 1 }).await.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap())
        })
        .await;
        let db = Db::at(&format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", server.port)).await;
        db.store.up().await.unwrap();
        Some((server, db))
    }

    pub(crate) async fn standalone() -> Option<Self> {
        Self::start(&[]).await
    }

    async fn start(options: &[&str]) -> Option<Self> {
        url()?;
        let binary = services().join("bin/mongod-6.0.5");
        if !binary.exists() {
            return skip(&format!("{} is missing: scripts/services up installs it", binary.display()));
        }
        let data = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(binary)
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"])
            .args(["--setParameter", "enableTestCommands=1", "--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(["--port", &port.to_string(), "--dbpath"])
            .arg(data.path())
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _data: data };
        let direct = server.direct().await;
        until("mongod", || async { admin(&direct, doc! { "ping": 1 }).await.is_ok() }).await;
        Some(server)
    }

    async fn direct(&self) -> Client {
        let options = "directConnection=true&serverSelectionTimeoutMS=500";
        Client::with_uri_str(format!("mongodb://127.0.0.1:{}/?{options}", self.port)).await.unwrap()
    }

    /// Kills the server, like a crash.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder where `scripts/services` keeps its downloads.
fn services() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into()));
    let cache = || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    std::env::var_os("SKEP_TEST_SERVICES_DIR").map_or_else(|| cache().join("skep-test-services"), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "tests bypass the store")]
pub(crate) async fn admin(client: &Client, command: Document) -> mongodb::error::Result<Document> {
    client.database("admin").run_command(command).await
}

/// Waits until the condition holds, at most a minute.
pub(crate) async fn until<Fut: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> Fut) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn catalog(store: &MongoStore) -> Box<dyn CatalogTx> {
    store.begin(TxMode::Write, &[]).await.unwrap()
}
pub(crate) async fn events(store: &MongoStore) -> Box<dyn EventsTx> {
    store.begin(TxMode::Write, &[]).await.unwrap()
}
pub(crate) async fn jobs(store: &MongoStore) -> Box<dyn JobsTx> {
    store.begin(TxMode::Write, &[]).await.unwrap()
}
pub(crate) async fn ordering(store: &MongoStore) -> Box<dyn OrderingTx> {
    store.begin(TxMode::Write, &[]).await.unwrap()
}
pub(crate) async fn catalog_on(store: &MongoStore, contended: &[Key]) -> Result<Box<dyn CatalogTx>, StoreError> {
    store.begin(TxMode::Write, contended).await
}

/// Stores a product with this many units on hand.
pub(crate) async fn stock_up(store: &MongoStore, pieces: u32) -> skep_domain::catalog::Product {
    let product = crate::samples::product();
    let mut tx = catalog(store).await;
    tx.products().insert(&product).await.unwrap();
    tx.stock().insert(&crate::samples::level(product.id, pieces)).await.unwrap();
    tx.commit().await.unwrap();
    product
}
