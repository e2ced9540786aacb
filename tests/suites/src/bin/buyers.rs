//! A process with some buyers, for `tests/processes.rs`. It prints `ready`, waits for a line, lets the buyers order,
//! and prints their results as a line of JSON.
//!
//! `suite-buyers postgres ADDRESS PRODUCT COUNT`, `suite-buyers mongodb ADDRESS DATABASE PRODUCT COUNT`.

use skep_application::Store;
use skep_contract::{Failure, Sales};
use skep_domain::shared::ProductId;
use std::{
    io::{BufRead as _, Write as _},
    sync::Arc,
};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut mongodb = None;
    let (store, product, count): (Arc<dyn Store>, _, _) = match arguments[..] {
        ["postgres", address, product, count] => (skep_suites::open_postgres(address)?, product, count),
        ["mongodb", address, database, product, count] => {
            let store = skep_suites::open_mongodb(address, database).await?;
            mongodb = Some(store.clone());
            (store, product, count)
        }
        _ => return Err(Failure::new("usage: suite-buyers STORE ADDRESS [DATABASE] PRODUCT COUNT")),
    };
    store.check().await?;
    let mut output = std::io::stdout();
    writeln!(output, "ready")?;
    output.flush()?;
    let line = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new()));
    line.await??;
    let cart: ProductId = product.parse()?;
    let sales = Sales::of(store, &[vec![cart]], count.parse()?).await?;
    let result = serde_json::json!({ "placed": sales.placed, "short": sales.short, "failed": sales.failed });
    writeln!(output, "{result}")?;
    if let Some(store) = mongodb {
        store.close().await;
    }
    Ok(())
}
