//! All connections of the server, taken by one address or by a few, and kept with requests that cost nothing.

use super::{Attack, GROWTH, count, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{Wire, ask, hostile, innocent},
    },
};
use std::{net::SocketAddr, time::Duration};
use tokio::{task::JoinSet, time::sleep};

pub(super) const ATTACK: Attack = Attack {
    name: "connections",
    // The default is 10,000. Fewer connections show the same.
    needs: Needs { settings: &[("SKEP_MAX_CONNECTIONS", "400")], ..SMALL },
    growth: GROWTH,
    // A new connection waits up to a second for the place of an idle one, and half of the neighbor's are new.
    p99: 1_100.0,
    run: |ground| Box::pin(run(ground)),
};

/// More than the server takes.
const CLIENTS: usize = 440;
/// The networks of the second attempt.
const NETWORKS: u8 = 16;
const BEAT: Duration = Duration::from_secs(1);
/// The visitors who connect during each attempt, and how many of them must be answered. The server may refuse a visitor
/// for whom no place becomes free in time.
const VISITORS: u8 = 20;
const ANSWERED: u64 = 18;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let alone = attempt(ground, 1).await?;
    let together = attempt(ground, NETWORKS).await?;
    let finding = |what: &str, statuses: &[u16]| {
        Finding::at_least(what, count(statuses, &[200]), ANSWERED).explained(Some(&tally(statuses)))
    };
    Ok(vec![
        finding("visitors that were answered while one address attacked", &alone),
        finding("visitors that were answered while 16 networks attacked", &together),
    ])
}

/// Attacks from this number of networks, and returns the statuses that new visitors get.
async fn attempt(ground: &Ground, networks: u8) -> Result<Vec<u16>, Fault> {
    let mut attackers = JoinSet::new();
    for number in 0..CLIENTS {
        let from = u8::try_from(number % usize::from(networks))?;
        attackers.spawn(occupy(from, ground.address(), number.is_multiple_of(2)));
    }
    sleep(ground.pick(BEAT * 2, BEAT)).await;
    let pause = ground.pick(BEAT / 5, BEAT / 20);
    let request = bytes("GET", &format!("/api/v1/products/{}", ground.products()[0]), "", None);
    let mut statuses = vec![];
    for visitor in 0..VISITORS {
        statuses.push(ask(innocent(visitor), ground.address(), &request).await.map_or(0, |reply| reply.status));
        sleep(pause).await;
    }
    attackers.shutdown().await;
    Ok(statuses)
}

/// Holds a connection, and opens another one when the server closes it.
async fn occupy(from: u8, to: SocketAddr, with_requests: bool) {
    let request = bytes("GET", "/health", "", None);
    loop {
        if let Ok(mut wire) = Wire::open(hostile(from), to).await {
            if with_requests {
                while wire.ask(&request).await.is_ok_and(|reply| reply.status == 200) {
                    sleep(BEAT).await;
                }
            } else {
                // A head that never ends.
                let mut byte = wire.send(&request[..request.len() - 2]).await;
                while byte.is_ok() && wire.sip(256).is_ok() {
                    sleep(BEAT).await;
                    byte = wire.send(b"X").await;
                }
            }
        }
        sleep(BEAT / 10).await;
    }
}
