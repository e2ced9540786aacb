//! Five networks that ask for large pages on many streams, and read nothing.

use super::{Attack, GROWTH, P99, closed_windows, count, tally};
use crate::{
    bench::{
        Fault,
        client::{bearer, bytes},
    },
    siege::{
        finding::{Finding, size},
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
    needs: NEEDS,
    growth: 128_000_000,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The same with compressed pages, which are far smaller than the memory that makes them.
pub(super) const COMPRESSED: Attack = Attack {
    name: "unread-compressed",
    needs: NEEDS,
    growth: GROWTH,
    p99: P99,
    run: |ground| Box::pin(run_compressed(ground)),
};

const NEEDS: Needs = Needs {
    settings: &[("SKEP_STALL_TIMEOUT", "3"), ("SKEP_IDLE_TIMEOUT", "5"), ("SKEP_METRICS_TOKEN", METRICS_TOKEN)],
    ..SMALL
};

const METRICS_TOKEN: &str = "the-siege-reads-the-metrics";
/// Four of them may fill all the room for answers that is not kept for others.
const NETWORKS: u8 = 5;
/// The streams of a connection. The server may refuse some.
const STREAMS: usize = 32;
const BEAT: Duration = Duration::from_millis(250);
/// The bytes that the room has while it is full: three quarters of 64 MiB, which networks that hold much may take, without
/// the last page, which does not fit.
const FULL: u64 = 47 << 20;
/// What it has at least in a short attack on a slow server.
const FULL_IN_SHORT: u64 = 4 << 20;
/// The least number of compressed pages that begin, in full and in short.
const BEGUN: u64 = 500;
const BEGUN_IN_SHORT: u64 = 5;
/// A page of this length needs more room than a request takes before its work, and less than is kept for others.
const SMALLER: &str = "/api/v1/products?limit=20&sort=-created_at";

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let seen = attack(ground, false).await?;
    let full = ground.pick(FULL, FULL_IN_SHORT);
    let (bound, held) = (format!("at least {}", size(full)), size(seen.unsent));
    let held = format!("{held}: {} answers have begun", seen.begun);
    Ok(vec![Finding::new("room that unread answers held", &bound, held, seen.unsent >= full), seen.visit()])
}

async fn run_compressed(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let seen = attack(ground, true).await?;
    let begun = Finding::at_least("compressed pages that have begun", seen.begun, ground.pick(BEGUN, BEGUN_IN_SHORT));
    Ok(vec![begun, seen.visit()])
}

/// What an attack has shown.
struct Seen {
    /// The number of answers that have begun. Without a window, the head of an answer arrives and its body does not.
    begun: u64,
    /// The most room that all unsent answers have held, in bytes.
    unsent: u64,
    /// The statuses of a visitor of another network.
    pages: Vec<u16>,
}

impl Seen {
    fn visit(&self) -> Finding {
        let got = count(&self.pages, &[200]);
        let finding = Finding::at_least("pages that a visitor got meanwhile", got, self.pages.len() as u64);
        finding.explained(Some(&tally(&self.pages)))
    }
}

async fn attack(ground: &Ground, accepts_gzip: bool) -> Result<Seen, Fault> {
    closed_windows::fill(ground).await?;
    let (connections, length) = ground.pick((8, Duration::from_secs(8)), (2, Duration::from_secs(2)));
    let end = Instant::now() + length;
    let mut attackers = JoinSet::new();
    for network in 0..NETWORKS {
        for _ in 0..connections {
            attackers.spawn(starve(hostile(network), ground.address(), accepts_gzip, end));
        }
    }
    let (pages, unsent) = visit(ground.address(), end).await;
    let begun: usize = attackers.join_all().await.into_iter().sum();
    Ok(Seen { begun: begun as u64, unsent, pages })
}

/// Reads pages as a visitor of another network until the end. Returns the statuses, and the most room that all unsent
/// answers have held.
async fn visit(to: SocketAddr, end: Instant) -> (Vec<u16>, u64) {
    let (page, metrics) = (bytes("GET", SMALLER, "", None), bytes("GET", "/metrics", &bearer(METRICS_TOKEN), None));
    let (mut statuses, mut unsent) = (vec![], 0);
    while Instant::now() < end {
        sleep(BEAT).await;
        statuses.push(ask(innocent(0), to, &page).await.map_or(0, |reply| reply.status));
        let measured = ask(Ipv4Addr::LOCALHOST, to, &metrics).await.ok().and_then(|reply| held(&reply.body));
        unsent = unsent.max(measured.unwrap_or_default());
    }
    (statuses, unsent)
}

/// The room that all unsent answers hold, as the metrics of the server show it. `None` if they do not.
fn held(metrics: &[u8]) -> Option<u64> {
    let lines = std::str::from_utf8(metrics).ok()?.lines();
    let value: f64 = lines.filter_map(|line| line.strip_prefix("http_server_unsent_bytes ")).next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes")]
    Some(value as u64)
}

/// Opens streams without a window, again whenever the server closes the connection. Returns how many answers have begun.
async fn starve(from: Ipv4Addr, to: SocketAddr, accepts_gzip: bool, end: Instant) -> usize {
    let mut begun = 0;
    while Instant::now() < end {
        let Ok(wire) = Wire::open(from, to).await else { continue };
        let Ok(client) = Http2::start(wire, 0).await else { continue };
        let mut client = client.accepting_gzip(accepts_gzip);
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
