//! The HTTP service of Skep in this process, over a new store.

use crate::statements::taken;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use skep::{Skep, config::Config};
use skep_application::{
    App,
    identity::{AccountMail, AccountMailKind, IdentityTx},
    kernel::{Actor, Begin, Limit, TxMode},
};
use skep_contract::{Harness, Instance, Start};
use skep_domain::{identity::LinkPurpose, shared::EmailLookup};
use skep_http::{
    api::RequestLimits,
    edge::{Edge, EdgeConfig, RequestId, ResponseBody},
};
use skep_suites::{Mongo, Postgres, Sqlite};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery";

/// An answer and its cost.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status of the answer.
    pub status: StatusCode,
    /// The bytes of the status line and the headers, without those that the connection adds (`date`).
    pub head_bytes: usize,
    /// The value of `ETag`.
    pub etag: Option<String>,
    /// The name and the value of the cookie that the answer sets, such as `session=secret`.
    pub cookie: Option<String>,
    /// The path of a new resource, if the response has one.
    pub location: Option<String>,
    /// The bytes of the answer's body.
    pub body: Bytes,
    /// The names of the statements that the store ran.
    pub statements: Vec<String>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is json")
    }

    /// A text in the body.
    ///
    /// # Panics
    /// If the body has no text with this name.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {:?}", self.body)).to_owned()
    }
}

/// The service over one store.
pub struct Server {
    edge: Edge,
    skep: Skep,
    instance: Box<dyn Instance>,
    /// The data folder, with the secret.
    _folder: TempDir,
}

/// A user with a token.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// The access token.
    pub token: String,
}

/// SQLite, and each store whose server's address is set, with their names.
///
/// # Panics
/// If an address is not a URL, or if a store that `SKEP_REQUIRE_STORES` names is missing.
#[must_use]
pub fn stores() -> Vec<(&'static str, Arc<dyn Harness>)> {
    let mut stores: Vec<(&'static str, Arc<dyn Harness>)> = vec![("sqlite", Arc::new(Sqlite::default()))];
    if let Ok(address) = std::env::var("SKEP_TEST_POSTGRES_URL") {
        stores.push(("postgres", Arc::new(Postgres::new(&address).expect("SKEP_TEST_POSTGRES_URL is an address"))));
    }
    if let Ok(address) = std::env::var("SKEP_TEST_MONGODB_URL") {
        stores.push(("mongodb", Arc::new(Mongo::new(&address))));
    }
    let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    for name in ["postgres", "mongodb"] {
        let is_required = required.split(',').any(|required| required.trim() == name);
        assert!(!is_required || stores.iter().any(|(store, _)| *store == name), "the address of {name} is not set");
    }
    stores
}

/// Limits that no test reaches.
fn no_limits() -> RequestLimits {
    let plenty = Limit::smooth(1_000_000, Duration::from_secs(60));
    RequestLimits { address: plenty, user: plenty, credentials: plenty, in_flight: 1_000, ..RequestLimits::default() }
}

impl Server {
    /// Starts the service over a new store of this kind.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(harness: &dyn Harness) -> Self {
        let instance = harness.fresh(Start::Migrated, &[]).await.expect("there is a store");
        let folder = TempDir::new().expect("there is a folder");
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let skep = Skep::builder().config(config).store(instance.store()).start().await.expect("it starts");
        let service = skep.api(no_limits());
        let ids = skep.app.ports.runtime.ids.clone();
        let mut config = EdgeConfig::new(Arc::new(move || RequestId::from_u128(ids.next().as_u128())));
        config.routes = service.routes;
        Self { edge: Edge::new(service.endpoint, config), skep, instance, _folder: folder }
    }

    /// Closes the service and removes the store.
    pub async fn stop(self) {
        self.skep.close().await;
        drop(self.edge);
        drop(self.skep);
        self.instance.destroy().await;
    }

    /// The use cases, for what no request does.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.skep.app
    }

    /// Makes a request. A body is sent as JSON, whose media type the headers can replace.
    ///
    /// # Panics
    /// If a header or the path is invalid.
    #[must_use]
    pub fn request(
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map(|body| serde_json::to_vec(body).expect("values are json"));
        if let Some(body) = &body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.header("content-length", body.len());
        }
        request.body(Full::from(body.unwrap_or_default())).expect("it is a request")
    }

    /// Sends a request and reads the whole answer.
    pub async fn handle(&self, request: Request<Full<Bytes>>) -> (Response<()>, Bytes) {
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let (head, body) = self.edge.handle(request, peer).await.into_parts();
        let body: ResponseBody = body;
        let body = body.collect().await.expect("the answer is whole").to_bytes();
        (Response::from_parts(head, ()), body)
    }

    /// Sends a request and counts its statements.
    ///
    /// # Panics
    /// If it does not succeed.
    pub async fn send(&self, operation: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Reply {
        let method = operation.split(' ').next().unwrap_or_default();
        let method = Method::from_bytes(method.as_bytes()).expect("it is a method");
        let request = Self::request(&method, path, headers, body);
        drop(taken());
        let (head, body) = self.handle(request).await;
        let statements = taken();
        let status = head.status();
        assert!(status.is_success(), "{operation}: {status} {}", String::from_utf8_lossy(&body));
        let text = |name: &str| head.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, location) = (text("etag"), text("location"));
        let cookie = text("set-cookie").and_then(|set| set.split(';').next().map(str::to_owned));
        Reply { status, head_bytes: head_bytes(&head), etag, cookie, location, body, statements }
    }

    /// Sets the instance up with an admin.
    pub async fn set_up(&self) -> Reply {
        let token = self.skep.app.identity.issue_setup_token.execute(&Actor::system("budgets")).await;
        let token = token.expect("a token is issued").expect("there is no admin yet");
        let body = json!({ "token": token, "email": "admin@example.com", "password": PASSWORD, "display_name": "Ada" });
        self.send("POST /api/v1/setup", "/api/v1/setup", &[], Some(&body)).await
    }

    /// Registers a user, Bob.
    pub async fn register(&self) -> Reply {
        let body = json!({ "email": "bob@example.com", "password": PASSWORD, "display_name": "Bob" });
        self.send("POST /api/v1/auth/register", "/api/v1/auth/register", &[], Some(&body)).await
    }

    /// The token of the link of this purpose that was mailed last to a user.
    ///
    /// # Panics
    /// The user has no such link.
    pub async fn link_of(&self, email: &str, purpose: LinkPurpose) -> String {
        let app = &self.skep.app;
        let mut unit = Begin::<dyn IdentityTx>::begin(&*app.ports.store, TxMode::Read, &[]).await.expect("a unit");
        let lookup = EmailLookup::parse(email).expect("an address");
        let user_id = unit.users().find_by_email(&lookup).await.expect("an answer").expect("a user").id;
        let link = unit.account_links().find(user_id, purpose).await.expect("an answer").expect("a link");
        unit.rollback().await.expect("the unit ends");
        let kind = AccountMailKind::ALL.iter().copied().find(|kind| kind.link() == Some(purpose)).expect("a kind");
        let mail = AccountMail { kind, user_id, id: link.id.uuid() };
        let read = app.identity.read_account_mail.execute(&Actor::system("budgets"), mail).await;
        read.expect("an answer").and_then(|mail| mail.link).expect("a link").0
    }

    /// Logs a user in.
    pub async fn log_in(&self, email: &str) -> (Reply, Buyer) {
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = self.send("POST /api/v1/auth/login", "/api/v1/auth/login", &[], Some(&body)).await;
        let token = format!("Bearer {}", reply.text("access_token"));
        (reply, Buyer { token })
    }

    /// Creates a product and returns its path.
    pub async fn product(&self, admin: &Buyer, number: usize) -> String {
        let body = product(number);
        let headers = [("authorization", admin.token.as_str())];
        let reply = self.send("POST /api/v1/products", "/api/v1/products", &headers, Some(&body)).await;
        format!("/api/v1/products/{}", reply.text("id"))
    }

    /// Stores a picture that every visitor sees, and returns its id.
    ///
    /// # Panics
    /// If the request does not succeed.
    pub async fn image(&self, owner: &Buyer) -> String {
        let request = Request::post("/api/v1/files?visibility=public&purpose=image").header("host", "localhost");
        let request = request.header("authorization", &owner.token).header("content-type", "image/png");
        let png = Bytes::from_static(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        let request = request.header("content-length", png.len()).body(Full::from(png)).expect("it is a request");
        let (head, body) = self.handle(request).await;
        assert_eq!(head.status(), 201, "{}", String::from_utf8_lossy(&body));
        let file: Value = serde_json::from_slice(&body).expect("it is JSON");
        file["id"].as_str().expect("an id").to_owned()
    }
}

/// The body of a request that creates a product.
#[must_use]
pub fn product(number: usize) -> Value {
    json!({
        "sku": format!("honey-{number:06}"),
        "name": format!("Honey {number:06}"),
        "description": "Blossom honey from the hills, 500 g",
        "price": { "amount": 1999, "currency": "EUR" },
        "stock": 1_000_000,
    })
}

/// The body of an order of two pieces of each product. A product is given by its path.
#[must_use]
pub fn order(products: &[String]) -> Value {
    let id = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
    let lines: Vec<Value> = products.iter().map(|path| json!({ "product_id": id(path), "quantity": 2 })).collect();
    json!({ "lines": lines })
}

fn head_bytes(head: &Response<()>) -> usize {
    let status = format!("HTTP/1.1 {} {}\r\n", head.status().as_str(), head.status().canonical_reason().unwrap_or(""));
    let lines = head.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    status.len() + lines.sum::<usize>() + 2
}
