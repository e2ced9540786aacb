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
use tokio::time::sleep;

pub(super) const ATTACK: Attack = Attack {
    name: "hoarding",
    needs: Needs { products: (200, 200), newer: &[("SKEP_UNPAID_ORDER_LIFETIME", "2")], ..SMALL },
    growth: GROWTH,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The most orders that an attacker tries, and their lines.
const ORDERS: usize = 30;
const LINES: usize = 200;
/// The pieces in open orders of one account that are too many.
const TOO_MANY: u64 = 5_000;
/// The pieces of the product that an attacker takes away.
const PIECES: usize = 5;
/// How often a buyer tries to get what was not paid, and the pause before each attempt.
const ATTEMPTS: usize = 8;
const PAUSE: Duration = Duration::from_secs(1);

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let scarce = vec![scarce(ground).await?; PIECES];
    let taken = ask(HOSTILE, ground.address(), &ground.order(0, "", &scarce)).await?.status;
    if taken != 201 {
        return Err(format!("the order of all pieces was answered {taken}").into());
    }
    let mut bought = vec![];
    for _ in 0..ATTEMPTS {
        sleep(PAUSE).await;
        bought.push(ask(innocent(0), ground.address(), &ground.order(1, "", &scarce)).await?.status);
        if bought.last() == Some(&201) {
            break;
        }
    }
    let (mut statuses, order) = (vec![], ground.order(0, "", &ground.products()[..LINES]));
    for _ in 0..ORDERS {
        statuses.push(ask(HOSTILE, ground.address(), &order).await?.status);
        if statuses.last() != Some(&201) {
            break;
        }
    }
    let open = statuses.iter().filter(|status| **status == 201).count() * LINES;
    Ok(vec![
        Finding::new(
            "an order of pieces that another account took and did not pay, after the time to pay",
            "201",
            tally(&bought),
            bought.last() == Some(&201),
        ),
        Finding::at_most("pieces in open orders of one account", open as u64, TOO_MANY)
            .explained(Some(&tally(&statuses))),
    ])
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
