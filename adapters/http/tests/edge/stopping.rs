//! Stopping a server.

use crate::support::{BOUND, SHORT, TestServer, config, config_with, status};
use skep_http::edge::DrainReport;

const GATE: &str = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_server_ends() {
    let server = TestServer::start(config()).await;
    let mut idle = server.connect().await;
    idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.read_until("hello").await;
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.send(GATE).await;
    server.wait_at_gate(1).await;

    server.shutdown.cancel();
    // Connections without a request are closed while the request still runs.
    assert_eq!(idle.read_to_end().await, "");
    assert_eq!(silent.read_to_end().await, "");
    assert!(!server.running.is_finished());
    server.gate.open.add_permits(1);
    let answer = busy.read_to_end().await;
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("through"));
    let report = tokio::time::timeout(BOUND, server.running).await.unwrap();
    assert_eq!(report.unwrap(), DrainReport::default());
}

#[tokio::test]
async fn an_incomplete_head_does_not_delay_the_stop() {
    let server = TestServer::start(config_with(|limits| {
        limits.first_request = BOUND * 3;
        limits.header_read = BOUND * 3;
        limits.drain = BOUND * 3;
    }))
    .await;
    let mut fresh = server.connect().await;
    fresh.send("GET /hello HTTP/1.1\r\nHo").await;
    let mut used = server.connect().await;
    used.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    used.read_until("hello").await;
    used.send("GET /he").await;
    server.shutdown.cancel();
    assert_eq!(fresh.read_to_end().await, "");
    assert_eq!(used.read_to_end().await, "");
    let report = tokio::time::timeout(BOUND, server.running).await.unwrap();
    assert_eq!(report.unwrap(), DrainReport::default());
}

#[tokio::test]
async fn no_connection_is_accepted_while_draining() {
    let server = TestServer::start(config()).await;
    let mut busy = server.connect().await;
    busy.send(GATE).await;
    server.wait_at_gate(1).await;
    server.shutdown.cancel();
    let refused = async { while tokio::net::TcpStream::connect(server.address).await.is_ok() {} };
    tokio::time::timeout(BOUND, refused).await.unwrap();
    server.gate.open.add_permits(1);
    assert_eq!(status(&busy.read_to_end().await), 200);
}

#[tokio::test]
async fn requests_that_outlast_draining_are_cut_and_counted() {
    let server = TestServer::start(config_with(|limits| limits.drain = SHORT)).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    first.send(GATE).await;
    second.send(GATE).await;
    server.wait_at_gate(2).await;
    server.shutdown.cancel();
    let report = tokio::time::timeout(BOUND, server.running).await.unwrap();
    assert_eq!(report.unwrap(), DrainReport { connections_cut: 2, requests_cut: 2 });
    assert_eq!(first.read_to_end().await, "");
}
