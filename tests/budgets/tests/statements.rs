//! Statements per request: `cargo test -p skep-budgets --test statements`. Every operation of the OpenAPI document has a
//! line; the same request has the same statements however many lines an order or rows a page has.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use serde_json::{Value, json};
use skep_budgets::{Buyer, Reply, Section, Server, Statements, Table, order, product, stores, summary};
use std::collections::{BTreeMap, BTreeSet};
use tracing_subscriber::layer::SubscriberExt as _;

const SECTION: Section =
    Section { name: "statements", bless: "SKEP_BLESS=1 scripts/test -p skep-budgets --test statements" };
/// The engines, as columns: how many, and which.
const HEADS: [&str; 5] = ["request", "SQL", "MongoDB", "SQL statements", "MongoDB commands"];

/// The statements of every request, by name, in order.
#[derive(Default)]
struct Costs(Vec<(String, Vec<String>)>);

impl Costs {
    fn add(&mut self, name: &str, reply: &Reply) {
        assert!(!self.0.iter().any(|(other, _)| other == name), "{name} is there twice");
        self.0.push((name.to_owned(), reply.statements.clone()));
    }

    /// The same request with more lines or rows: it costs the same.
    fn same(&self, name: &str, more: &str, reply: &Reply) {
        let (_, few) = self.0.iter().find(|(other, _)| other == name).unwrap();
        assert_eq!(*few, reply.statements, "{name} with {more}");
    }

    fn get(&self, name: &str) -> Option<&Vec<String>> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, statements)| statements)
    }
}

fn with<'a>(who: &'a Buyer, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("authorization", who.token.as_str())], more].concat()
}

/// Identity, and who shops after it.
async fn people(server: &Server, costs: &mut Costs) -> (Buyer, Buyer) {
    costs.add("POST /api/v1/setup", &server.set_up().await);
    costs.add("POST /api/v1/auth/register", &server.register().await);
    let (reply, admin) = server.log_in("admin@example.com").await;
    costs.add("POST /api/v1/auth/login", &reply);
    let (_, buyer) = server.log_in("bob@example.com").await;
    let path = "/api/v1/users/me";
    costs.add("GET /api/v1/users/me", &server.send("GET", path, &with(&buyer, &[]), None).await);
    (admin, buyer)
}

/// Products and their stock; answers the paths of twenty.
async fn catalog(server: &Server, costs: &mut Costs, admin: &Buyer, buyer: &Buyer) -> Vec<String> {
    let list = "/api/v1/products";
    let reply = server.send("POST", list, &with(admin, &[]), Some(&product(900_000))).await;
    costs.add("POST /api/v1/products", &reply);
    let keyed = with(admin, &[("idempotency-key", "create")]);
    let reply = server.send("POST", list, &keyed, Some(&product(900_001))).await;
    costs.add("POST /api/v1/products, with a key", &reply);
    let reply = server.send("POST", list, &keyed, Some(&product(900_001))).await;
    costs.add("POST /api/v1/products, with a key, again", &reply);
    let path = format!("{list}/{}", reply.text("id"));

    let reply = server.send("GET", &path, &[], None).await;
    costs.add("GET /api/v1/products/{id}", &reply);
    let (reply, etag) = (server.send("GET", &path, &with(buyer, &[]), None).await, reply.etag.unwrap());
    costs.add("GET /api/v1/products/{id}, with a token", &reply);
    let changed = json!({ "name": "Wax" });
    let reply = server.send("PATCH", &path, &with(admin, &[("if-match", &etag)]), Some(&changed)).await;
    costs.add("PATCH /api/v1/products/{id}", &reply);
    let keyed = with(admin, &[("if-match", "*"), ("idempotency-key", "change")]);
    let whole = json!({
        "sku": "wax", "name": "Wax", "description": "", "price": { "amount": 5, "currency": "EUR" }
    });
    let reply = server.send("PUT", &path, &with(admin, &[("if-match", "*")]), Some(&whole)).await;
    costs.add("PUT /api/v1/products/{id}", &reply);
    let reply = server.send("PATCH", &path, &keyed, Some(&json!({ "name": "Pollen" }))).await;
    costs.add("PATCH /api/v1/products/{id}, with a key", &reply);

    let stock = format!("{path}/stock");
    costs.add("GET /api/v1/products/{id}/stock", &server.send("GET", &stock, &[], None).await);
    let count = json!({ "on_hand": 7 });
    let reply = server.send("PUT", &stock, &with(admin, &[("if-match", "*")]), Some(&count)).await;
    costs.add("PUT /api/v1/products/{id}/stock", &reply);
    costs.add("DELETE /api/v1/products/{id}", &server.send("DELETE", &path, &with(admin, &[]), None).await);

    let mut products = vec![];
    for number in 0..20 {
        products.push(server.product(admin, number).await);
    }
    let page = |limit: usize, more: &str| format!("{list}?limit={limit}{more}");
    let first = server.send("GET", &page(1, ""), &[], None).await;
    costs.add("GET /api/v1/products", &first);
    costs.same("GET /api/v1/products", "20 rows", &server.send("GET", &page(20, ""), &[], None).await);
    let counted = server.send("GET", &page(1, "&count=exact"), &[], None).await;
    costs.add("GET /api/v1/products, counted", &counted);
    let counted = server.send("GET", &page(20, "&count=exact"), &[], None).await;
    costs.same("GET /api/v1/products, counted", "20 rows", &counted);
    let cursor = first.json()["page"]["next_cursor"].as_str().unwrap().to_owned();
    let next = server.send("GET", &page(1, &format!("&cursor={cursor}")), &[], None).await;
    costs.add("GET /api/v1/products, next page", &next);
    products
}

async fn ordering(server: &Server, costs: &mut Costs, buyer: &Buyer, products: &[String]) {
    let list = "/api/v1/orders";
    let place = |headers: Vec<(&'static str, &'static str)>, lines: usize| async move {
        let body: Value = order(&products[..lines]);
        let headers = with(buyer, &headers);
        server.send("POST", list, &headers, Some(&body)).await
    };
    let few = place(vec![], 1).await;
    costs.add("POST /api/v1/orders", &few);
    let many = place(vec![], 20).await;
    costs.same("POST /api/v1/orders", "20 lines", &many);
    let keyed = "POST /api/v1/orders, with a key";
    costs.add(keyed, &place(vec![("idempotency-key", "one")], 1).await);
    costs.same(keyed, "20 lines", &place(vec![("idempotency-key", "two")], 20).await);
    costs.add("POST /api/v1/orders, with a key, again", &place(vec![("idempotency-key", "two")], 20).await);

    let path = |reply: &Reply| format!("{list}/{}", reply.text("id"));
    let read = server.send("GET", &path(&few), &with(buyer, &[]), None).await;
    costs.add("GET /api/v1/orders/{id}", &read);
    let read = server.send("GET", &path(&many), &with(buyer, &[]), None).await;
    costs.same("GET /api/v1/orders/{id}", "20 lines", &read);
    for number in 0..16 {
        place(vec![], 1 + number % 3).await;
    }
    let page = |limit: usize| format!("{list}?limit={limit}");
    costs.add("GET /api/v1/orders", &server.send("GET", &page(1), &with(buyer, &[]), None).await);
    let read = server.send("GET", &page(20), &with(buyer, &[]), None).await;
    assert_eq!(read.json()["data"].as_array().unwrap().len(), 20);
    costs.same("GET /api/v1/orders", "20 rows", &read);
    let cancel = |reply: &Reply| format!("{}/cancel", path(reply));
    let reply = server.send("POST", &cancel(&few), &with(buyer, &[]), None).await;
    costs.add("POST /api/v1/orders/{id}/cancel", &reply);
    let reply = server.send("POST", &cancel(&many), &with(buyer, &[]), None).await;
    costs.same("POST /api/v1/orders/{id}/cancel", "20 lines", &reply);
}

/// Every operation of the document has a line.
fn assert_complete(costs: &Costs) {
    let document = skep_http::Api::document();
    let paths = document["paths"].as_object().unwrap();
    let operations: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let counted: BTreeSet<String> =
        costs.0.iter().map(|(name, _)| name.split(',').next().unwrap().to_owned()).collect();
    assert!(operations.len() > 10, "the document is read");
    assert_eq!(counted, operations, "every operation has a line, and no line is of another");
}

#[test]
fn statements_per_request_are_those_of_the_table() {
    let _counting = tracing::subscriber::set_default(tracing_subscriber::registry().with(Statements));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut by_store: BTreeMap<&str, Costs> = BTreeMap::new();
    for (name, harness) in stores() {
        let costs = runtime.block_on(async {
            let mut costs = Costs::default();
            let server = Server::start(&*harness).await;
            let (admin, buyer) = people(&server, &mut costs).await;
            let products = catalog(&server, &mut costs, &admin, &buyer).await;
            ordering(&server, &mut costs, &buyer, &products).await;
            server.stop().await;
            costs
        });
        assert_complete(&costs);
        by_store.insert(name, costs);
    }
    let sqlite = by_store.get("sqlite").unwrap();
    if let Some(postgres) = by_store.get("postgres") {
        assert_eq!(sqlite.0, postgres.0, "both SQL engines are asked the same");
    }
    let mongodb = by_store.get("mongodb");
    if mongodb.is_none() || !by_store.contains_key("postgres") {
        println!("not tried on every store: a server is not named");
        assert!(!Section::is_blessed(), "the table is made of all stores");
    }
    let mut table = Table::with(&HEADS);
    for (name, sql) in &sqlite.0 {
        let commands = mongodb.and_then(|costs| costs.get(name));
        let (count, which) = match commands {
            Some(commands) => (commands.len().to_string(), summary(commands)),
            None => (String::new(), String::new()),
        };
        table.rows.push(vec![name.clone(), sql.len().to_string(), count, summary(sql), which]);
    }
    SECTION.check(&table, |_, found, budget| found.is_empty() || found == budget);
}
