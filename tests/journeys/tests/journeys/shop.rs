//! The shop of the journeys: a deployment with a server, an admin, users and products.

use serde_json::{Value, json};
use skep_journeys::{Answer, Client, Deployment, Server, Store};

pub(crate) const PRODUCTS: &str = "/api/v1/products";
pub(crate) const ORDERS: &str = "/api/v1/orders";
pub(crate) const REGISTER: &str = "/api/v1/auth/register";
pub(crate) const LOGIN: &str = "/api/v1/auth/login";
pub(crate) const SETUP: &str = "/api/v1/setup";
pub(crate) const PROFILE: &str = "/api/v1/users/me";
pub(crate) const PASSWORD: &str = "bees build hexagons";

/// A deployment with a running server and an admin.
pub(crate) struct Shop {
    pub(crate) server: Server,
    pub(crate) admin: Client,
    // The last field, so that the server is dropped before its database.
    pub(crate) deployment: Deployment,
}

impl Shop {
    #[track_caller]
    pub(crate) fn open(store: &Store) -> Self {
        Self::open_on(Deployment::new(store))
    }

    #[track_caller]
    pub(crate) fn open_on(deployment: Deployment) -> Self {
        let server = deployment.start();
        let token = server.setup_token().expect("a token for the setup is printed");
        server.visitor().post(SETUP).json(with_token(&token)).send().ok();
        let admin = log_in(&server, "grace");
        Self { server, admin, deployment }
    }

    /// Registers a user and logs in.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> Client {
        self.server.visitor().post(REGISTER).json(account(name)).send().ok();
        log_in(&self.server, name)
    }

    #[track_caller]
    pub(crate) fn users(&self, count: usize) -> Vec<Client> {
        (0..count).map(|n| self.user(&format!("user{n}"))).collect()
    }

    /// Creates a product and returns its id.
    #[track_caller]
    pub(crate) fn product(&self, sku: &str, cents: i64, stock: i64) -> String {
        self.admin.post(PRODUCTS).json(product(sku, cents, stock)).send().expect(201).text("/id")
    }

    /// The pieces on hand and the reserved pieces.
    #[track_caller]
    pub(crate) fn stock(&self, product: &str) -> (i64, i64) {
        stock_seen_by(&self.admin, product)
    }

    /// The number of all orders.
    #[track_caller]
    pub(crate) fn order_count(&self) -> i64 {
        count(&self.admin, ORDERS)
    }

    /// The state of the shop: every product with its stock, and every order.
    #[track_caller]
    pub(crate) fn state(&self) -> Vec<Value> {
        let mut state = all(&self.admin, &format!("{PRODUCTS}?sort=sku&limit=100"));
        let stocks: Vec<Value> = state.iter().map(|product| stock_of(&self.admin, id_of(product)).json()).collect();
        state.extend(stocks);
        state.extend(all(&self.admin, &format!("{ORDERS}?limit=100")));
        state
    }
}

#[track_caller]
pub(crate) fn log_in(server: &Server, name: &str) -> Client {
    let answer = server.visitor().post(LOGIN).json(credentials(name)).send().ok();
    server.visitor().with_token(answer.text("/access_token"))
}

pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}

pub(crate) fn credentials(name: &str) -> Value {
    json!({ "email": email(name), "password": PASSWORD })
}

pub(crate) fn account(name: &str) -> Value {
    json!({ "email": email(name), "password": PASSWORD, "display_name": name })
}

/// The body of a setup with the admin Grace.
pub(crate) fn with_token(token: &str) -> Value {
    json!({ "token": token, "email": email("grace"), "password": PASSWORD, "display_name": "Grace" })
}

pub(crate) fn product(sku: &str, cents: i64, stock: i64) -> Value {
    json!({ "sku": sku, "name": format!("Honey {sku}"), "price": eur(cents), "stock": stock })
}

pub(crate) fn eur(cents: i64) -> Value {
    json!({ "amount": cents, "currency": "EUR" })
}

/// The body of an order of these products.
pub(crate) fn basket(lines: &[(&str, i64)]) -> Value {
    let line = |(product, quantity): &(&str, i64)| json!({ "product_id": product, "quantity": quantity });
    json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

pub(crate) fn path(product: &str) -> String {
    format!("{PRODUCTS}/{product}")
}

pub(crate) fn stock_path(product: &str) -> String {
    format!("{PRODUCTS}/{product}/stock")
}

pub(crate) fn id_of(item: &Value) -> &str {
    item["id"].as_str().expect("an id")
}

#[track_caller]
pub(crate) fn stock_of(client: &Client, product: &str) -> Answer {
    client.get(stock_path(product)).send().ok()
}

/// The pieces on hand and the reserved pieces.
#[track_caller]
pub(crate) fn stock_seen_by(admin: &Client, product: &str) -> (i64, i64) {
    let stock = stock_of(admin, product);
    assert_eq!(stock.number("/available"), stock.number("/on_hand") - stock.number("/reserved"), "{stock:?}");
    (stock.number("/on_hand"), stock.number("/reserved"))
}

/// The number of items. A list that is not read in pages shows all of them.
#[track_caller]
pub(crate) fn count(client: &Client, list: &str) -> i64 {
    let paged = client.get(format!("{list}?limit=1&count=exact")).send();
    if paged.status == 400 {
        return i64::try_from(all(client, list).len()).expect("a few items");
    }
    paged.ok().number("/page/total")
}

/// All items of a list, read by following its links.
#[track_caller]
pub(crate) fn all(client: &Client, target: &str) -> Vec<Value> {
    pages(client, target).into_iter().flatten().collect()
}

/// The pages of a list, read by following its links.
#[track_caller]
pub(crate) fn pages(client: &Client, target: &str) -> Vec<Vec<Value>> {
    let mut pages = vec![];
    let mut next = Some(target.to_owned());
    while let Some(target) = next {
        let page = client.get(target).send().ok().json();
        assert_eq!(page["page"]["has_more"], !page["links"]["next"].is_null(), "{page}");
        assert_eq!(page["page"]["has_more"], !page["page"]["next_cursor"].is_null(), "{page}");
        pages.push(page["data"].as_array().expect("a list").clone());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    pages
}
