//! A whole instance in a test: a store in a folder of its own, a wall clock that stands still until the test advances
//! it, and identifiers that count.
//!
//! ```
//! # async fn example() {
//! use skep::testing::TestKit;
//! use std::time::Duration;
//!
//! let kit = TestKit::start().await;
//! let token = kit.admin().await;
//! let profile = http::Request::get("/api/v1/users/me").header("authorization", format!("Bearer {token}"));
//! let answer = kit.call(profile.body(String::new()).unwrap()).await;
//! assert_eq!(answer.status(), 200);
//! kit.clock().advance(Duration::from_secs(3_601));
//! # }
//! ```

use crate::{Builder, Skep, config::Config};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use skep_application::{
    App,
    kernel::{Actor, Clock, IdGenerator, OutboxEvent, Runtime},
};
use skep_domain::shared::Timestamp;
use skep_http::{
    api::RequestLimits,
    edge::{Edge, EdgeConfig, RequestId, serve},
};
use skep_local::{OsRandom, SystemClock, TokioSleeper};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// The password of every account of the kit.
pub const PASSWORD: &str = "bees build hexagons";

/// The client address of [`TestKit::call`].
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A wall clock that stands still at 2026-01-01T00:00:00Z until [`TestClock::advance`]. The monotonic clock runs, so
/// that deadlines work, and `advance` moves it too.
#[derive(Debug)]
pub struct TestClock {
    running: SystemClock,
    advanced: Mutex<Duration>,
}

impl TestClock {
    const START: i64 = 1_767_225_600_000;

    fn new() -> Self {
        Self { running: SystemClock::new(), advanced: Mutex::default() }
    }

    /// Moves both clocks forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        *self.advanced.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }

    fn advanced(&self) -> Duration {
        *self.advanced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_millis(Self::START).unwrap_or(Timestamp::MIN);
        start.plus_millis(i64::try_from(self.advanced().as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.running.monotonic() + self.advanced()
    }
}

/// Identifiers that count from 1.
#[derive(Debug, Default)]
struct CountingIds(AtomicU64);

impl IdGenerator for CountingIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

/// One whole instance on a temporary SQLite store, for one test. Dropping it removes its folder. Any number of kits can
/// run at once. Rate limits are too high to be reached, unless the configuration lowers them. Secrets are real.
///
/// Its methods panic if the instance does not work, so that the test fails.
pub struct TestKit {
    skep: Skep,
    clock: Arc<TestClock>,
    edge: Edge,
    limits: RequestLimits,
    /// The servers that listen.
    servers: TaskTracker,
    stopped: CancellationToken,
    // Last, so that the store is closed before its folder is gone.
    _folder: TempDir,
}

impl TestKit {
    /// Starts an instance.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    /// Starts an instance with another configuration. The data folder is always the folder of the kit.
    ///
    /// # Panics
    /// It does not start.
    pub async fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        Self::built(configure, |builder| builder).await
    }

    /// Starts an instance with another configuration, and with what the program adds, for example its hooks.
    ///
    /// # Panics
    /// It does not start.
    pub async fn built(configure: impl FnOnce(&mut Config), build: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        let (limits, sessions) = (&mut config.limits, &mut config.policies.sessions);
        let of_account = [&mut sessions.attempts, &mut sessions.account_attempts];
        for limit in of_account.into_iter().chain([&mut limits.address, &mut limits.user, &mut limits.credentials]) {
            limit.burst = 1_000_000;
        }
        configure(&mut config);
        config.data_dir = folder.path().join("data");
        let clock = Arc::new(TestClock::new());
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(CountingIds::default()),
            random: Arc::new(OsRandom),
            sleeper: Arc::new(TokioSleeper),
        };
        let limits = config.limits.clone();
        let builder = build(Skep::builder().config(config).runtime(runtime));
        let skep = builder.start().await.expect("an instance");
        let service = skep.api(limits.clone());
        let edge = Edge::new(service.endpoint, edge_config(service.routes));
        let (servers, stopped) = (TaskTracker::new(), CancellationToken::new());
        Self { skep, clock, edge, limits, servers, stopped, _folder: folder }
    }

    /// The use cases.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.skep.app
    }

    /// The instance, for a server of your own.
    #[must_use]
    pub const fn skep(&self) -> &Skep {
        &self.skep
    }

    /// The clock of the instance, for moving time forward.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Answers a request as the server does, without a connection. Adds a `Host` header to a request without one.
    pub async fn call(&self, request: Request<impl Into<Bytes>>) -> Response<Bytes> {
        let mut request = request.map(|body| Full::new(body.into()));
        request.headers_mut().entry(header::HOST).or_insert(header::HeaderValue::from_static("test"));
        let (head, body) = self.edge.handle(request, PEER).await.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    /// Listens on a free port of the loopback as long as the kit exists. Returns the address for clients.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn listen(&self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let service = self.skep.api(self.limits.clone());
        self.servers.spawn(serve(listener, service.endpoint, edge_config(service.routes), self.stopped.clone()));
        format!("http://{address}")
    }

    /// Sets the instance up. Returns the access token of its admin.
    ///
    /// # Panics
    /// It was set up before.
    pub async fn admin(&self) -> String {
        let issue = self.app().identity.issue_setup_token.execute(&Actor::system("test kit")).await;
        let token = issue.expect("the store works").expect("the instance does not have an admin");
        let mut account = account("admin");
        account["token"] = json!(token);
        self.post("/api/v1/setup", &account).await;
        self.log_in("admin").await
    }

    /// Registers the user `NAME@example.com` and logs in. Returns the access token.
    ///
    /// # Panics
    /// The name is taken or invalid.
    pub async fn user(&self, name: &str) -> String {
        self.post("/api/v1/auth/register", &account(name)).await;
        self.log_in(name).await
    }

    /// Logs in a user of the kit, or its admin, once more. Returns the access token.
    ///
    /// # Panics
    /// There is no such account.
    pub async fn log_in(&self, name: &str) -> String {
        let mut credentials = account(name);
        credentials.as_object_mut().map(|fields| fields.remove("display_name"));
        let answer = self.post("/api/v1/auth/login", &credentials).await;
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = self.call(request.expect("a request")).await;
        let text = String::from_utf8_lossy(answer.body());
        assert!(answer.status().is_success(), "{path}: {text}");
        serde_json::from_str(&text).expect("json")
    }

    /// The first 1,000 events, oldest first. `App::sweep_expired` deletes those that are older than the configuration says.
    ///
    /// # Panics
    /// The store does not work.
    pub async fn events(&self) -> Vec<OutboxEvent> {
        self.skep.store.store.list_events(None, 1_000).await.expect("the store works")
    }

    /// Stops the servers and closes the store. Dropping the kit is enough for a test that does not read its files.
    pub async fn stop(self) {
        self.stopped.cancel();
        self.servers.close();
        self.servers.wait().await;
        self.skep.close().await;
    }
}

impl Drop for TestKit {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

fn account(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "display_name": name })
}

fn edge_config(routes: skep_http::edge::RouteTable) -> EdgeConfig {
    let next = AtomicU64::new(1);
    let mut config =
        EdgeConfig::new(Arc::new(move || RequestId::from_u128(u128::from(next.fetch_add(1, Ordering::Relaxed)))));
    config.routes = routes;
    config
}
