//! Two processes with 32 buyers each start together and want 32 pieces from one store.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]
#![expect(clippy::print_stdout, reason = "the run shows which stores were not tried, and how long it took")]

use serde::Deserialize;
use skep_application::Store;
use skep_contract::open_shop;
use skep_suites::{Mongo, Postgres};
use std::{process::Stdio, sync::Arc, time::Instant};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

#[derive(Deserialize)]
struct Sold {
    placed: usize,
    short: usize,
    failed: Vec<String>,
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_suite-buyers"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("the process prints a line")
    }

    async fn let_in(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go\n").await.unwrap();
    }
}

/// Lets all buyers in. Exactly 32 must succeed, and the others must be refused for lack of stock.
async fn rush(store: Arc<dyn Store>, place: &[&str]) {
    let product = open_shop(&*store, 32).await.unwrap();
    let id = product.to_string();
    let arguments = [place, &[id.as_str(), "32"]].concat();
    let mut processes = [Process::start(&arguments), Process::start(&arguments)];
    for process in &mut processes {
        assert_eq!(process.line().await, "ready");
    }
    let start = Instant::now();
    for process in &mut processes {
        process.let_in().await;
    }
    let mut sold = Vec::new();
    for process in &mut processes {
        sold.push(serde_json::from_str::<Sold>(&process.line().await).unwrap());
    }
    let took = start.elapsed();
    let shares: Vec<_> = sold.iter().map(|sold| sold.placed).collect();
    println!("{}: two processes of 32 buyers, 32 pieces: {shares:?} placed in {:.2} s", place[0], took.as_secs_f64());
    let failed: Vec<_> = sold.iter().flat_map(|sold| &sold.failed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(sold.iter().map(|sold| sold.placed).sum::<usize>(), 32);
    assert_eq!(sold.iter().map(|sold| sold.short).sum::<usize>(), 32);
    let stock = store.find_stock(product, skep_domain::shared::Timestamp::MIN).await.unwrap().unwrap();
    assert_eq!((stock.reserved, stock.available), (32, 0));
    assert_eq!(store.list_events(None, 100).await.unwrap().len(), 32);
}

/// The address of a server. Without it, the test is skipped, or fails if the store is required.
fn server(store: &str, variable: &str) -> Option<String> {
    let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
    let address = std::env::var(variable).ok();
    assert!(address.is_some() || !required.split(',').any(|name| name == store), "{variable} is not set");
    if address.is_none() {
        println!("not tried: {variable} is not set");
    }
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_sell_every_piece_once_on_postgresql() {
    let Some(address) = server("postgres", "SKEP_TEST_POSTGRES_URL") else { return };
    let postgres = Postgres::new(&address).unwrap();
    let (store, own) = postgres.shared().await.unwrap();
    rush(store, &["postgres", &own]).await;
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_sell_every_piece_once_on_mongodb() {
    let Some(address) = server("mongodb", "SKEP_TEST_MONGODB_URL") else { return };
    let mongodb = Mongo::new(&address);
    let (store, database) = mongodb.shared().await.unwrap();
    rush(store.clone(), &["mongodb", &address, &database]).await;
    store.close().await;
    mongodb.close().await;
}
