//! HTTP/2 frames that carry no request, as many as the connections take.

use super::{Attack, GROWTH, P99};
use crate::{
    bench::{Fault, process::cpu},
    siege::{
        finding::Finding,
        ground::{Ground, SMALL},
        http2::{Http2, Idle},
        wire::{Wire, hostile},
    },
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

pub(super) const ATTACK: Attack =
    Attack { name: "frame-floods", needs: SMALL, growth: GROWTH, p99: P99, run: |ground| Box::pin(run(ground)) };

/// What a flood consists of.
#[derive(Debug, Clone, Copy)]
enum Flood {
    Settings,
    Pings,
    WindowUpdates,
    /// Requests that are taken back at once (rapid reset).
    Resets,
    /// Empty parts of the body of a login.
    EmptyData,
}

const FLOODS: [(Flood, &str, f64); 5] = [
    (Flood::Settings, "SETTINGS", SHARE),
    (Flood::Pings, "PING", SHARE),
    (Flood::WindowUpdates, "WINDOW_UPDATE", SHARE),
    (Flood::Resets, "requests that were reset", SHARE_OF_CLOSED),
    (Flood::EmptyData, "empty DATA", SHARE_OF_CLOSED),
];
/// The frames that are sent at once.
const BATCH: usize = 500;
/// The processors that the server may use during a flood after which it reads more slowly. On a busy machine of two, a
/// release used 0.06, and an unoptimized one 0.2. Without the pace it used 1.0, as much as the attacker.
const SHARE: f64 = 0.4;
/// The same for a flood after which the HTTP/2 library closes the connection, so that most of the work is for new ones. A
/// release used 0.2 for requests that are reset, and 0.45 for empty parts of a body.
const SHARE_OF_CLOSED: f64 = 0.75;
const PRODUCTS: &str = "/api/v1/products";
const LOGIN: &str = "/api/v1/auth/login";

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let (connections, length) = ground.pick((16, Duration::from_secs(2)), (4, Duration::from_millis(400)));
    let mut findings = vec![];
    for (number, (flood, name, most)) in (0_u8..).zip(FLOODS) {
        let (before, start) = (cpu(ground.server().id())?, Instant::now());
        let mut attackers = JoinSet::new();
        for _ in 0..connections {
            attackers.spawn(send(flood, hostile(number), ground.address(), start + length));
        }
        let sent: usize = attackers.join_all().await.into_iter().sum();
        // A flood that did not flow shows nothing.
        findings.push(Finding::at_least(&format!("frames sent: {name}"), sent as u64, BATCH as u64));
        let used = cpu(ground.server().id())?.saturating_sub(before);
        let share = used.as_secs_f64() / start.elapsed().as_secs_f64();
        let what = format!("processors that the server used: {name}");
        let bound = format!("at most {most:.2}");
        findings.push(Finding::new(&what, &bound, format!("{share:.2}"), share <= most).timed());
    }
    Ok(findings)
}

/// Sends frames, again whenever the server closes the connection. Returns how many the socket has taken.
async fn send(flood: Flood, from: Ipv4Addr, to: SocketAddr, end: Instant) -> usize {
    let mut sent = 0;
    while Instant::now() < end {
        let Ok(Ok(())) = timeout_at(end, one(flood, from, to, &mut sent)).await else { continue };
    }
    sent
}

async fn one(flood: Flood, from: Ipv4Addr, to: SocketAddr, sent: &mut usize) -> std::io::Result<()> {
    let mut client = Http2::start(Wire::open(from, to).await?, 1 << 16).await?;
    let body = match flood {
        Flood::EmptyData => client.begin("POST", LOGIN).await?,
        _ => 0,
    };
    loop {
        match flood {
            Flood::Settings => client.idle(Idle::Settings, BATCH).await?,
            Flood::Pings => client.idle(Idle::Ping, BATCH).await?,
            Flood::WindowUpdates => client.idle(Idle::WindowUpdate, BATCH).await?,
            Flood::Resets => client.reset(PRODUCTS, BATCH).await?,
            Flood::EmptyData => client.idle(Idle::EmptyData(body), BATCH).await?,
        }
        *sent += BATCH;
        client.look().await?;
    }
}
