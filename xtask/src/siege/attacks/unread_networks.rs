//! Five networks that ask for large pages on many streams, and read nothing.

use super::{Attack, P99, closed_windows, count, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        http2::Http2,
        wire::{Wire, ask, hostile, innocent},
    },
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub(super) const ATTACK: Attack = Attack {
    name: "unread-networks",
    needs: Needs { settings: &[("SKEP_STALL_TIMEOUT", "3"), ("SKEP_IDLE_TIMEOUT", "5")], ..SMALL },
    growth: 128_000_000,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// Four of them may fill all the room for answers that is not kept for others.
const NETWORKS: u8 = 5;
/// The streams of a connection. The server may refuse some.
const STREAMS: usize = 32;
const BEAT: Duration = Duration::from_millis(250);
/// The least number of answers that begin: a megabyte each, they fill the room that is not kept for others.
const FILL: u64 = 40;
/// A page of this length needs more room than a request takes before its work, and less than is kept for others.
const SMALLER: &str = "/api/v1/products?limit=20&sort=-created_at";

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    closed_windows::fill(ground).await?;
    let (connections, length) = ground.pick((8, Duration::from_secs(8)), (2, Duration::from_secs(2)));
    let end = Instant::now() + length;
    let mut attackers = JoinSet::new();
    for network in 0..NETWORKS {
        for _ in 0..connections {
            attackers.spawn(starve(hostile(network), ground.address(), end));
        }
    }
    let pages = visit(ground.address(), end).await;
    let begun: usize = attackers.join_all().await.into_iter().sum();
    // Without a window, the head of an answer arrives and its body does not.
    let filled = ground.pick(FILL, u64::from(NETWORKS));
    Ok(vec![
        Finding::at_least("answers of large pages that have begun", begun as u64, filled),
        Finding::at_least("pages that a visitor got meanwhile", count(&pages, &[200]), pages.len() as u64)
            .explained(Some(&tally(&pages))),
    ])
}

/// Reads pages as a visitor of another network until the end. Returns the statuses.
async fn visit(to: SocketAddr, end: Instant) -> Vec<u16> {
    let request = bytes("GET", SMALLER, "", None);
    let mut statuses = vec![];
    while Instant::now() < end {
        sleep(BEAT).await;
        statuses.push(ask(innocent(0), to, &request).await.map_or(0, |reply| reply.status));
    }
    statuses
}

/// Opens streams without a window, again whenever the server closes the connection. Returns how many answers have begun.
async fn starve(from: Ipv4Addr, to: SocketAddr, end: Instant) -> usize {
    let mut begun = 0;
    while Instant::now() < end {
        let Ok(wire) = Wire::open(from, to).await else { continue };
        let Ok(mut client) = Http2::start(wire, 0).await else { continue };
        for _ in 0..STREAMS {
            if client.request("GET", closed_windows::LARGE).await.is_err() {
                break;
            }
        }
        while Instant::now() < end {
            sleep(BEAT).await;
            match client.look().await {
                Ok(heads) => begun += heads,
                Err(_) => break,
            }
        }
    }
    begun
}
