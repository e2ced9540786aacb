//! The whole box in a test: a store in a folder of its own, a wall clock that stands still until it is told to go on,
//! identifiers that count.
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

use crate::{Skep, config::Config};
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

/// The password of every account that the kit makes.
pub const PASSWORD: &str = "bees build hexagons";

/// Where [`TestKit::call`] seems to come from.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A wall clock that stands still at 2026-01-01T00:00:00Z until [`TestClock::advance`]. The monotonic clock goes on as
/// always, so that deadlines hold, and jumps with the other.
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

    /// Both clocks go on by `duration`, at once.
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

/// One whole instance on a temporary SQLite store, for one test. Its folder is removed with it; any number of them live
/// beside each other. Rate limits are out of the way unless the configuration brings them back; secrets are real.
///
/// Its methods panic when the instance does not work at all: the test has failed then.
pub struct TestKit {
    skep: Skep,
    clock: Arc<TestClock>,
    edge: Edge,
    limits: RequestLimits,
    /// Those that listen.
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

    /// Starts an instance with another configuration. The data folder is that of the kit.
    ///
    /// # Panics
    /// It does not start.
    pub async fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        let (limits, sessions) = (&mut config.limits, &mut config.policies.sessions);
        for limit in [&mut limits.address, &mut limits.user, &mut limits.credentials, &mut sessions.attempts] {
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
        let limits = config.limits;
        let skep = Skep::builder().config(config).runtime(runtime).start().await.expect("an instance");
        let service = skep.api(limits);
        let edge = Edge::new(service.endpoint, edge_config(service.routes));
        let (servers, stopped) = (TaskTracker::new(), CancellationToken::new());
        Self { skep, clock, edge, limits, servers, stopped, _folder: folder }
    }

    /// The use cases.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.skep.app
    }

    /// The instance, to be mounted in a server of your own.
    #[must_use]
    pub const fn skep(&self) -> &Skep {
        &self.skep
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// Answers a request as the server does, without a connection. A `Host` is added if there is none.
    pub async fn call(&self, request: Request<impl Into<Bytes>>) -> Response<Bytes> {
        let mut request = request.map(|body| Full::new(body.into()));
        request.headers_mut().entry(header::HOST).or_insert(header::HeaderValue::from_static("test"));
        let (head, body) = self.edge.handle(request, PEER).await.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    /// Listens on a free port of the loopback as long as the kit lives; the address for clients.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn listen(&self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let service = self.skep.api(self.limits);
        self.servers.spawn(serve(listener, service.endpoint, edge_config(service.routes), self.stopped.clone()));
        format!("http://{address}")
    }

    /// Sets the instance up, and the access token of its admin.
    ///
    /// # Panics
    /// It was set up before.
    pub async fn admin(&self) -> String {
        let issue = self.app().identity.issue_setup_token.execute(&Actor::system("test kit")).await;
        let token = issue.expect("the store works").expect("there is no admin yet");
        let mut account = account("admin");
        account["token"] = json!(token);
        self.post("/api/v1/setup", &account).await;
        self.log_in("admin").await
    }

    /// Registers a user, and the access token of a log-in; the address is `NAME@example.com`.
    ///
    /// # Panics
    /// The name cannot be had.
    pub async fn user(&self, name: &str) -> String {
        self.post("/api/v1/auth/register", &account(name)).await;
        self.log_in(name).await
    }

    /// The access token of another log-in of a user or the admin that the kit has made.
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

    /// The first 1,000 events that were recorded, oldest first.
    ///
    /// # Panics
    /// The store does not work.
    pub async fn events(&self) -> Vec<OutboxEvent> {
        self.skep.store.store.list_events(None, 1_000).await.expect("the store works")
    }

    /// Ends the instance in an orderly way. Dropping it is enough for a test that does not look at its files.
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
