//! A small application behind the edge, and a client that sends raw bytes.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use http::Method;
use poem::{
    Body, EndpointExt as _, Error, Request, Response, Result, Route, endpoint::make, error::InternalServerError, get,
    http::StatusCode, post,
};
use skep_application::identity::{HashCaller, HashError, PasswordHasher};
use skep_http::{
    edge::{Cors, DrainReport, EdgeConfig, RequestContext, RequestHasher, RequestId, RouteTable, Timeouts, serve},
    problem::Problem,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Much longer than any limit under test. A test that reaches it fails.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// A limit that a test reaches. Limits that are not under test stay long.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A running server, with the means to stop it and to open its gate.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) running: JoinHandle<DrainReport>,
    pub(crate) gate: Arc<Gate>,
}

/// `GET /gate`, `POST /change`, `POST /hold` and `POST /late` wait at the gate until a permit is added to `open`.
/// `/hold` reads its body before, and `/late` after that. `/login` waits there twice: for a hasher, and with the hash.
pub(crate) struct Gate {
    pub(crate) waiting: AtomicUsize,
    pub(crate) open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), open: Semaphore::new(0) }
    }
}

pub(crate) fn config() -> EdgeConfig {
    let mut config = EdgeConfig::new(Arc::new(|| RequestId::from_u128(7)));
    config.routes = RouteTable::default()
        .with("/hello", [Method::GET])
        .and_then(|table| table.with("/length", [Method::POST, Method::PUT]))
        .unwrap();
    config.cors = Some(Cors::new(["https://shop.example".parse().unwrap()]));
    config.timeouts.linger = Duration::from_secs(5);
    config
}

/// The settings of [`config`] with some timeouts changed.
pub(crate) fn config_with(change: impl FnOnce(&mut Timeouts)) -> EdgeConfig {
    let mut config = config();
    change(&mut config.timeouts);
    config
}

impl TestServer {
    pub(crate) async fn start(config: EdgeConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Gate { waiting: AtomicUsize::new(0), open: Semaphore::new(0) });
        let shutdown = CancellationToken::new();
        let app = app(Arc::clone(&gate));
        let running = tokio::spawn(serve(listener, app, config, shutdown.clone()));
        Self { address, shutdown, running, gate }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends the text on a new connection and reads until the server closes it.
    pub(crate) async fn exchange(&self, text: &str) -> String {
        let mut client = self.connect().await;
        client.send(text).await;
        client.read_to_end().await
    }

    /// Waits until `count` requests have reached the gate.
    pub(crate) async fn wait_at_gate(&self, count: usize) {
        tokio::time::timeout(BOUND, async {
            while self.gate.waiting.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
    }
}

pub(crate) fn app(gate: Arc<Gate>) -> poem::endpoint::BoxEndpoint<'static> {
    Route::new()
        .at("/hello", get(make(hello)))
        .at("/length", post(make(length)).put(make(length)))
        .at("/ignore", post(make(|_| async { "ignored" })))
        .at("/context", get(make(context)))
        .at("/panic", get(make(panicking)))
        .at("/fail", get(make(failing)))
        .at("/busy", get(make(busy)))
        .at("/huge", get(make(huge)))
        .at("/stream", get(make(stream)))
        .at("/page", get(make(page)).post(make(page)))
        .at("/text", get(make(text)))
        .at("/gate", get(make(wait_at(&gate))))
        .at("/change", post(make(wait_at(&gate))))
        .at("/hold", post(make(read_and_wait_at(&gate))))
        .at("/late", post(make(wait_at_and_read(&gate))))
        .at("/login", post(make(hash_and_wait_at(&gate))))
        .boxed()
}

/// An endpoint that answers when the gate has a permit for it.
fn wait_at(gate: &Arc<Gate>) -> impl Fn(Request) -> BoxFuture<'static, &'static str> + Send + Sync + use<> {
    let gate = Arc::clone(gate);
    move |_| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.waiting.fetch_add(1, Ordering::SeqCst);
            gate.open.acquire().await.unwrap().forget();
            "through"
        })
    }
}

/// An endpoint that reads its body, and then does what [`wait_at`] does.
fn read_and_wait_at(
    gate: &Arc<Gate>,
) -> impl Fn(Request) -> BoxFuture<'static, Result<&'static str>> + Send + Sync + use<> {
    let wait = wait_at(gate);
    move |mut request| {
        let body = request.take_body();
        let through = wait(request);
        Box::pin(async move {
            body.into_bytes().await?;
            Ok(through.await)
        })
    }
}

/// An endpoint that does what [`wait_at`] does, and then answers with the length of its body.
fn wait_at_and_read(gate: &Arc<Gate>) -> impl Fn(Request) -> BoxFuture<'static, Result<String>> + Send + Sync + use<> {
    let wait = wait_at(gate);
    move |mut request| {
        let body = request.take_body();
        let through = wait(request);
        Box::pin(async move {
            through.await;
            Ok(format!("length {}", body.into_bytes().await?.len()))
        })
    }
}

/// A hasher that is free when the gate has a permit.
struct GateHasher(Arc<Gate>);

#[async_trait]
impl PasswordHasher for GateHasher {
    async fn hash(&self, _: HashCaller, password: String) -> Result<String, HashError> {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        self.0.open.acquire().await.unwrap().forget();
        Ok(password)
    }

    async fn verify(&self, caller: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError> {
        Ok(Some(self.hash(caller, password).await?) == hash)
    }

    fn is_outdated(&self, _: &str) -> bool {
        false
    }
}

/// An endpoint that hashes a password, and then does what [`wait_at`] does.
fn hash_and_wait_at(
    gate: &Arc<Gate>,
) -> impl Fn(Request) -> BoxFuture<'static, Result<&'static str>> + Send + Sync + use<> {
    let (wait, hasher) = (wait_at(gate), Arc::new(RequestHasher(GateHasher(Arc::clone(gate)))));
    move |request| {
        let (through, hasher) = (wait(request), Arc::clone(&hasher));
        Box::pin(async move {
            hasher.hash(HashCaller::default(), String::new()).await.map_err(InternalServerError)?;
            Ok(through.await)
        })
    }
}

async fn hello(_: Request) -> &'static str {
    "hello"
}

async fn length(mut request: Request) -> Result<String> {
    let body = request.take_body().into_bytes().await?;
    Ok(format!("length {}", body.len()))
}

async fn context(request: Request) -> Response {
    let context: &RequestContext = request.data().unwrap();
    let trace = context.trace.map(|trace| trace.to_string());
    format!("client={} id={} trace={}", context.client, context.request_id, trace.unwrap_or_default()).into()
}

async fn panicking(request: Request) -> Result<String> {
    assert_ne!(request.uri().path(), "/panic", "planted");
    Ok(String::new())
}

async fn failing(_: Request) -> Result<String> {
    Err(InternalServerError(std::io::Error::other("planted secret")))
}

async fn busy(_: Request) -> Result<String> {
    Err(Problem::unavailable(1).with_source("planted secret").into())
}

/// Answers with more bytes than the buffers of both sockets can hold.
async fn huge(_: Request) -> Result<Response, Error> {
    let body = Body::from_vec(vec![b'x'; 64 << 20]);
    Ok(Response::builder().status(StatusCode::OK).body(body))
}

/// Answers with two pieces whose end shows only when a third one is asked for.
async fn stream(_: Request) -> Result<Response, Error> {
    let pieces = ["a piece", "another"].map(|piece| Ok::<_, std::io::Error>(piece.to_owned()));
    let body = Body::from_bytes_stream(futures_util::stream::iter(pieces));
    Ok(Response::builder().header("content-length", "14").body(body))
}

/// The length of [`page`]. Two pages are more than the share of a network in 1 MiB.
pub(crate) const PAGE: usize = 150 << 10;

/// Answers with a page. Compression cannot be asked for.
async fn page(_: Request) -> Vec<u8> {
    vec![b'x'; PAGE]
}

/// Answers with a page that becomes small if the client accepts gzip.
async fn text(_: Request) -> String {
    "x".repeat(PAGE)
}

/// A raw TCP connection to the server.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until the server closes the connection. Fails if it does not within [`BOUND`].
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        tokio::time::timeout(BOUND, self.0.read_to_end(&mut bytes))
            .await
            .expect("the server closes the connection")
            .expect("the connection is not reset");
        String::from_utf8(bytes).unwrap()
    }

    /// Reads until the received text ends with `end`. Fails if it does not within [`BOUND`].
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        tokio::time::timeout(BOUND, async {
            while !bytes.ends_with(end.as_bytes()) {
                bytes.push(self.0.read_u8().await.unwrap());
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{:?} without {end:?}", String::from_utf8_lossy(&bytes)));
        String::from_utf8(bytes).unwrap()
    }
}

/// The status of a response text.
pub(crate) fn status(response: &str) -> u16 {
    response
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no response: {response:?}"))
}

/// The value of a header of a response text.
pub(crate) fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = response.split_once("\r\n\r\n").unwrap();
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The body of a response text.
pub(crate) fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").unwrap().1
}

/// Asserts a problem document with this status and code, and returns it.
pub(crate) fn assert_problem(response: &str, expected: u16, code: &str) -> serde_json::Value {
    assert_eq!(status(response), expected, "{response}");
    assert_eq!(header(response, "content-type"), Some("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_str(body(response)).unwrap();
    assert_eq!(problem["code"], code);
    assert_eq!(problem["status"], expected);
    assert_eq!(problem["type"], format!("urn:skep:problem:{code}"));
    assert_eq!(header(response, "x-request-id"), problem["request_id"].as_str());
    problem
}
