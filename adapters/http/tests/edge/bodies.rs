//! Bodies that no endpoint reads, bodies in small pieces, and more bodies than there is memory for.

use crate::support::{BOUND, Client, TestServer, assert_problem, body, config, header, status};
use http::Method;
use serde_json::json;
use skep_http::edge::{BodyLimit, EdgeConfig, RouteTable};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const NEXT: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

fn request(line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

/// Requests with a body of 5 bytes that are answered without it, and the end of each answer.
const UNREAD: [(&str, u16, &str); 5] = [
    ("GET /hello", 200, "hello"),
    ("POST /ignore", 200, "ignored"),
    ("POST /hello", 405, "}"),
    ("POST /nowhere", 404, "}"),
    ("OPTIONS /hello", 204, "\r\n\r\n"),
];

#[tokio::test]
async fn a_connection_is_used_again_after_an_answer_that_needs_no_body() {
    let server = TestServer::start(config()).await;
    let mut client = server.connect().await;
    for (line, expected, end) in UNREAD {
        client.send(&format!("{}12345", request(line, "Content-Length: 5\r\n"))).await;
        let answer = client.read_until(end).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (expected, None), "{line}");
        client.send(NEXT).await;
        assert_eq!(status(&client.read_until("hello").await), 200, "after {line}");
    }
}

#[tokio::test]
async fn the_rest_of_a_short_body_is_waited_for() {
    let server = TestServer::start(config()).await;
    let mut client = server.connect().await;
    for (line, expected, end) in UNREAD {
        client.send(&format!("{}12", request(line, "Content-Length: 5\r\n"))).await;
        tokio::task::yield_now().await;
        client.send("345").await;
        assert_eq!(status(&client.read_until(end).await), expected, "{line}");
        client.send(NEXT).await;
        assert_eq!(status(&client.read_until("hello").await), 200, "after {line}");
    }
}

#[tokio::test]
async fn a_body_over_a_limit_is_discarded_if_its_rest_is_short() {
    let mut config = config();
    config.limits.max_body_bytes = 4;
    let server = TestServer::start(config).await;
    let mut client = server.connect().await;
    client.send(&format!("{}12345", request("POST /length", "Content-Length: 5\r\n"))).await;
    assert_eq!(status(&client.read_until("}").await), 413);
    client.send(NEXT).await;
    assert_eq!(status(&client.read_until("hello").await), 200);
}

#[tokio::test]
async fn an_answer_says_close_if_the_rest_of_the_body_is_long_or_does_not_come() {
    let mut config = config();
    config.timeouts.linger = Duration::from_millis(200);
    let server = TestServer::start(config).await;
    for (line, expected, _) in UNREAD {
        for length in [5, 65_537, 1_u64 << 40] {
            let answer = server.exchange(&request(line, &format!("Content-Length: {length}\r\n"))).await;
            assert_eq!((status(&answer), header(&answer, "connection")), (expected, Some("close")), "{line} {length}");
        }
        let answer = server.exchange(&request(line, "Transfer-Encoding: chunked\r\n")).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (expected, Some("close")), "{line} chunked");
    }
}

/// The client sends its whole body before it reads. The buffers of the sockets cannot hold the body, and the answer must
/// not be lost.
#[tokio::test]
async fn the_close_lingers_until_the_client_has_sent_its_body() {
    let server = TestServer::start(config()).await;
    let sent = "a".repeat(7 << 20);
    let length = format!("Content-Length: {}\r\n", sent.len());
    let unread = UNREAD.map(|(line, expected, _)| (line, expected, length.clone()));
    let two_hosts = ("GET /hello", 400, format!("Host: b\r\n{length}"));
    for (line, expected, headers) in unread.into_iter().chain([two_hosts]) {
        let answer = server.exchange(&format!("{}{sent}", request(line, &headers))).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (expected, Some("close")), "{line}");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_continue_is_not_asked_for_a_body_that_is_not_read() {
    let server = TestServer::start(config()).await;
    for (line, expected, _) in UNREAD {
        let answer = server.exchange(&request(line, "Expect: 100-continue\r\nContent-Length: 5\r\n")).await;
        assert_eq!((status(&answer), header(&answer, "connection")), (expected, Some("close")), "{line}");
    }
    let mut client = server.connect().await;
    client.send(&request("POST /length", "Expect: 100-continue\r\nContent-Length: 5\r\n")).await;
    assert_eq!(status(&client.read_until("\r\n\r\n").await), 100);
    client.send("12345").await;
    assert_eq!(header(&client.read_until("length 5").await, "connection"), None);
}

#[tokio::test]
async fn a_body_in_many_small_chunks_is_refused_and_larger_chunks_pass() {
    let mut config = config();
    config.bodies.small_pieces = 100;
    let server = TestServer::start(config).await;
    let head = request("POST /length", "Transfer-Encoding: chunked\r\n");
    let chunks = |size: usize, count: usize| {
        let chunk = format!("{size:x}\r\n{}\r\n", "a".repeat(size));
        format!("{head}{}0\r\n\r\n", chunk.repeat(count))
    };
    assert_eq!(body(&server.exchange(&chunks(1, 100)).await), "length 100");
    assert_problem(&server.exchange(&chunks(1, 101)).await, 400, "body_fragmented");
    assert_eq!(body(&server.exchange(&chunks(1_000, 1_000)).await), "length 1000000");
}

/// Sends a body to `/hold` and leaves it there.
async fn hold(server: &TestServer, size: usize) -> Client {
    let mut client = server.connect().await;
    let head = request("POST /hold", &format!("Content-Length: {size}\r\n"));
    client.send(&format!("{head}{}", "a".repeat(size))).await;
    client
}

#[tokio::test]
async fn one_network_holds_a_quarter_of_the_memory_for_bodies() {
    let mut config = config();
    config.bodies.memory_bytes = 4 * 64 * 1024;
    let server = TestServer::start(config).await;
    let mut first = hold(&server, 40_000).await;
    server.wait_at_gate(1).await;
    let refused = hold(&server, 40_000).await.read_until("}").await;
    assert_eq!((status(&refused), header(&refused, "retry-after")), (503, Some("1")), "{refused}");
    // A smaller body still has a place.
    let mut second = hold(&server, 10_000).await;
    server.wait_at_gate(2).await;
    server.gate.open.add_permits(2);
    first.read_until("through").await;
    second.read_until("through").await;
    // The answers have given the bytes back.
    let mut third = hold(&server, 60_000).await;
    server.gate.open.add_permits(1);
    third.read_until("through").await;
}

fn with_limit(limit: BodyLimit) -> EdgeConfig {
    let mut config = config();
    let document = json!({ "paths": { "/length": { "post": { "operationId": "measure" }, "put": {} } } });
    config.routes = RouteTable::from_openapi(&document)
        .and_then(|table| table.with("/hello", [Method::GET]))
        .unwrap()
        .with_body_limits(|operation| (operation == "measure").then_some(limit));
    config
}

#[tokio::test]
async fn an_operation_has_its_own_limit_of_size() {
    let server = TestServer::start(with_limit(BodyLimit::new(1, 10))).await;
    let mut client = server.connect().await;
    for (method, size, expected, end) in
        [("POST", 1024, 200, "length 1024"), ("POST", 1025, 413, "}"), ("PUT", 1025, 200, "length 1025")]
    {
        let head = request(&format!("{method} /length"), &format!("Content-Length: {size}\r\n"));
        client.send(&format!("{head}{}", "a".repeat(size))).await;
        assert_eq!(status(&client.read_until(end).await), expected, "{method} {size}");
    }
}

#[tokio::test]
async fn an_operation_has_its_own_limit_of_time() {
    let limit = BodyLimit { time: Duration::from_millis(200), ..BodyLimit::new(64, 0) };
    let server = TestServer::start(with_limit(limit)).await;
    let (mut reader, mut writer) = server.connect().await.0.into_split();
    let head = request("POST /length", "Content-Length: 10000\r\n");
    let drip = tokio::spawn(async move {
        writer.write_all(head.as_bytes()).await.unwrap();
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = String::new();
    tokio::time::timeout(BOUND, reader.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_problem(&answer, 408, "body_timeout");
    drip.abort();
}
