//! Clients that are slow or silent, and too many clients.

use crate::support::{BOUND, SHORT, TestServer, assert_problem, config, config_with, header, status};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HEAD: &str = "POST /length HTTP/1.1\r\nHost: a\r\n";

#[tokio::test]
async fn clients_that_never_complete_a_request_are_closed() {
    let server = TestServer::start(config_with(|limits| limits.first_request = SHORT)).await;
    for sent in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: ", "\r\n\r\n"] {
        let mut client = server.connect().await;
        client.send(sent).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(BOUND, client.0.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{sent:?} was left open");
        assert!(!answer.starts_with(b"HTTP/1.1"), "{sent:?} was answered");
    }
}

#[tokio::test]
async fn a_dripped_head_is_closed() {
    let server = TestServer::start(config_with(|limits| limits.first_request = SHORT)).await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nX: ").await;
    let closed = async {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if client.0.write_all(b"a").await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(BOUND, closed).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = TestServer::start(config_with(|limits| limits.keep_alive = SHORT)).await;
    let answer = server.exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&answer), 200);
    assert_eq!(header(&answer, "connection"), None);
}

#[tokio::test]
async fn a_later_head_has_its_own_deadline() {
    let server = TestServer::start(config_with(|limits| limits.header_read = SHORT)).await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.read_until("hello").await;
    client.send("GET /hello HTTP/1.1\r\nHo").await;
    assert_eq!(client.read_to_end().await, "");
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = TestServer::start(config()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status(&client.read_until("hello").await), 200);
        client.send(&format!("{HEAD}Content-Length: 3\r\n\r\nabc")).await;
        assert_eq!(status(&client.read_until("length 3").await), 200);
    }
    // Two pipelined requests.
    let request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(&format!("{request}{request}")).await;
    client.read_until("hello").await;
    client.read_until("hello").await;
}

#[tokio::test]
async fn a_stalled_body_is_408() {
    let server = TestServer::start(config_with(|limits| limits.body_gap = SHORT)).await;
    for length in ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let answer = server.exchange(&format!("{HEAD}{length}")).await;
        assert_problem(&answer, 408, "body_timeout");
        assert_eq!(header(&answer, "connection"), Some("close"));
    }
}

#[tokio::test]
async fn a_dripped_body_is_408() {
    let server = TestServer::start(config_with(|limits| limits.body_total = SHORT)).await;
    let client = server.connect().await;
    let (mut reader, mut writer) = client.0.into_split();
    let drip = tokio::spawn(async move {
        let head = format!("{HEAD}Content-Length: 100000\r\n\r\n");
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

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let server = TestServer::start(config_with(|limits| limits.response_stall = SHORT)).await;
    let mut client = server.connect().await;
    client.send("GET /huge HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // The answer has begun. The client reads no more of it, so the server must close the connection.
    client.read_until("\r\n\r\n").await;
    let closed = async {
        while client.0.write_all(b"\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, closed).await.unwrap();
}

#[tokio::test]
async fn idle_and_hanging_connections_do_not_hinder_others() {
    let server = TestServer::start(config()).await;
    let mut held = Vec::new();
    for index in 0..200 {
        let mut client = server.connect().await;
        client.send(if index % 2 == 0 { "" } else { "GET /he" }).await;
        held.push(client);
    }
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&client.read_until("hello").await), 200);
}
