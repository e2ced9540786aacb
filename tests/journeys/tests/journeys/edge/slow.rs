//! Clients that send too slowly, or read their answers too slowly.

use super::{http2, in_a_hurry};
use crate::shop::{LOGIN, PRODUCTS, Shop};
use skep_journeys::{Connection, Store, wait_for};
use std::{io, thread, time::Duration};

/// The pause between two bytes of a dripping client. It is shorter than every timeout for a single read.
const DRIP: Duration = Duration::from_millis(100);

/// A hostile client. It runs until the server hangs up, and returns the bytes that it received.
type Client = fn(&mut Connection) -> io::Result<Vec<u8>>;

const CLIENTS: &[(&str, Client)] = &[
    ("silent", |connection| connection.rest()),
    ("one byte", |connection| says(connection, b"P")),
    ("empty lines", |connection| says(connection, b"\r\n\r\n")),
    ("half a request line", |connection| says(connection, b"GET /api")),
    ("half a head", |connection| says(connection, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ")),
    ("dripping head", |connection| drips(connection, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ")),
    ("dripping lines", |connection| drips(connection, b"GET / HTTP/1.1\r\nHost: a\r\n")),
    ("half a second head", |connection| {
        connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")?;
        connection.receive(false)?;
        says(connection, b"GET /health HTTP/1.1\r\nHo")
    }),
    ("idle after an answer", |connection| {
        connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")?;
        connection.receive(false)?;
        connection.rest()
    }),
    ("stalled body", |connection| says(connection, body("Content-Length: 100\r\n\r\n{").as_bytes())),
    ("stalled chunk", |connection| says(connection, body("Transfer-Encoding: chunked\r\n\r\n5\r\n{").as_bytes())),
    ("dripping body", |connection| drips(connection, body("Content-Length: 4000\r\n\r\n{").as_bytes())),
    ("takes no answer", |connection| {
        // Each answer is over 1 MB. Together they are more than the socket buffers of both sides hold.
        connection.send("GET /api-docs HTTP/1.1\r\nHost: a\r\n\r\n".repeat(40).as_bytes())?;
        until_cut(connection, b"\r\n");
        Ok(vec![])
    }),
    ("http/2 preface alone", |connection| says(connection, http2::PREFACE)),
    ("http/2 without a request", |connection| says(connection, &http2::greeting())),
    ("http/2 idle after an answer", |connection| says(connection, &[http2::greeting(), http2::request(1)].concat())),
];

fn body(rest: &str) -> String {
    format!("POST {LOGIN} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{rest}")
}

fn says(connection: &mut Connection, bytes: &[u8]) -> io::Result<Vec<u8>> {
    connection.send(bytes)?;
    connection.rest()
}

/// Sends one byte at a time until the server no longer accepts it.
fn drips(connection: &mut Connection, start: &[u8]) -> io::Result<Vec<u8>> {
    connection.send(start)?;
    wait_for("the server to hang up on a client that drips", || {
        thread::sleep(DRIP);
        connection.send(b"a").is_err().then_some(())
    });
    connection.rest()
}

fn until_cut(connection: &mut Connection, bytes: &[u8]) {
    wait_for("the server to hang up", || connection.send(bytes).is_err().then_some(()));
}

pub(crate) fn slow_clients_are_cut_and_others_are_served(store: &Store) {
    let shop = Shop::open_on(in_a_hurry(store));
    let visitor = shop.server.visitor();
    let ends = thread::scope(|scope| {
        let slow: Vec<_> = CLIENTS
            .iter()
            .map(|(name, client)| {
                let mut connection = shop.server.connect();
                (name, scope.spawn(move || client(&mut connection)))
            })
            .collect();
        let mut served = 0;
        while served < 100 || slow.iter().any(|(_, thread)| !thread.is_finished()) {
            visitor.get(PRODUCTS).send().expect(200);
            served += 1;
        }
        slow.into_iter().map(|(name, thread)| (*name, thread.join().expect("no panic"))).collect::<Vec<_>>()
    });
    for (name, end) in ends {
        let said = end.unwrap_or_else(|error| panic!("{name}: left open: {error}"));
        let said = String::from_utf8_lossy(&said);
        // A request that has begun gets a 408. A dripping client may be cut before it reads that.
        if name.starts_with("stalled") {
            assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("\"code\":\"body_timeout\""), "{name}: {said}");
        } else if !name.starts_with("dripping") {
            assert!(!said.contains("HTTP/1.1"), "{name}: {said}");
        }
    }
    shop.server.stop();
}
