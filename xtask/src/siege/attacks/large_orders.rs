//! Orders as large as the server takes them, on many connections of one account.

use super::{Attack, GROWTH, count, tally};
use crate::{
    bench::Fault,
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
        clients.spawn(place(ground.address(), Arc::clone(&order), end));
    }
    let answers = clients.join_all().await.concat();
    let refused = count(&answers, &[429, 503]);
    Ok(vec![
        Finding::new("an order of 1,000 lines, by default", "422", largest.to_string(), largest == 422),
        Finding::new("an order of 200 lines, by default", "201", default.to_string(), default == 201),
        Finding::at_least("orders that the server refused because of their work", refused, 1)
            .explained(Some(&format!("{}, of {lines} lines each", tally(&answers)))),
    ])
}

/// Places the same order again and again.
async fn place(to: SocketAddr, order: Arc<[u8]>, end: Instant) -> Vec<u16> {
    let mut statuses = vec![];
    let mut wire = None;
    while Instant::now() < end {
        let mut open = match wire.take() {
            Some(open) => open,
            None => match Wire::open(HOSTILE, to).await {
                Ok(open) => open,
                Err(_) => return statuses,
            },
        };
        match open.ask(&order).await {
            Ok(reply) => {
                statuses.push(reply.status);
                wire = (!reply.closes).then_some(open);
                if reply.status != 201 {
                    sleep(PAUSE).await;
                }
            }
            Err(_) => statuses.push(0),
        }
    }
    statuses
}
