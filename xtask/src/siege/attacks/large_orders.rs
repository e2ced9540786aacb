//! Orders as large as the server takes them, placed and cancelled on many connections of one account.

use super::{Attack, GROWTH, count, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{HOSTILE, Wire, ask},
    },
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub(super) const ATTACK: Attack = Attack {
    name: "large-orders",
    needs: Needs { products: (1_000, 1_000), ..SMALL },
    growth: GROWTH * 2,
    p99: 250.0,
    run: |ground| Box::pin(run(ground)),
};

/// The numbers of lines that an attacker tries.
const LINES: [usize; 2] = [1_000, 200];
const CLIENTS: usize = 100;
/// The most lines that the server may accept of one account during the attack.
const ACCEPTED: u64 = 40_000;
/// The pause of an attacker that was refused.
const PAUSE: Duration = Duration::from_millis(100);

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let mut statuses = vec![];
    for lines in LINES {
        let order = ground.order(0, "", &ground.products()[..lines]);
        statuses.push(ask(HOSTILE, ground.address(), &order).await?.status);
    }
    let [largest, default] = statuses[..] else { return Err("two orders have two answers".into()) };
    let lines = if largest == 201 { LINES[0] } else { LINES[1] };
    let order: Arc<[u8]> = ground.order(0, "", &ground.products()[..lines]).into();
    let end = Instant::now() + ground.pick(Duration::from_secs(8), Duration::from_secs(3));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(trade(ground.address(), Arc::clone(&order), ground.customer(0), end));
    }
    let answers = clients.join_all().await.concat();
    let accepted = count(&answers, &[201]) * lines as u64;
    Ok(vec![
        Finding::new("an order of 1,000 lines, by default", "422", largest.to_string(), largest == 422),
        Finding::new("an order of 200 lines, by default", "201", default.to_string(), default == 201),
        Finding::at_least("lines that an account can order", accepted, LINES[1] as u64),
        Finding::at_most("lines that one account has ordered and cancelled", accepted, ACCEPTED)
            .explained(Some(&format!("{}; {lines} lines in each order", tally(&answers)))),
    ])
}

/// Places the same order again and again, and cancels it. Returns the statuses of all answers.
async fn trade(to: SocketAddr, order: Arc<[u8]>, user: String, end: Instant) -> Vec<u16> {
    let mut statuses = vec![];
    while Instant::now() < end {
        let Ok(mut wire) = Wire::open(HOSTILE, to).await else { return statuses };
        while Instant::now() < end {
            let Ok(placed) = wire.ask(&order).await else { break };
            statuses.push(placed.status);
            if placed.status == 201 {
                let target = format!("/api/v1/orders/{}/cancel", placed.json()["id"].as_str().unwrap_or_default());
                let cancel = bytes("POST", &target, &format!("{user}If-Match: *\r\n"), None);
                statuses.push(wire.ask(&cancel).await.map_or(0, |reply| reply.status));
            } else {
                sleep(PAUSE).await;
            }
            if placed.closes {
                break;
            }
        }
    }
    statuses
}
