//! Visitors that ask for the total of all products with every page.

use super::{Attack, GROWTH};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{Wire, hostile},
    },
};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};

pub(super) const ATTACK: Attack = Attack {
    name: "exact-counts",
    needs: Needs { products: (100_000, 2_000), ..NEEDS },
    growth: GROWTH,
    p99: 50.0,
    run: |ground| Box::pin(run(ground, SHARE)),
};

/// The longest list whose total is exact, so that it is counted at each request.
pub(super) const OF_10000: Attack = Attack {
    name: "exact-counts-10000",
    needs: Needs { products: (10_000, 1_000), ..NEEDS },
    growth: GROWTH,
    p99: 50.0,
    run: |ground| Box::pin(run(ground, SHARE_OF_10000)),
};

// The limit of requests would end the attack before it shows what a request costs.
const NEEDS: Needs = Needs { settings: &[("SKEP_LIMIT_ADDRESS", "1000000")], ..SMALL };

const CLIENTS: u8 = 20;
/// The smallest share of the pages without a count that the pages with a count may reach.
const SHARE: f64 = 0.5;
/// The same for a list that is counted at each request. Such a page takes five units of the limit.
const SHARE_OF_10000: f64 = 0.2;
/// The number up to which a total is exact.
const EXACT: u64 = 10_000;

/// What the clients have got.
#[derive(Debug, Default)]
struct Got {
    pages: u64,
    wrong: u64,
    first_wrong: Option<String>,
}

async fn run(ground: &Ground, least: f64) -> Result<Vec<Finding>, Fault> {
    let length = ground.pick(Duration::from_secs(6), Duration::from_secs(1));
    let products = ground.products().len() as u64;
    let counted = pages(ground, "/api/v1/products?limit=1&count=exact", length, move |body| {
        let page = &body["page"];
        page["total"] == products.min(EXACT) && page["total_is_exact"] == (products <= EXACT)
    });
    let counted = counted.await?;
    let plain = pages(ground, "/api/v1/products?limit=1", length, |_| true).await?;
    let share = counted.pages as f64 / plain.pages.max(1) as f64;
    Ok(vec![
        Finding::at_most("pages with a wrong count", counted.wrong + plain.wrong, 0)
            .explained(counted.first_wrong.or(plain.first_wrong).as_deref()),
        Finding::new(
            "pages with a count, beside pages without",
            &format!("at least {least:.2}"),
            format!("{share:.2}: {} beside {} within {:.0} s", counted.pages, plain.pages, length.as_secs_f64()),
            share >= least,
        )
        .timed(),
    ])
}

/// Reads pages on all connections for a while.
async fn pages(
    ground: &Ground,
    target: &str,
    length: Duration,
    is_right: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> Result<Got, Fault> {
    let (request, is_right) = (bytes("GET", target, "", None), Arc::new(is_right));
    let end = Instant::now() + length;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (request, is_right) = (request.clone(), Arc::clone(&is_right));
        clients.spawn(client(number, ground.address(), request, is_right, end));
    }
    let mut all = Got::default();
    for got in clients.join_all().await {
        let got = got?;
        all.pages += got.pages;
        all.wrong += got.wrong;
        all.first_wrong = all.first_wrong.or(got.first_wrong);
    }
    Ok(all)
}

async fn client(
    number: u8,
    to: SocketAddr,
    request: Vec<u8>,
    is_right: Arc<impl Fn(&Value) -> bool>,
    end: Instant,
) -> Result<Got, Fault> {
    let mut got = Got::default();
    let mut wire = Wire::open(hostile(number), to).await?;
    while Instant::now() < end {
        let reply = wire.ask(&request).await?;
        got.pages += 1;
        if reply.status != 200 || !is_right(&reply.json()) {
            got.wrong += 1;
            got.first_wrong.get_or_insert_with(|| format!("{} {}", reply.status, reply.json()["page"]));
        }
    }
    Ok(got)
}
