//! Requests that two servers in a row could parse differently. This server reads each as one request or refuses it.

use super::in_a_hurry;
use crate::shop::{ORDERS, PRODUCTS, Shop, basket};
use skep_journeys::{Server, Store};

/// The bytes that an attacker wants the server to read as a second request.
const HIDDEN: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

/// Headers of a POST. Each is refused because the end of the request is ambiguous, or because a header is invalid.
const FRAMINGS: &[&str] = &[
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 4\r\nContent-Length: 44",
    "Content-Length: 4, 44",
    "Content-Length: +4",
    "Content-Length: -4",
    "Content-Length: 0x4",
    "Content-Length: 4 4",
    "Content-Length: 99999999999999999999",
    "Content-Length:",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding:\u{b}chunked",
    "Transfer-Encoding : chunked",
    "Content-Length : 4",
    " Content-Length: 4",
    "X-A: b\r\n Transfer-Encoding: chunked",
    "X-A: b\rTransfer-Encoding: chunked",
    "X-A: b\0c",
    "X A: b",
    "X-A",
    "Host: b",
];

/// Invalid chunked bodies.
const CHUNKS: &[&str] = &[
    "x\r\n\r\n",
    "-1\r\n",
    "0x1\r\na\r\n",
    "1 1\r\na\r\n",
    "fffffffffffffffff\r\n",
    "1\r\nab\r\n",
    "1\na\n0\n\n",
    "\r\n",
];

/// Request lines that are invalid, or that name another server.
const LINES: &[&str] = &[
    "GET  /health HTTP/1.1",
    "GET /health",
    "GET /health HTTP/9.9",
    "GET /health HTTP/1.1 HTTP/1.1",
    "GET http://b/health HTTP/1.1",
    "GET health HTTP/1.1",
    "GET * HTTP/1.1",
    "G\0T /health HTTP/1.1",
    "GET /hea\tlth HTTP/1.1",
];

pub(crate) fn one_request_is_never_read_as_two(store: &Store) {
    let shop = Shop::open_on(in_a_hurry(store));
    let ada = shop.user("ada");
    let honey = shop.product("HONEY", 1999, 10);
    let before = shop.state();
    let body = basket(&[(&honey, 1)]).to_string();
    let authorization = format!("Authorization: Bearer {}\r\nContent-Type: application/json", ada.token());
    let post = |headers: &str, body: &str| {
        format!("POST {ORDERS} HTTP/1.1\r\nHost: a\r\n{authorization}\r\n{headers}\r\n\r\n{body}{HIDDEN}")
    };
    let whole = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for framing in FRAMINGS {
        is_refused_at_once(&shop.server, &post(framing, &whole));
    }
    for chunk in CHUNKS {
        is_refused_at_once(&shop.server, &post("Transfer-Encoding: chunked", chunk));
    }
    for line in LINES {
        is_refused_at_once(&shop.server, &format!("{line}\r\nHost: a\r\n\r\n{HIDDEN}"));
    }
    assert_eq!(shop.state(), before, "nothing is changed");
    // Two valid requests that are sent together are read as two.
    let list = format!("GET {PRODUCTS} HTTP/1.1\r\nHost: a\r\n\r\n");
    let answers = all_that_is_said(&shop.server, &format!("{list}{HIDDEN}"));
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let answers = all_that_is_said(&shop.server, &post(&format!("Content-Length: {}", body.len()), &body));
    assert!(answers.starts_with("HTTP/1.1 201 ") && answers.matches("HTTP/1.1 ").count() == 2, "{answers}");
    shop.server.stop();
}

/// Expects one answer, a refusal, and that the connection is closed without reading what follows.
#[track_caller]
fn is_refused_at_once(server: &Server, request: &str) {
    let said = all_that_is_said(server, request);
    let is_refused = said.starts_with("HTTP/1.1 4") && said.matches("HTTP/1.1 ").count() == 1;
    assert!(is_refused, "{request:?} was answered {said:?}");
}

#[track_caller]
fn all_that_is_said(server: &Server, request: &str) -> String {
    let mut connection = server.connect();
    // The server may hang up before everything is sent.
    let _ = connection.send(request.as_bytes());
    let said = connection.rest().unwrap_or_else(|error| panic!("{request:?} left the connection open: {error}"));
    String::from_utf8_lossy(&said).into_owned()
}
