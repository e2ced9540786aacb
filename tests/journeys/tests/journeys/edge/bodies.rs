//! Bodies that an answer does not need, and bodies that are made to cost much.

use crate::shop::{LOGIN, ORDERS, PRODUCTS, Shop};
use skep_journeys::{Connection, Deployment, Store};

const JSON: &str = "Content-Type: application/json\r\n";

fn request(line: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Sends the request, and then another one on the same connection, as the pool of a client does.
#[track_caller]
fn answered_twice(connection: &mut Connection, request: &[u8]) -> u16 {
    let name = String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
    let answer = connection.exchange(request).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(answer.header("connection"), None, "{name}: {answer:?}");
    let next = connection.exchange(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(next.unwrap_or_else(|error| panic!("after {name}: {error}")).status, 200);
    answer.status
}

pub(crate) fn a_connection_goes_on_after_an_answer_that_needs_no_body(store: &Store) {
    let shop = Shop::open(store);
    let mut connection = shop.server.connect();
    let long = " ".repeat(60_000);
    for body in ["{}", &long] {
        for (line, headers, status) in [
            (format!("POST {ORDERS}"), JSON, 401),
            (format!("PUT {LOGIN}"), JSON, 405),
            (format!("POST {LOGIN}"), "Content-Type: text/plain\r\n", if body.len() > 4096 { 413 } else { 415 }),
            (format!("POST {LOGIN}?x=1"), JSON, if body.len() > 4096 { 413 } else { 400 }),
            ("POST /nowhere".to_owned(), JSON, 404),
            (format!("GET {PRODUCTS}"), JSON, 200),
            ("OPTIONS *".to_owned(), "", 204),
        ] {
            assert_eq!(answered_twice(&mut connection, &request(&line, headers, body)), status, "{line}");
        }
    }
    shop.server.stop();
}

pub(crate) fn a_connection_goes_on_after_too_many_requests(store: &Store) {
    let mut deployment = Deployment::new(store);
    deployment.set("SKEP_LIMIT_CREDENTIALS", "4");
    let shop = Shop::open_on(deployment);
    let mut connection = shop.server.connect();
    let log_in = request(&format!("POST {LOGIN}"), JSON, r#"{"email":"x@x.test","password":"wrong"}"#);
    let answers: Vec<u16> = (0..5).map(|_| answered_twice(&mut connection, &log_in)).collect();
    assert!(answers.ends_with(&[429]), "{answers:?}");
    shop.server.stop();
}

pub(crate) fn bodies_that_cost_more_than_their_bytes_are_refused(store: &Store) {
    let shop = Shop::open(store);
    let ada = shop.user("ada");
    let head = format!("POST {ORDERS} HTTP/1.1\r\nHost: a\r\n{JSON}Authorization: Bearer {}\r\n", ada.token());
    let small = "1\r\n \r\n".repeat(10_000);
    let answer = shop.server.connect().exchange(format!("{head}Transfer-Encoding: chunked\r\n\r\n{small}").as_bytes());
    let answer = ada.post(ORDERS).check(answer.expect("an answer"));
    assert_eq!(answer.problem(), "400 body_fragmented");
    let refused = shop.server.metric("http_server_request_bodies_refused_total");
    assert!(refused >= 1.0, "{refused}");
    // A long key comes back cut, wherever it stands.
    let key = "k".repeat(100_000);
    for (body, expected) in [
        (format!("{{\"{key}\":1}}"), "422 validation_failed"),
        (format!("{{\"{key}\":1,\"{key}\":2}}"), "400 duplicate_key"),
        (format!("{{\"{key}\":{{\"{key}\":\"\\u0000\"}}}}"), "422 validation_failed"),
        (format!("{{\"lines\":[],\"x\":{{\"{key}\":1e999}}}}"), "422 validation_failed"),
    ] {
        let answer = ada.post(ORDERS).text("application/json", body).send();
        assert!(answer.problem().starts_with(expected) && answer.body.len() < 2_000, "{answer:?}");
    }
    shop.server.stop();
}
