//! HTTP/2 through a real client.

use crate::{
    places::connect_from,
    support::{BOUND, SHORT, TestServer, config, config_with, status},
};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::Frame,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use skep_http::edge::WorkLimits;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{net::TcpStream, task::JoinHandle};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(server: &TestServer) -> (Sender, JoinHandle<()>) {
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sender, ended)
}

fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("http://a{path}")).body(Full::new(body.into())).unwrap()
}

async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
    let answer = async {
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    tokio::time::timeout(BOUND, answer).await.unwrap()
}

#[tokio::test]
async fn a_panic_does_not_affect_other_requests_of_the_connection() {
    let server = TestServer::start(config()).await;
    let (mut sender, _connection) = connect(&server).await;
    let mut neighbor = sender.clone();
    let waiting = tokio::spawn(async move { send(&mut neighbor, request(Method::GET, "/gate", "")).await });
    server.wait_at_gate(1).await;
    let (status, body) = send(&mut sender, request(Method::GET, "/panic", "")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.starts_with(b"{\"type\":\"urn:skep:problem:internal\""));
    let (status, body) = send(&mut sender, request(Method::POST, "/length", "abc")).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"length 3"[..]));
    server.gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_body_without_length_is_limited() {
    let mut config = config();
    config.limits.max_body_bytes = 1000;
    let server = TestServer::start(config).await;
    let (mut sender, _connection) = connect(&server).await;
    let (status, _) = send(&mut sender, request(Method::POST, "/length", vec![0; 1001])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = send(&mut sender, request(Method::POST, "/length", vec![0; 1000])).await;
    assert_eq!(status, StatusCode::OK);
}

/// A body of 1 MiB that counts the bytes that the client has sent or is about to send.
fn counted(sent: &Arc<AtomicUsize>) -> BoxBody<Bytes, Infallible> {
    let sent = Arc::clone(sent);
    let pieces = (0..64).map(move |_| {
        sent.fetch_add(PIECE, Ordering::SeqCst);
        Ok(Frame::data(Bytes::from_static(&[b'a'; PIECE])))
    });
    BoxBody::new(StreamBody::new(stream::iter(pieces)))
}

const PIECE: usize = 16 << 10;

#[tokio::test]
async fn a_client_sends_one_window_of_a_body_that_is_not_read() {
    let server = TestServer::start(config()).await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let sent = Arc::new(AtomicUsize::new(0));
    let change = |body| Request::post("http://a/change").body(body).unwrap();
    let waiting = tokio::spawn(sender.send_request(change(counted(&sent))));
    server.wait_at_gate(1).await;
    // While these are answered, the client could send the whole body.
    for _ in 0..20 {
        let hello = Request::get("http://a/hello").body(BoxBody::new(Empty::new())).unwrap();
        sender.send_request(hello).await.unwrap().into_body().collect().await.unwrap();
    }
    let sent = sent.load(Ordering::SeqCst);
    assert!((PIECE..=6 * PIECE).contains(&sent), "{sent}");
    server.gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn head_has_no_body() {
    let server = TestServer::start(config()).await;
    let (mut sender, _connection) = connect(&server).await;
    let (status, body) = send(&mut sender, request(Method::HEAD, "/hello", "")).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = TestServer::start(config_with(|limits| limits.keep_alive = SHORT)).await;
    let (mut sender, ended) = connect(&server).await;
    send(&mut sender, request(Method::GET, "/hello", "")).await;
    tokio::time::timeout(BOUND, ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_server_ends() {
    let server = TestServer::start(config()).await;
    let (mut sender, ended) = connect(&server).await;
    let waiting = tokio::spawn(async move { send(&mut sender, request(Method::GET, "/gate", "")).await });
    server.wait_at_gate(1).await;
    server.shutdown.cancel();
    server.gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap().0, StatusCode::OK);
    tokio::time::timeout(BOUND, ended).await.unwrap().unwrap();
    let report = tokio::time::timeout(BOUND, server.running).await.unwrap();
    assert_eq!(report.unwrap().requests_cut, 0);
}

#[tokio::test]
async fn a_request_whose_stream_is_reset_keeps_its_place_until_it_has_ended() {
    for (method, path) in [(Method::POST, "/change"), (Method::GET, "/gate")] {
        keeps_its_place_after_a_reset(&method, path).await;
    }
}

/// The gate stands for a slow store.
async fn keeps_its_place_after_a_reset(method: &Method, path: &'static str) {
    let mut config = config();
    config.clients.work = WorkLimits { per_network: 1, reads: 9, lists: 9, changes: 9 };
    config.timeouts.request = BOUND * 3;
    let server = TestServer::start(config).await;
    let (sender, _connection) = connect(&server).await;
    let begin = || {
        let (mut sender, method) = (sender.clone(), method.clone());
        tokio::spawn(async move { send(&mut sender, request(method, path, "")).await.0 })
    };
    for _ in 0..3 {
        let reset = begin();
        server.wait_at_gate(1).await;
        reset.abort();
        assert!(reset.await.unwrap_err().is_cancelled());
        // The server has read the reset before it answers this request, which needs no place.
        send(&mut sender.clone(), request(Method::GET, "/health", "")).await;
    }
    let second = begin();
    let mut neighbor = connect_from(&server, "127.0.0.2").await;
    neighbor.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&neighbor.read_until("hello").await), 200);
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 1, "{path}: the second one has no place yet");
    server.gate.open.add_permits(1);
    server.wait_at_gate(2).await;
    server.gate.open.add_permits(1);
    assert_eq!(second.await.unwrap(), StatusCode::OK);
    assert_eq!(server.gate.open.available_permits(), 0, "the first one has ended, too");
}

#[tokio::test]
async fn requests_that_do_not_read_their_bodies_leave_room_for_those_that_do() {
    let server = TestServer::start(config()).await;
    let (sender, _connection) = connect(&server).await;
    let body = vec![b'a'; 40_000];
    let post = |path: &'static str| {
        let (mut sender, body) = (sender.clone(), body.clone());
        tokio::spawn(async move { send(&mut sender, request(Method::POST, path, body)).await })
    };
    let waiting: Vec<_> = (0..31).map(|_| post("/late")).collect();
    server.wait_at_gate(31).await;
    assert_eq!(post("/length").await.unwrap(), (StatusCode::OK, Bytes::from("length 40000")));
    server.gate.open.add_permits(31);
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), (StatusCode::OK, Bytes::from("length 40000")));
    }
}
