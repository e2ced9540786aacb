//! The shop's router, driven without a socket, on a SQLite file that is gone after the test.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use axum::{Router, body::Body, http::Request, http::request::Builder};
use embed_axum::{Shop, router};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use skep::config::Config;
use skep_application::{
    catalog::{CreateProductCommand, MoneyInput},
    kernel::Actor,
    operations::Resealed,
};
use skep_sqlite::{SqliteDatabase, SqliteOptions};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The routes as a client uses them, with the token of its login.
struct Client {
    routes: Router,
    token: Option<String>,
}

impl Client {
    fn new(shop: &Arc<Shop>) -> Self {
        Self { routes: router(shop.clone()), token: None }
    }

    async fn send(&self, mut request: Builder, body: Value) -> (u16, Value) {
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        // The message of a refusal is plain text.
        let text = || String::from_utf8_lossy(&body).into_owned().into();
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| text()))
    }

    async fn log_in(shop: &Arc<Shop>, name: &str) -> Self {
        let visitor = Self::new(shop);
        let email = format!("{name}@example.com");
        let account = json!({ "email": email, "password": "bees build hexagons", "display_name": name });
        let (status, user) = visitor.send(Request::post("/accounts"), account.clone()).await;
        assert_eq!((status, &user["email"]), (200, &json!(email)), "{user}");
        let (status, session) = visitor.send(Request::post("/login"), account).await;
        assert_eq!(status, 200, "{session}");
        Self { token: session["access_token"].as_str().map(str::to_owned), ..visitor }
    }

    async fn order(&self, key: &str, product: &Value, pieces: i64) -> (u16, Value) {
        let body = json!({ "lines": [{ "product_id": product, "quantity": pieces }], "message": "Happy birthday" });
        self.send(Request::post("/orders").header("idempotency-key", key), body).await
    }
}

/// A shop in a new file, and its only product, of which two pieces are there.
async fn shop() -> (TempDir, Arc<Shop>, Value) {
    let folder = TempDir::new().unwrap();
    let database = SqliteDatabase::open(SqliteOptions::new(folder.path().join("shop.db"))).unwrap();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let shop = Shop::start(config, &database).await.unwrap();
    let product = CreateProductCommand {
        sku: "honey".to_owned(),
        name: "Honey".to_owned(),
        description: String::new(),
        price: MoneyInput { amount: 500, currency: "EUR".to_owned() },
        stock: Some(2),
    };
    let product = shop.skep.app.catalog.create_product.execute(&Actor::system("test"), product).await.unwrap();
    (folder, shop, json!(product.id))
}

/// How many orders were placed, as the outbox has it.
async fn placed(shop: &Shop) -> usize {
    let events = shop.skep.app.ports.store.list_events(None, 100).await.unwrap();
    events.iter().filter(|event| event.name == "ordering.order_placed.v1").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_its_message_are_stored_once_and_shown_to_their_owner() {
    let (_folder, shop, product) = shop().await;
    let ada = Client::log_in(&shop, "ada").await;
    let (status, order) = ada.order("first", &product, 2).await;
    assert_eq!((status, &order["total"]["amount"]), (200, &json!(1000)), "{order}");
    assert_eq!(ada.order("first", &product, 2).await, (200, order.clone()), "the kept answer");
    assert_eq!(placed(&shop).await, 1);

    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let (status, shown) = ada.send(Request::get(&path), Value::Null).await;
    assert_eq!((status, &shown["message"], &shown["order"]), (200, &json!("Happy birthday"), &order), "{shown}");
    let bob = Client::log_in(&shop, "bob").await;
    assert_eq!(bob.send(Request::get(&path), Value::Null).await.0, 404);
    assert_eq!(Client::new(&shop).send(Request::get(&path), Value::Null).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_stores_nothing() {
    let (_folder, shop, product) = shop().await;
    assert_eq!(Client::new(&shop).order("first", &product, 1).await.0, 401);
    let ada = Client::log_in(&shop, "ada").await;
    let (status, refusal) = ada.order("first", &product, 3).await;
    assert_eq!(status, 409, "{refusal}");
    let long = json!({ "lines": [{ "product_id": product, "quantity": 1 }], "message": "x".repeat(201) });
    assert_eq!(ada.send(Request::post("/orders"), long).await.0, 422);
    let forged = Client { token: Some("forged".to_owned()), ..Client::new(&shop) };
    assert_eq!(forged.order("first", &product, 1).await.0, 401);
    assert_eq!(placed(&shop).await, 0);
    // The key of a refusal is free.
    assert_eq!(ada.order("first", &product, 1).await.0, 200);
    assert_eq!(placed(&shop).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sealed_in_the_store_and_is_read_after_its_key_was_replaced() {
    let (folder, shop, product) = shop().await;
    let ada = Client::log_in(&shop, "ada").await;
    let (_, order) = ada.order("first", &product, 1).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let (fields, store) = (&shop.skep.keys.fields, &shop.skep.app.ports.store);
    let [field] = store.sealed_fields()[..] else { panic!("one field is sealed") };
    let before = store.list_sealed(field, "", 10).await.unwrap();
    assert_eq!((field.to_string(), before.len()), ("gifts.message".to_owned(), 1));
    for file in ["shop.db", "shop.db-wal"] {
        let stored = std::fs::read(folder.path().join(file)).unwrap_or_default();
        assert!(!stored.windows(14).any(|window| window == b"Happy birthday"), "{file}");
    }

    let mut reports = 0;
    let rotation = fields.rotate(&mut |_| reports += 1).await.unwrap();
    assert!(rotation.is_new && reports > 0 && rotation.fields[0].resealed == 1, "{rotation:?}");
    let after = store.list_sealed(field, "", 10).await.unwrap();
    assert_eq!(after[0].sealed.key_id(), Some(rotation.key_id.as_str()));
    assert_ne!(after[0].sealed.key_id(), before[0].sealed.key_id());
    assert_eq!(ada.send(Request::get(&path), Value::Null).await.1["message"], json!("Happy birthday"));

    // A value of the replaced key, as a server that has not read the new one would store it.
    let stale = Resealed { row: after[0].row.clone(), from: after[0].sealed.clone(), to: before[0].sealed.clone() };
    assert_eq!(store.replace_sealed(field, &[stale]).await.unwrap(), 1);
    assert_eq!(ada.send(Request::get(&path), Value::Null).await.1["message"], json!("Happy birthday"));
    let completed = fields.rotate(&mut |_| {}).await.unwrap();
    assert_eq!((completed.is_new, completed.key_id), (false, rotation.key_id), "no other key is made");

    // In the row of another order, the message does not open.
    let (_, other) = ada.order("second", &product, 1).await;
    let rows = store.list_sealed(field, "", 10).await.unwrap();
    let (mine, theirs) = if order["id"] == rows[0].row { (&rows[0], &rows[1]) } else { (&rows[1], &rows[0]) };
    let moved = Resealed { row: theirs.row.clone(), from: theirs.sealed.clone(), to: mine.sealed.clone() };
    assert_eq!(store.replace_sealed(field, &[moved]).await.unwrap(), 1);
    let path = format!("/orders/{}", other["id"].as_str().unwrap());
    let (status, refusal) = ada.send(Request::get(&path), Value::Null).await;
    assert!(status == 500 && !refusal.to_string().contains("birthday"), "{refusal}");
    let again = fields.rotate(&mut |_| {}).await.unwrap();
    assert_eq!((again.fields[0].unopened, again.fields[0].resealed), (1, 1), "{again:?}");
}
