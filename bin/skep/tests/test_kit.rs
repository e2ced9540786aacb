//! The test kit for programs that embed Skep.
#![expect(clippy::unwrap_used, reason = "a test's helper fails its test by panicking")]

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use skep::testing::TestKit;
use skep_application::{
    Policies,
    identity::{
        AskedRegistration, ExtraClaims, HookVerdict, IdentityHooks, NewPassword, PasswordRule, RegistrationGate,
        TokenClaims,
    },
    kernel::BoxError,
};
use skep_domain::shared::{SessionId, UserId};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
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
    kit.clock().advance(Duration::from_secs(599));
    assert_eq!(get(&kit, PROFILE, &ada).await.status(), 200);
    // Ten minutes, and the tolerance for clocks that differ.
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

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_paid_in_time_ends_and_gives_its_pieces_to_others() {
    let kit = TestKit::start().await;
    let (admin, ada) = (kit.admin().await, kit.user("ada").await);
    let product = post(&kit, "/api/v1/products", &admin, &honey()).await;
    let stock = format!("/api/v1/products/{}/stock", product["id"].as_str().unwrap());
    let lines = json!({ "lines": [{ "product_id": product["id"], "quantity": 10 }] });
    let placed = post(&kit, "/api/v1/orders", &ada, &lines).await;
    assert_eq!(placed["expires_at"], "2026-01-08T00:00:00.000Z");
    let order = format!("/api/v1/orders/{}", placed["id"].as_str().unwrap());
    let seen = async |token: &str| {
        let stock = json_of(&get(&kit, &stock, token).await);
        (stock["reserved"].clone(), stock["available"].clone())
    };
    assert_eq!(seen(&admin).await, (json!(10), json!(0)));

    kit.clock().advance(Duration::from_secs(7 * 24 * 60 * 60));
    let (admin, bob) = (kit.log_in("admin").await, kit.user("bob").await);
    assert_eq!(seen(&admin).await, (json!(0), json!(10)), "nothing was swept yet");
    post(&kit, "/api/v1/orders", &bob, &lines).await;
    assert_eq!(seen(&admin).await, (json!(10), json!(0)));
    let confirm = async || {
        let request = Request::post(format!("{order}/confirm-payment"));
        let request = request.header("authorization", format!("Bearer {admin}")).body(String::new());
        kit.call(request.unwrap()).await
    };
    let refused = confirm().await;
    assert_eq!((refused.status().as_u16(), &json_of(&refused)["code"]), (409, &json!("reservation_expired")));
    assert_eq!(json_of(&get(&kit, &order, &admin).await)["status"], "pending");

    kit.app().sweep_expired.execute().await.unwrap();
    let ended = json_of(&get(&kit, &order, &admin).await);
    assert_eq!((&ended["status"], ended.get("expires_at")), (&json!("expired"), None));
    assert_eq!(seen(&admin).await, (json!(10), json!(0)), "the pieces belong to the other order");
    let late = confirm().await;
    assert_eq!((late.status().as_u16(), &json_of(&late)["status"]), (200, &json!("expired")));
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_orders_are_limited_and_a_payment_makes_room() {
    let kit = TestKit::configured(|config| {
        config.policies.orders.max_lines = 3;
        config.policies.orders.open_lines = Some(4);
    });
    let kit = kit.await;
    let admin = kit.admin().await;
    let mut products = vec![];
    for number in 0..4 {
        let mut product = honey();
        product["sku"] = json!(format!("HONEY-{number}"));
        products.push(post(&kit, "/api/v1/products", &admin, &product).await["id"].clone());
    }
    let place = async |lines: usize| {
        let lines: Vec<_> =
            products[..lines].iter().map(|product| json!({ "product_id": product, "quantity": 1 })).collect();
        let request = Request::post("/api/v1/orders").header("authorization", format!("Bearer {admin}"));
        let request = request.header("content-type", "application/json");
        let answer = kit.call(request.body(json!({ "lines": lines }).to_string()).unwrap()).await;
        (answer.status().as_u16(), json_of(&answer))
    };
    let (status, problem) = place(4).await;
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("too_many")));
    assert_eq!(problem["errors"][0]["detail"], "must have at most 3 lines");
    let (status, order) = place(3).await;
    assert_eq!(status, 201);
    let (status, problem) = place(2).await;
    assert_eq!((status, &problem["code"]), (409, &json!("too_many_open_lines")));
    assert_eq!(place(1).await.0, 201, "as many as are left");
    assert_eq!(place(1).await.0, 409);
    let confirm = format!("/api/v1/orders/{}/confirm-payment", order["id"].as_str().unwrap());
    let request = Request::post(confirm).header("authorization", format!("Bearer {admin}")).body(String::new());
    assert_eq!(kit.call(request.unwrap()).await.status(), 200);
    assert_eq!(place(3).await.0, 201);
    kit.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_for_a_week_or_for_ever() {
    for (lifetime, left) in [(Policies::default().events.lifetime, 0), (None, 1)] {
        let kit = TestKit::configured(|config| config.policies.events.lifetime = lifetime).await;
        kit.user("ada").await;
        let registered = kit.events().await.len();
        assert!(registered > 0);
        // Only events with a position are deleted.
        while kit.app().events.place_events.execute().await.unwrap() > 0 {}
        kit.clock().advance(Duration::from_secs(7 * 24 * 60 * 60 - 1));
        kit.app().sweep_expired.execute().await.unwrap();
        assert_eq!(kit.events().await.len(), registered, "a second is left");
        kit.clock().advance(Duration::from_secs(1));
        kit.app().sweep_expired.execute().await.unwrap();
        assert_eq!(kit.events().await.len(), left * registered);
        kit.stop().await;
    }
}

/// Lets people of the company register, and refuses one password.
#[derive(Default)]
struct Company {
    /// How often it was asked for claims.
    asked: AtomicU32,
}

#[async_trait]
impl RegistrationGate for Company {
    async fn judge(&self, asked: &AskedRegistration) -> Result<HookVerdict, BoxError> {
        match asked.email.rsplit_once('@') {
            Some((_, "example.com")) => Ok(HookVerdict::Allowed),
            Some((_, "away.example")) => Err("the list of the company is away".into()),
            _ => Ok(HookVerdict::refused("only for staff")),
        }
    }
}

#[async_trait]
impl PasswordRule for Company {
    async fn judge(&self, new: &NewPassword) -> Result<HookVerdict, BoxError> {
        let is_listed = new.password.contains("sunflowers");
        Ok(if is_listed { HookVerdict::refused("it is on the list of the company") } else { HookVerdict::Allowed })
    }
}

#[async_trait]
impl TokenClaims for Company {
    async fn claims(&self, _: UserId, _: SessionId) -> Result<ExtraClaims, BoxError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(ExtraClaims::new([("branch".to_owned(), json!("north"))])?)
    }
}

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_the_program_answer_requests() {
    let company = Arc::new(Company::default());
    let hooks = IdentityHooks {
        registration: Some(company.clone()),
        passwords: Some(company.clone()),
        claims: Some(company.clone()),
        ..IdentityHooks::default()
    };
    let kit = TestKit::built(|_| {}, |builder| builder.hooks(hooks)).await;
    let send = async |path: &str, body: Value| {
        let request = Request::post(format!("/api/v1/auth/{path}")).header("content-type", "application/json");
        let answer = kit.call(request.body(body.to_string()).unwrap()).await;
        (answer.status().as_u16(), json_of(&answer))
    };
    let register = async |email: &str, password: &str| {
        send("register", json!({ "email": email, "password": password, "display_name": "Ada" })).await
    };
    let (status, problem) = register("ada@elsewhere.example", PASSWORD).await;
    assert_eq!(
        (status, &problem["code"], &problem["detail"]),
        (403, &json!("registration_refused"), &json!("only for staff"))
    );
    let (status, problem) = register("ada@away.example", PASSWORD).await;
    assert_eq!((status, &problem["code"]), (503, &json!("store_unavailable")));
    let (status, problem) = register("ada@example.com", "seven tall sunflowers").await;
    let error = &problem["errors"][0];
    assert_eq!((status, &error["pointer"], &error["code"]), (422, &json!("/password"), &json!("password_refused")));
    assert_eq!(error["detail"], "it is on the list of the company");
    assert_eq!(register("ada@example.com", PASSWORD).await.0, 201);

    let (status, first) = send("login", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    assert_eq!((status, company.asked.load(Ordering::Relaxed)), (200, 1));
    let (status, second) = send("refresh", json!({ "refresh_token": first["refresh_token"] })).await;
    assert_eq!((status, company.asked.load(Ordering::Relaxed)), (200, 2));
    for answer in [first, second] {
        assert_eq!(get(&kit, PROFILE, answer["access_token"].as_str().unwrap()).await.status(), 200);
    }
    kit.stop().await;
}
