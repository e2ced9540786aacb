//! Orders that are never paid and hold the stock of the shop.

use super::{Attack, GROWTH, P99, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{HOSTILE, ask, innocent},
    },
};
use std::{net::Ipv4Addr, time::Duration};
use tokio::time::{Instant, sleep};

pub(super) const ATTACK: Attack = Attack {
    name: "hoarding",
    needs: Needs { products: (200, 200), settings: &[("SKEP_ORDER_LIFETIME", "60")], ..SMALL },
    growth: GROWTH,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The most orders that an attacker tries, and their lines.
const ORDERS: usize = 10;
const LINES: usize = 200;
/// The most lines in unpaid orders of an account by default.
const OPEN: usize = 1_000;
/// The pieces of the product that an attacker takes away.
const PIECES: usize = 5;
/// The time that a buyer waits for pieces that were not paid, and the time between two attempts. The shortest time to
/// pay that can be configured is 60 s, so a short attack does not wait for it.
const PATIENCE: Duration = Duration::from_secs(75);
const PAUSE: Duration = Duration::from_secs(3);

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let scarce = vec![scarce(ground).await?; PIECES];
    let taken = ask(HOSTILE, ground.address(), &ground.order(0, "", &scarce)).await?.status;
    if taken != 201 {
        return Err(format!("the order of all pieces was answered {taken}").into());
    }
    let (mut statuses, order) = (vec![], ground.order(0, "", &ground.products()[..LINES]));
    for _ in 0..ORDERS {
        statuses.push(ask(HOSTILE, ground.address(), &order).await?.status);
    }
    let open = PIECES + LINES * statuses.iter().filter(|status| **status == 201).count();
    let mut findings = vec![
        Finding::at_most("lines in unpaid orders of one account", open as u64, OPEN as u64)
            .explained(Some(&tally(&statuses))),
    ];
    if ground.pick(true, false) {
        let bought = buy(ground, &scarce).await?;
        let what = "an order of pieces that another account has taken, after the time to pay";
        findings.push(Finding::new(what, "201", tally(&bought), bought.last() == Some(&201)));
    }
    Ok(findings)
}

/// Tries to buy these pieces until it succeeds or the time is over. Returns the statuses of the attempts.
async fn buy(ground: &Ground, pieces: &[String]) -> Result<Vec<u16>, Fault> {
    let (mut statuses, end) = (vec![], Instant::now() + PATIENCE);
    while Instant::now() < end && statuses.last() != Some(&201) {
        sleep(PAUSE).await;
        statuses.push(ask(innocent(0), ground.address(), &ground.order(1, "", pieces)).await?.status);
    }
    Ok(statuses)
}

/// Creates a product with few pieces, and returns its id.
async fn scarce(ground: &Ground) -> Result<String, Fault> {
    let body = format!(
        r#"{{"sku":"SCARCE","name":"Heather honey","price":{{"amount":100,"currency":"EUR"}},"stock":{PIECES}}}"#
    );
    let request = bytes("POST", "/api/v1/products", &ground.admin(), Some(&body));
    let reply = ask(Ipv4Addr::LOCALHOST, ground.address(), &request).await?;
    Ok(reply.json()["id"].as_str().ok_or("a product without an id")?.to_owned())
}
