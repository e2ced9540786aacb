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
/// Products that everybody wants, so that buyers wait for each other.
const HOT: usize = 2;
/// A product of which there is often too little; the next one.
const SCARCE: usize = HOT;
const COUNT: usize = 12;
/// More than any campaign sells.
const PLENTY: i64 = 100_000_000;
/// Tokens are good for an hour.
const LOG_IN_AGAIN: Duration = Duration::from_secs(30 * 60);

/// A shop.
pub(crate) struct Shop {
    /// The instances that run.
    pub(crate) servers: Vec<Server>,
    pub(crate) buyers: Vec<Account>,
    pub(crate) admin: Account,
    pub(crate) products: Vec<Uuid>,
    logged_in: Instant,
    // Last, so that the servers are gone before their database.
    pub(crate) deployment: Deployment,
}

/// Somebody with a token.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    name: String,
    token: String,
    /// Orders that were acknowledged and not called off.
    pub(crate) orders: Vec<Uuid>,
}

impl Account {
    /// This user at a server.
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
    /// Opens a shop with so many instances and buyers.
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
        // After the set-up: every start without an admin takes the token away that the one before has printed.
        servers.extend((1..instances).map(|instance| start(&deployment, instance)));
        Self { servers, buyers, admin, products, logged_in: Instant::now(), deployment }
    }

    /// Starts the instance again that was killed.
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

    /// A basket of one to three products, half of them hot.
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

    /// A product, and how many pieces of it somebody has counted; none if the server is gone.
    pub(crate) fn count(&self, rng: &mut StdRng, admin: &Client) -> Option<(Uuid, i64)> {
        let n = rng.random_range(0..COUNT);
        let product = self.products[n.max(SCARCE)];
        if n > SCARCE {
            return Some((product, PLENTY + rng.random_range(0..1_000)));
        }
        // A few more than are reserved; others may be quicker, and then it is too few.
        let stock = admin.get(format!("{PRODUCTS}/{product}/stock"));
        let stock = admin.connect().ok()?.exchange(&stock.bytes()).ok()?;
        // A store that is away does not tell.
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
