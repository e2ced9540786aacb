//! Allocations per request, and bytes of the answers: `cargo test -p skep-budgets --test allocations`.
//!
//! They are counted on SQLite, in an unoptimized build, on the one thread that answers the request. Allocations of the
//! store's log writer and of SQLite itself are not counted. The access log is on.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use allocation_counter::measure;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use skep_budgets::{Buyer, Section, Server, Table, order, stores};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

const SECTION: Section =
    Section { name: "allocations", bless: "SKEP_BLESS=1 cargo test -p skep-budgets --test allocations" };
const HEADS: [&str; 5] = ["request", "allocations", "bytes allocated", "bytes of the head", "bytes of the body"];
/// The percentage by which a budget may be exceeded, so that another version of a dependency is not a failure.
const TOLERANCE: u64 = 3;
/// The first requests fill caches and are not measured.
const WARM_UP: usize = 30;
const MEASURED: usize = 31;

struct Bench {
    runtime: Runtime,
    server: Server,
    admin: Buyer,
    buyer: Buyer,
    table: Table,
}

impl Bench {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (server, admin, buyer) = runtime.block_on(async {
            let (_, sqlite) = stores().remove(0);
            let server = Server::start(&*sqlite).await;
            server.set_up().await;
            server.register().await;
            let (_, admin) = server.log_in("admin@example.com").await;
            let (_, buyer) = server.log_in("bob@example.com").await;
            (server, admin, buyer)
        });
        Self { runtime, server, admin, buyer, table: Table::with(&HEADS) }
    }

    /// Measures the requests that `make` makes, and keeps the median of each number.
    fn count(&mut self, name: &str, mut make: impl FnMut(usize) -> Request<Full<Bytes>>) {
        let mut costs: [Vec<u64>; 4] = Default::default();
        for number in 0..WARM_UP + MEASURED {
            let request = make(number);
            let mut answer = None;
            let info = measure(|| answer = Some(self.runtime.block_on(self.server.handle(request))));
            let (head, body) = answer.unwrap();
            assert!(head.status().is_success(), "{name}: {} {}", head.status(), String::from_utf8_lossy(&body));
            if number >= WARM_UP {
                let size = |bytes: usize| u64::try_from(bytes).unwrap();
                let head: usize =
                    head.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
                let found = [info.count_total, info.bytes_total, size(head), size(body.len())];
                costs.iter_mut().zip(found).for_each(|(costs, found)| costs.push(found));
            }
        }
        let median = costs.map(|mut costs| {
            costs.sort_unstable();
            costs[costs.len() / 2].to_string()
        });
        self.table.rows.push([vec![name.to_owned()], median.to_vec()].concat());
    }
}

#[test]
fn allocations_and_bytes_stay_within_the_table() {
    // The log of the server, written to a sink. Spans are off.
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("info,skep::spans=off"));
    let _log = tracing::subscriber::set_default(log.with_writer(std::io::sink).finish());
    let mut bench = Bench::open();
    let mut products: Vec<String> = vec![];
    for number in 0..25 {
        products.push(bench.runtime.block_on(bench.server.product(&bench.admin, number)));
    }
    let (token, product) = (bench.buyer.token.clone(), products[0].clone());
    let get = |path: &str, headers: &[(&str, &str)]| Server::request(&Method::GET, path, headers, None);
    let signed = [("authorization", token.as_str())];

    bench.count("GET /health", |_| get("/health", &[]));
    bench.count("GET product, anonymous", |_| get(&product, &[]));
    bench.count("GET product, with a token", |_| get(&product, &signed));
    bench.count("GET 20 products", |_| get("/api/v1/products?limit=20", &[]));
    let place = |lines: usize, key: Option<String>| -> Request<Full<Bytes>> {
        let (body, path): (Value, _) = (order(&products[..lines]), "/api/v1/orders");
        let headers = match &key {
            Some(key) => vec![signed[0], ("idempotency-key", key.as_str())],
            None => signed.to_vec(),
        };
        Server::request(&Method::POST, path, &headers, Some(&body))
    };
    bench.count("POST order of 3 lines", |_| place(3, None));
    bench.count("POST order of 3 lines, with a key", |number| place(3, Some(format!("order-{number:06}"))));
    let (_, body) = bench.runtime.block_on(bench.server.handle(place(3, None)));
    let order: Value = serde_json::from_slice(&body).unwrap();
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    bench.count("GET order of 3 lines", |_| get(&path, &signed));

    let Bench { runtime, server, table, .. } = bench;
    runtime.block_on(server.stop());
    SECTION.check(&table, |column, found, budget| {
        let numbers = found.parse::<u64>().ok().zip(budget.parse::<u64>().ok());
        column == 0 || numbers.is_some_and(|(found, budget)| found * 100 <= budget * (100 + TOLERANCE))
    });
}
