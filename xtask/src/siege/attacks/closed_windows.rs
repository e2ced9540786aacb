//! Clients that ask for much and do not read it, but show signs of life so that no deadline passes.

use super::{Attack, P99};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        http2::{Http2, Idle},
        sockets::held,
        wire::{Wire, ask, hostile},
    },
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub(super) const ATTACK: Attack = Attack {
    name: "closed-windows",
    needs: Needs { settings: &[("SKEP_STALL_TIMEOUT", "3"), ("SKEP_IDLE_TIMEOUT", "5")], ..SMALL },
    growth: 128_000_000,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The address of the attacker that uses HTTP/1.
const PIPELINE: Ipv4Addr = hostile(9);
/// A page of 100 products with long descriptions has almost a megabyte.
pub(super) const LARGE: &str = "/api/v1/products?limit=100&sort=-created_at";
const DESCRIPTION: usize = 9_000;
/// The number of streams that an attacker opens on a connection. The server may refuse some.
const STREAMS: usize = 99;
/// The number of pings at once. The answers to them are about as long as a short answer.
const PINGS: usize = 8;
/// The requests in a row on a connection of HTTP/1.
const PIPELINED: usize = 40;
/// The bytes that an attacker reads at once. They make room in its buffer, and are far from a piece of an answer.
const SIP: usize = 1_500;
/// The time between two signs of life.
const BEAT: Duration = Duration::from_millis(500);
/// The time after which a connection should be closed: 3 s without progress, another second for the farewell, and some
/// for the first bytes.
const HOLD: Duration = Duration::from_secs(8);
/// The time after which a connection counts as kept. A slow machine needs longer until no byte can be sent.
const KEPT: Duration = Duration::from_secs(30);

/// What an attacker does so that the connection looks alive.
#[derive(Debug, Clone, Copy)]
enum Life {
    Pings,
    Heads,
    /// One byte of window for each stream.
    Bytes,
}

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    fill(ground).await?;
    let to = ground.address();
    let connections = ground.pick(6, 3);
    let answered = Arc::new(AtomicUsize::new(0));
    let lives = [Life::Pings, Life::Heads, Life::Bytes];
    let mut attackers = JoinSet::new();
    for number in 0..connections {
        let kind = number % lives.len();
        let window = if number < lives.len() { 1 } else { 0 };
        attackers.spawn(streams(hostile(u8::try_from(kind)?), to, lives[kind], window, Arc::clone(&answered)));
        attackers.spawn(pipeline(PIPELINE, to, Arc::clone(&answered)));
    }
    sleep(HOLD).await;
    let kinds = [hostile(0), hostile(1), hostile(2), PIPELINE];
    let end = Instant::now() + (KEPT - HOLD);
    let held = loop {
        let held: Result<Vec<u64>, Fault> = kinds.iter().map(|address| held(to, *address)).collect();
        let held = held?;
        if Instant::now() >= end || held.iter().all(|count| *count == 0) {
            break held;
        }
        sleep(BEAT).await;
    };
    attackers.shutdown().await;
    let answered = answered.load(Ordering::Relaxed);
    if answered < connections * 2 {
        return Err(format!("only {answered} answers began").into());
    }
    let text = format!("of {}, with {answered} answers that had begun", connections * 2);
    let names = ["pings", "HEAD requests", "single bytes of window", "few bytes of HTTP/1"];
    let open = names.iter().zip(held).map(|(name, count)| {
        let what = format!("connections that are open long after the deadline, kept with {name}");
        Finding::at_most(&what, count, 0).explained(Some(&text))
    });
    Ok(open.collect())
}

/// Creates products whose pages are large.
pub(super) async fn fill(ground: &Ground) -> Result<(), Fault> {
    let description = "honey ".repeat(DESCRIPTION / 6);
    for number in 0..100 {
        let body = format!(
            r#"{{"sku":"LARGE-{number}","name":"Large {number}","description":"{}","price":{{"amount":100,"currency":"EUR"}}}}"#,
            description.trim()
        );
        let request = bytes("POST", "/api/v1/products", &ground.admin(), Some(&body));
        let reply = ask(Ipv4Addr::LOCALHOST, ground.address(), &request).await?;
        if reply.status != 201 {
            return Err(format!("a large product was answered {}", reply.status).into());
        }
    }
    Ok(())
}

/// Opens streams with this window in bytes, and keeps them.
async fn streams(
    from: Ipv4Addr,
    to: SocketAddr,
    life: Life,
    window: u32,
    answered: Arc<AtomicUsize>,
) -> Result<(), Fault> {
    let mut client = Http2::start(Wire::open(from, to).await?, window).await?;
    let mut streams = vec![];
    for _ in 0..STREAMS {
        streams.push(client.request("GET", LARGE).await?);
    }
    loop {
        sleep(BEAT).await;
        answered.fetch_add(client.look().await?, Ordering::Relaxed);
        match life {
            Life::Pings => client.idle(Idle::Ping, PINGS).await?,
            Life::Heads => drop(client.request("HEAD", LARGE).await?),
            Life::Bytes => client.widen(&streams).await?,
        }
    }
}

/// Sends many requests on a connection of HTTP/1, and reads the answers very slowly.
async fn pipeline(from: Ipv4Addr, to: SocketAddr, answered: Arc<AtomicUsize>) -> Result<(), Fault> {
    let mut wire = Wire::open_narrow(from, to, 4_096).await?;
    wire.send(&bytes("GET", LARGE, "", None).repeat(PIPELINED)).await?;
    let mut has_begun = false;
    loop {
        sleep(BEAT).await;
        if wire.sip(SIP)? > 0 && !has_begun {
            has_begun = true;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
