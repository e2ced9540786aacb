//! The requests that are worked on at the same time: of one network, and of all.

use crate::{
    places::connect_from,
    support::{BOUND, Client, TestServer, assert_problem, config, header, status},
};
use skep_http::edge::{EdgeConfig, WorkLimits};
use std::{io::ErrorKind, sync::atomic::Ordering};
use tokio::{runtime::Builder, task::JoinSet};

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const GATE: &str = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n";

fn with_places(per_network: usize, reads: usize) -> EdgeConfig {
    let mut config = config();
    config.clients.work = WorkLimits { per_network, reads, lists: reads, changes: reads };
    // A request that waits for a place that it should not need fails its test.
    config.timeouts.request = BOUND * 3;
    config.clients.room_wait = BOUND * 3;
    config
}

/// Sends the head of a request and the first two bytes of its body, of five.
async fn begin(server: &TestServer, path: &str) -> Client {
    let mut client = server.connect().await;
    client.send(&format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12")).await;
    client
}

async fn hello(client: &mut Client) {
    client.send(HELLO).await;
    assert_eq!(status(&client.read_until("hello").await), 200);
}

#[tokio::test]
async fn a_request_whose_body_does_not_arrive_has_no_place() {
    let server = TestServer::start(with_places(1, 1)).await;
    let mut uploads = vec![];
    for _ in 0..3 {
        uploads.push(begin(&server, "/length").await);
        hello(&mut server.connect().await).await;
    }
    for upload in &mut uploads {
        upload.send("345").await;
        assert_eq!(status(&upload.read_until("length 5").await), 200);
    }
}

#[tokio::test]
async fn a_request_whose_body_does_not_arrive_holds_no_room_for_its_answer() {
    let mut config = with_places(9, 9);
    // Each change takes a quarter of what its network may have.
    config.clients.unsent_bytes = 1 << 20;
    let server = TestServer::start(config).await;
    let mut uploads = vec![];
    for _ in 0..8 {
        uploads.push(begin(&server, "/length").await);
        hello(&mut server.connect().await).await;
    }
    for upload in &mut uploads {
        upload.send("345").await;
        assert_eq!(status(&upload.read_until("length 5").await), 200);
    }
}

#[tokio::test]
async fn a_request_waits_for_its_place_again_when_its_body_has_arrived() {
    let server = TestServer::start(with_places(1, 1)).await;
    let mut upload = begin(&server, "/hold").await;
    hello(&mut server.connect().await).await;
    let mut first = server.connect().await;
    first.send(GATE).await;
    server.wait_at_gate(1).await;
    upload.send("345").await;
    // A second request of the network waits behind the upload, or before it.
    let mut second = server.connect().await;
    second.send(GATE).await;
    tokio::task::yield_now().await;
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 1);
    for worked_on in 2..=3 {
        server.gate.open.add_permits(1);
        server.wait_at_gate(worked_on).await;
    }
    server.gate.open.add_permits(1);
    for client in [&mut first, &mut upload, &mut second] {
        assert_eq!(status(&client.read_until("through").await), 200);
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_hasher_has_no_place_and_waits_for_one_afterwards() {
    let server = TestServer::start(with_places(1, 2)).await;
    let mut login = server.connect().await;
    login.send("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    server.wait_at_gate(1).await;
    hello(&mut server.connect().await).await;
    let mut read = server.connect().await;
    read.send(GATE).await;
    server.wait_at_gate(2).await;
    // The hasher is free, because the gate lets requests through in the order of arrival.
    server.gate.open.add_permits(1);
    hello(&mut connect_from(&server, "127.0.0.2").await).await;
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 2, "the login has no place yet");
    server.gate.open.add_permits(1);
    server.wait_at_gate(3).await;
    server.gate.open.add_permits(1);
    for client in [&mut read, &mut login] {
        assert_eq!(status(&client.read_until("through").await), 200);
    }
}

#[test]
fn an_answer_is_compressed_within_the_place_of_its_request() {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (free, is_free) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || is_free.recv());
    runtime.block_on(async {
        let server = TestServer::start(with_places(1, 2)).await;
        let mut page = server.connect().await;
        page.send("GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").await;
        let mut second = server.connect().await;
        second.send(HELLO).await;
        hello(&mut connect_from(&server, "127.0.0.2").await).await;
        // The page waits for the only thread that compresses.
        let arrived = second.0.try_read(&mut [0; 1]);
        assert_eq!(arrived.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "the place is taken");
        free.send(()).unwrap();
        assert_eq!(status(&page.read_until("\r\n\r\n").await), 200);
        assert_eq!(status(&second.read_until("hello").await), 200);
    });
}

#[tokio::test]
async fn one_network_leaves_places_for_others() {
    let server = TestServer::start(with_places(1, 2)).await;
    let mut greedy = vec![];
    for _ in 0..3 {
        greedy.push(server.connect().await);
        greedy.last_mut().unwrap().send(GATE).await;
    }
    server.wait_at_gate(1).await;
    hello(&mut connect_from(&server, "127.0.0.2").await).await;
    assert_eq!(server.gate.waiting.load(Ordering::SeqCst), 1, "the others wait");
    server.gate.open.add_permits(3);
    for client in &mut greedy {
        assert_eq!(status(&client.read_until("through").await), 200);
    }
}

#[tokio::test]
async fn too_many_waiting_requests_of_a_network_are_answered_503() {
    const WAITING: usize = 32;
    let server = TestServer::start(with_places(1, 2)).await;
    let mut requests = JoinSet::new();
    for _ in 0..1 + WAITING + 1 {
        let mut client = server.connect().await;
        client.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        requests.spawn(async move { client.read_to_end().await });
    }
    let refused = requests.join_next().await.unwrap().unwrap();
    assert_problem(&refused, 503, "unavailable");
    assert_eq!(header(&refused, "retry-after"), Some("1"));
    server.gate.open.add_permits(1 + WAITING);
    while let Some(answer) = requests.join_next().await {
        assert_eq!(status(&answer.unwrap()), 200);
    }
}

#[tokio::test]
async fn a_request_that_waits_until_its_deadline_is_answered_503() {
    let mut config = with_places(1, 1);
    config.timeouts.request = crate::support::SHORT;
    let server = TestServer::start(config).await;
    let mut change = server.connect().await;
    change.send("POST /change HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    server.wait_at_gate(1).await;
    let mut late = server.connect().await;
    late.send(HELLO).await;
    assert_eq!(status(&late.read_until("}").await), 503);
    server.gate.open.add_permits(1);
    assert_eq!(status(&change.read_until("through").await), 200);
    hello(&mut late).await;
}

#[tokio::test]
async fn requests_of_exempt_networks_and_health_checks_need_no_place() {
    let mut config = with_places(1, 1);
    config.clients.uncounted_networks = ["127.0.0.2".parse().unwrap()].into();
    let server = TestServer::start(config).await;
    let mut held = server.connect().await;
    held.send(GATE).await;
    server.wait_at_gate(1).await;
    let mut exempt = vec![];
    for count in 2..4 {
        exempt.push(connect_from(&server, "127.0.0.2").await);
        exempt.last_mut().unwrap().send(GATE).await;
        server.wait_at_gate(count).await;
    }
    let mut probe = server.connect().await;
    probe.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&probe.read_until("}").await), 404, "this application has none");
    server.gate.open.add_permits(3);
    held.read_until("through").await;
}
