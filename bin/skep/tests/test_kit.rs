//! The test kit for programs that embed Skep.
#![expect(clippy::unwrap_used, reason = "a test's helper fails its test by panicking")]

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use skep::testing::TestKit;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

async fn get(kit: &TestKit, path: &str, token: &str) -> Response<Bytes> {
    let request = Request::get(path).header("authorization", format!("Bearer {token}")).body(String::new());
    kit.call(request.unwrap()).await
}

async fn post(kit: &TestKit, path: &str, token: &str, body: &Value) -> Value {
    let request = Request::post(path).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(body.to_string()).unwrap();
    let answer = kit.call(request).await;
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    json_of(&answer)
}

fn json_of(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

const PROFILE: &str = "/api/v1/users/me";

fn honey() -> Value {
    json!({ "sku": "HONEY", "name": "Honey", "price": { "amount": 1999, "currency": "EUR" }, "stock": 10 })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_expires_when_the_clock_is_moved() {
    let kit = TestKit::start().await;
    let ada = kit.user("ada").await;
    assert_eq!(get(&kit, PROFILE, &ada).await.status(), 200);
    kit.clock().advance(Duration::from_secs(3_599));
    assert_eq!(get(&kit, PROFILE, &ada).await.status(), 200);
    // An hour, and the tolerance for clocks that differ.
    kit.clock().advance(Duration::from_secs(10));
    let late = get(&kit, PROFILE, &ada).await;
    assert_eq!((late.status().as_u16(), json_of(&late)["code"].as_str()), (401, Some("invalid_token")));
    let again = kit.log_in("ada").await;
    assert_eq!(get(&kit, PROFILE, &again).await.status(), 200);
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_kits_beside_each_other_know_nothing_of_each_other() {
    let (here, there) = tokio::join!(TestKit::start(), TestKit::start());
    let (ada, admin) = (here.user("ada").await, there.admin().await);
    assert_eq!(get(&there, PROFILE, &ada).await.status(), 401);
    post(&there, "/api/v1/products", &admin, &honey()).await;
    let list = get(&here, "/api/v1/products?count=exact", &ada).await;
    assert_eq!(json_of(&list)["page"]["total"], 0);
    here.clock().advance(Duration::from_secs(86_400));
    assert_eq!(get(&here, PROFILE, &ada).await.status(), 401);
    assert_eq!(get(&there, PROFILE, &admin).await.status(), 200);
    assert_ne!(here.user("bob").await, there.user("bob").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gives_the_same_ids_and_times_every_time() {
    let run = async || {
        let kit = TestKit::start().await;
        let admin = kit.admin().await;
        let product = post(&kit, "/api/v1/products", &admin, &honey()).await;
        kit.clock().advance(Duration::from_millis(1_500));
        let lines = json!({ "lines": [{ "product_id": product["id"], "quantity": 2 }] });
        let mut order = post(&kit, "/api/v1/orders", &admin, &lines).await;
        // Keys are random, so that a user cannot guess the key of another.
        order["number"].take();
        (product, order)
    };
    let (product, order) = run().await;
    assert_eq!(product["created_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(order["created_at"], "2026-01-01T00:00:01.500Z");
    assert_eq!((product, order), run().await);
}

/// The status of an answer over a connection.
async fn status_of(url: &str, path: &'static str) -> u16 {
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let ask = move || {
        let mut socket = TcpStream::connect(address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_for_clients_that_need_a_connection() {
    let kit = TestKit::start().await;
    let url = kit.listen().await;
    assert_eq!(status_of(&url, "/ready").await, 200);
    kit.stop().await;
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err(), "it has stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_the_same_over_a_connection() {
    let kit = TestKit::configured(|config| config.limits.address.burst = 2).await;
    let url = kit.listen().await;
    for expected in [200, 200, 429] {
        assert_eq!(status_of(&url, "/api/v1/products").await, expected);
    }
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_when_they_are_asked_for_and_refill_with_the_clock() {
    let kit = TestKit::configured(|config| config.limits.user.burst = 2).await;
    let ada = kit.user("ada").await;
    for expected in [200, 200, 429] {
        assert_eq!(get(&kit, PROFILE, &ada).await.status().as_u16(), expected);
    }
    kit.clock().advance(Duration::from_secs(60));
    assert_eq!(get(&kit, PROFILE, &ada).await.status(), 200);
}
