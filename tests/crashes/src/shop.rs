//! A shop on a store: servers, buyers, an admin and products.

use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};
use skep_journeys::{Client, Deployment, Server};
use std::time::{Duration, Instant};
use uuid::Uuid;

pub(crate) const PRODUCTS: &str = "/api/v1/products";
pub(crate) const ORDERS: &str = "/api/v1/orders";
const LOGIN: &str = "/api/v1/auth/login";
const PASSWORD: &str = "bees build hexagons";
/// The number of popular products, on which buyers wait for each other. They are the first ones.
const HOT: usize = 2;
/// The index of the product that often runs out.
const SCARCE: usize = HOT;
const COUNT: usize = 12;
/// More pieces than any campaign sells.
const PLENTY: i64 = 100_000_000;
/// Tokens are valid for an hour.
const LOG_IN_AGAIN: Duration = Duration::from_secs(30 * 60);

/// The instances on one store, and the accounts and products in it.
pub(crate) struct Shop {
    pub(crate) servers: Vec<Server>,
    pub(crate) buyers: Vec<Account>,
    pub(crate) admin: Account,
    pub(crate) products: Vec<Uuid>,
    logged_in: Instant,
    // The last field, so that the servers are dropped before their database.
    pub(crate) deployment: Deployment,
}

/// A user that is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    name: String,
    token: String,
    /// Orders that were acknowledged and not cancelled.
    pub(crate) orders: Vec<Uuid>,
}

impl Account {
    /// A client of the server that acts as this user.
    pub(crate) fn at(&self, server: &Server) -> Client {
        server.visitor().with_token(&self.token)
    }

    #[track_caller]
    fn log_in(server: &Server, name: &str) -> Self {
        let answer = server.visitor().post(LOGIN).json(credentials(name)).send().ok();
        let token = answer.text("/access_token");
        let client = server.visitor().with_token(&token);
        let id = client.get("/api/v1/users/me").send().ok().text("/id").parse().expect("an id");
        Self { id, name: name.to_owned(), token, orders: vec![] }
    }
}

impl Shop {
    /// Starts the instances and creates the admin, the buyers and the products.
    #[track_caller]
    pub(crate) fn open(deployment: Deployment, instances: usize, buyers: usize) -> Self {
        let mut servers = vec![start(&deployment, 0)];
        let server = &servers[0];
        let token = server.setup_token().expect("a token for the set-up is printed");
        let mut set_up = account("grace");
        set_up["token"] = json!(token);
        server.visitor().post("/api/v1/setup").json(set_up).send().ok();
        let admin = Account::log_in(server, "grace");
        let buyers = (0..buyers).map(|n| {
            let name = format!("buyer{n}");
            server.visitor().post("/api/v1/auth/register").json(account(&name)).send().ok();
            Account::log_in(server, &name)
        });
        let buyers = buyers.collect();
        let product = |n: usize| {
            let price = json!({ "amount": 100 + n, "currency": "EUR" });
            let stock = if n == SCARCE { 20 } else { PLENTY };
            let body =
                json!({ "sku": format!("SKU-{n}"), "name": format!("Honey {n}"), "price": price, "stock": stock });
            let answer = admin.at(server).post(PRODUCTS).json(body).send().expect(201);
            answer.text("/id").parse().expect("an id")
        };
        let products = (0..COUNT).map(product).collect();
        // Only after the set-up, because a start without an admin revokes the token that the previous start printed.
        servers.extend((1..instances).map(|instance| start(&deployment, instance)));
        Self { servers, buyers, admin, products, logged_in: Instant::now(), deployment }
    }

    /// Restarts the killed instance, and renews the tokens in time.
    #[track_caller]
    pub(crate) fn restart(&mut self, instance: usize) {
        self.servers.insert(instance, start(&self.deployment, instance));
        if self.logged_in.elapsed() > LOG_IN_AGAIN {
            let server = &self.servers[0];
            for account in self.buyers.iter_mut().chain([&mut self.admin]) {
                account.token = Account::log_in(server, &account.name).token;
            }
            self.logged_in = Instant::now();
        }
    }

    /// A random basket of one to three products, half of them popular.
    pub(crate) fn basket(&self, rng: &mut StdRng) -> Vec<(Uuid, i64)> {
        let mut lines: Vec<(Uuid, i64)> = vec![];
        for _ in 0..rng.random_range(1..=3) {
            let product =
                self.products[if rng.random() { rng.random_range(0..HOT) } else { rng.random_range(HOT..COUNT) }];
            if lines.iter().all(|(known, _)| *known != product) {
                lines.push((product, rng.random_range(1..=3)));
            }
        }
        lines
    }

    /// A random product and a new count of its pieces, or `None` if the server is gone.
    pub(crate) fn count(&self, rng: &mut StdRng, admin: &Client) -> Option<(Uuid, i64)> {
        let n = rng.random_range(0..COUNT);
        let product = self.products[n.max(SCARCE)];
        if n > SCARCE {
            return Some((product, PLENTY + rng.random_range(0..1_000)));
        }
        // A few more than are reserved. A faster buyer may reserve more, and then the count is refused.
        let stock = admin.get(format!("{PRODUCTS}/{product}/stock"));
        let stock = admin.connect().ok()?.exchange(&stock.bytes()).ok()?;
        // An unavailable store cannot answer.
        let reserved = if stock.status == 200 { stock.number("/reserved") } else { 0 };
        Some((product, reserved + rng.random_range(0..15)))
    }
}

#[track_caller]
fn start(deployment: &Deployment, instance: usize) -> Server {
    if instance == 0 { deployment.start() } else { deployment.start_second() }
}

fn credentials(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD })
}

fn account(name: &str) -> Value {
    let mut account = credentials(name);
    account["display_name"] = json!(name);
    account
}
