//! Too many connections: of all clients together, and of one network.

use crate::support::{BOUND, Client, SHORT, TestServer, config, header, status};
use skep_http::edge::EdgeConfig;
use std::net::SocketAddr;
use tokio::net::TcpSocket;

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const GATE: &str = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n";

async fn hello(client: &mut Client) {
    client.send(HELLO).await;
    assert_eq!(status(&client.read_until("hello").await), 200);
}

/// Asserts that the connection is answered 503 without a request, and closed.
async fn assert_refused(client: &mut Client) {
    let answer = client.read_to_end().await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert_eq!((header(&answer, "retry-after"), header(&answer, "connection")), (Some("1"), Some("close")));
}

fn with_places(places: usize) -> EdgeConfig {
    let mut config = config();
    config.limits.max_connections = places;
    config.clients.place_wait = BOUND;
    // Nothing else closes a connection.
    config.timeouts.first_request = BOUND * 3;
    config
}

fn with_connections_per_network(connections: usize) -> EdgeConfig {
    let mut config = config();
    config.clients.connections_per_network = connections;
    config
}

/// Connects from an address of the loopback.
pub(crate) async fn connect_from(server: &TestServer, address: &str) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    Client(socket.connect(server.address).await.unwrap())
}

#[tokio::test]
async fn a_new_connection_gets_the_place_of_an_idle_one() {
    let server = TestServer::start(with_places(2)).await;
    let mut busy = server.connect().await;
    busy.send(GATE).await;
    server.wait_at_gate(1).await;
    let mut idle = server.connect().await;
    hello(&mut idle).await;
    hello(&mut server.connect().await).await;
    assert_eq!(idle.read_to_end().await, "", "it made room");
    server.gate.open.add_permits(1);
    assert_eq!(status(&busy.read_until("through").await), 200);
}

#[tokio::test]
async fn a_connection_that_never_sent_a_request_makes_room() {
    let server = TestServer::start(with_places(1)).await;
    let mut silent = server.connect().await;
    silent.send("GET /he").await;
    hello(&mut server.connect().await).await;
    assert_eq!(silent.read_to_end().await, "");
}

#[tokio::test]
async fn requests_in_flight_keep_their_places_and_a_new_connection_is_answered_503() {
    let mut config = with_places(2);
    config.clients.place_wait = SHORT;
    let server = TestServer::start(config).await;
    let mut busy = [server.connect().await, server.connect().await];
    for client in &mut busy {
        client.send(GATE).await;
    }
    server.wait_at_gate(2).await;
    assert_refused(&mut server.connect().await).await;
    server.gate.open.add_permits(2);
    for client in &mut busy {
        assert_eq!(status(&client.read_until("through").await), 200);
    }
}

#[tokio::test]
async fn a_new_connection_waits_for_a_place() {
    let server = TestServer::start(with_places(1)).await;
    let mut busy = server.connect().await;
    busy.send("GET /gate HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    server.wait_at_gate(1).await;
    let mut new = server.connect().await;
    new.send(HELLO).await;
    server.gate.open.add_permits(1);
    assert_eq!(status(&busy.read_to_end().await), 200);
    assert_eq!(status(&new.read_until("hello").await), 200);
}

#[tokio::test]
async fn one_network_cannot_have_all_connections() {
    let server = TestServer::start(with_connections_per_network(2)).await;
    let mut held = [server.connect().await, server.connect().await];
    for client in &mut held {
        hello(client).await;
    }
    assert_refused(&mut server.connect().await).await;
    hello(&mut connect_from(&server, "127.0.0.2").await).await;
    for client in &mut held {
        hello(client).await;
    }
}

#[tokio::test]
async fn connections_of_proxies_and_of_exempt_networks_are_not_counted() {
    let mut config = with_connections_per_network(1);
    config.trusted_proxies = skep_http::edge::TrustedProxies::new(["127.0.0.1".parse().unwrap()]);
    config.clients.uncounted_networks = ["127.0.0.2".parse().unwrap()].into();
    let server = TestServer::start(config).await;
    let mut held = vec![];
    for address in ["127.0.0.1", "127.0.0.2"] {
        for _ in 0..3 {
            held.push(connect_from(&server, address).await);
            hello(held.last_mut().unwrap()).await;
        }
    }
    hello(&mut connect_from(&server, "127.0.0.3").await).await;
}
