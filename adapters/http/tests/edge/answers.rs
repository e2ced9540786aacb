//! Answers that clients do not read: how long they are kept, and how many.

use crate::support::{
    BOUND, Client, PAGE, SHORT, TestServer, assert_problem, body, config, config_with, header, status,
};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use skep_http::edge::{EdgeConfig, TrustedProxies};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{net::TcpStream, task::JoinHandle};

type Sender = SendRequest<Empty<Bytes>>;

/// Connects with HTTP/2. The window of each stream has this many bytes, and the client sends pings without a pause.
async fn connect(server: &TestServer, window: u32) -> (Sender, JoinHandle<()>) {
    let socket = TcpStream::connect(server.address).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(window)
        .keep_alive_interval(Duration::from_millis(5))
        .keep_alive_while_idle(true);
    let (sender, connection) = builder.handshake(TokioIo::new(socket)).await.unwrap();
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sender, ended)
}

fn request(method: &str, path: &str) -> Request<Empty<Bytes>> {
    Request::builder().method(method).uri(format!("http://a{path}")).body(Empty::new()).unwrap()
}

/// Less than two pages for one network.
fn with_little_room() -> EdgeConfig {
    let mut config = config();
    config.clients.unsent_bytes = 1 << 20;
    config.clients.room_wait = SHORT;
    config
}

/// A client that has got the head of a page and reads no more.
async fn stuck(server: &TestServer) -> Client {
    let mut client = server.connect().await;
    client.send("GET /huge HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.read_until("\r\n\r\n").await;
    client
}

async fn exchange(server: &TestServer, method: &str, path: &str) -> String {
    server
        .exchange(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
        .await
}

#[tokio::test]
async fn nothing_but_reading_renews_the_time_of_an_answer() {
    for (window, path) in [(0, "/hello"), (1, "/hello"), (1, "/page")] {
        let server = TestServer::start(config_with(|limits| limits.response_stall = SHORT)).await;
        let (mut sender, ended) = connect(&server, window).await;
        let unread = sender.send_request(request("GET", path)).await.unwrap();
        // Pings and other requests go on, and their answers are read.
        let attack = async {
            while sender.ready().await.is_ok() && sender.send_request(request("HEAD", "/hello")).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(BOUND, attack).await.unwrap_or_else(|_| panic!("{path} was kept, window {window}"));
        tokio::time::timeout(BOUND, ended).await.unwrap().unwrap();
        drop(unread);
    }
}

#[tokio::test]
async fn a_request_in_progress_does_not_keep_the_unread_answers_of_its_connection() {
    let server = TestServer::start(config_with(|limits| limits.response_stall = SHORT)).await;
    let (mut sender, ended) = connect(&server, 1).await;
    let mut waiting = sender.clone();
    let waiting = tokio::spawn(async move { waiting.send_request(request("GET", "/gate")).await.is_err() });
    server.wait_at_gate(1).await;
    let _unread = sender.send_request(request("GET", "/page")).await.unwrap();
    tokio::time::timeout(BOUND, ended).await.unwrap().unwrap();
    assert!(waiting.await.unwrap());
}

#[tokio::test]
async fn a_client_that_reads_gets_its_whole_answer() {
    let server = TestServer::start(config()).await;
    let (mut sender, _connection) = connect(&server, 1 << 16).await;
    for (path, length) in [("/page", PAGE), ("/huge", 64 << 20)] {
        let response = sender.send_request(request("GET", path)).await.unwrap();
        assert_eq!(response.headers()["content-length"], length.to_string());
        let body = tokio::time::timeout(BOUND, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
        assert!(body.len() == length && body.iter().all(|byte| *byte == b'x'));
    }
}

#[tokio::test]
async fn without_room_for_its_answer_a_request_is_answered_503_before_its_work() {
    let server = TestServer::start(with_little_room()).await;
    let stuck = stuck(&server).await;
    for (method, path) in [("GET", "/gate"), ("POST", "/change")] {
        let answer = exchange(&server, method, path).await;
        assert_problem(&answer, 503, "unavailable");
        assert_eq!(header(&answer, "retry-after"), Some("1"));
    }
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 0, "the application has not seen the requests");
    drop(stuck);
    let served = async { while status(&exchange(&server, "GET", "/hello").await) != 200 {} };
    tokio::time::timeout(BOUND, served).await.unwrap();
}

#[tokio::test]
async fn a_request_waits_for_room() {
    let mut config = with_little_room();
    config.clients.room_wait = BOUND;
    let server = TestServer::start(config).await;
    let stuck = stuck(&server).await;
    let mut waiting = server.connect().await;
    waiting.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    drop(stuck);
    assert_eq!(status(&waiting.read_until("hello").await), 200);
}

#[tokio::test]
async fn health_checks_need_no_room() {
    let server = TestServer::start(with_little_room()).await;
    let _stuck = stuck(&server).await;
    // The application does not have this path, but it was asked.
    assert_eq!(status(&exchange(&server, "GET", "/health").await), 404);
}

#[tokio::test]
async fn the_answer_of_a_change_is_sent_even_without_room() {
    let server = TestServer::start(with_little_room()).await;
    // A page that is not read leaves room for a request, but not for another page.
    let (mut sender, _connection) = connect(&server, 1).await;
    let _unread = sender.send_request(request("GET", "/page")).await.unwrap();
    assert_problem(&exchange(&server, "GET", "/page").await, 503, "unavailable");
    let answer = exchange(&server, "POST", "/page").await;
    assert_eq!((status(&answer), body(&answer).len()), (200, PAGE));
}

#[tokio::test]
async fn an_answer_needs_the_room_of_its_compressed_length() {
    let server = TestServer::start(with_little_room()).await;
    let (mut sender, _connection) = connect(&server, 1).await;
    let _unread = sender.send_request(request("GET", "/page")).await.unwrap();
    assert_problem(&exchange(&server, "GET", "/text").await, 503, "unavailable");
    let mut client = server.connect().await;
    client.send("GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let head = client.read_until("\r\n\r\n").await;
    assert_eq!((status(&head), header(&head, "content-encoding")), (200, Some("gzip")));
}

#[tokio::test]
async fn an_answer_of_a_read_waits_for_room() {
    let mut config = with_little_room();
    config.clients.room_wait = BOUND;
    let server = TestServer::start(config).await;
    let (mut sender, connection) = connect(&server, 1).await;
    let unread = sender.send_request(request("GET", "/page")).await.unwrap();
    let mut waiting = server.connect().await;
    waiting.send("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    // A round trip of another client, so that the server has seen the request.
    let mut other = crate::places::connect_from(&server, "127.0.0.2").await;
    other.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&other.read_until("hello").await), 200);
    drop((unread, sender));
    connection.abort();
    let answer = waiting.read_to_end().await;
    assert_eq!((status(&answer), body(&answer).len()), (200, PAGE));
}

#[tokio::test]
async fn one_network_leaves_room_for_others() {
    let server = TestServer::start(with_little_room()).await;
    let (mut sender, _connection) = connect(&server, 1).await;
    let _unread = sender.send_request(request("GET", "/page")).await.unwrap();
    assert_eq!(status(&exchange(&server, "GET", "/page").await), 503);
    let mut other = crate::places::connect_from(&server, "127.0.0.2").await;
    other.send("GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answer = other.read_to_end().await;
    assert_eq!((status(&answer), body(&answer).len()), (200, PAGE));
}

#[tokio::test]
async fn a_client_that_does_not_read_takes_no_room_of_others_behind_the_same_proxy() {
    let mut config = with_little_room();
    config.trusted_proxies = TrustedProxies::new(["127.0.0.1".parse().unwrap()]);
    let server = TestServer::start(config).await;
    let (mut proxy, _connection) = connect(&server, 1).await;
    let of = |client: &str, path| {
        let mut request = request("GET", path);
        request.headers_mut().insert("x-forwarded-for", client.parse().unwrap());
        request
    };
    let unread = proxy.send_request(of("192.0.2.1", "/page")).await.unwrap();
    assert_eq!(unread.status(), StatusCode::OK);
    let second = proxy.send_request(of("192.0.2.1", "/page")).await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE, "the client has its network's share");
    let other = proxy.send_request(of("192.0.2.2", "/page")).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_connection_has_as_many_requests_at_once_as_is_set() {
    let mut config = config();
    config.limits.http2_max_streams = 1;
    let server = TestServer::start(config).await;
    let (mut sender, _connection) = connect(&server, 1 << 16).await;
    // The client learns the limit with the first answer.
    let hello = sender.send_request(request("GET", "/hello")).await.unwrap();
    assert_eq!(hello.into_body().collect().await.unwrap().to_bytes(), "hello");
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { sender.send_request(request("GET", "/gate")).await.unwrap().status() })
        })
        .collect();
    server.wait_at_gate(1).await;
    exchange(&server, "GET", "/hello").await;
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 1);
    server.gate.open.add_permits(2);
    for call in calls {
        assert_eq!(tokio::time::timeout(BOUND, call).await.unwrap().unwrap(), StatusCode::OK);
    }
}
