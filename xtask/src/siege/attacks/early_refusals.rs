//! Requests with a body that the server refuses before it has read the body. The client's next request must not suffer.

use super::{Attack, GROWTH, P99};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, SMALL},
        wire::{HOSTILE, Wire, innocent},
    },
};
use std::{net::Ipv4Addr, time::Duration};
use tokio::time::sleep;

pub(super) const ATTACK: Attack =
    Attack { name: "early-refusals", needs: SMALL, growth: GROWTH, p99: P99, run: |ground| Box::pin(run(ground)) };

/// The sizes of bodies that every route takes, except that of logins, and of one that no route takes.
const SIZES: [usize; 3] = [100, 60_000, 200_000];
const TOO_LARGE: usize = 2 << 20;
/// The pause of a client between the head and the body.
const PAUSE: Duration = Duration::from_millis(30);
/// More logins than an address may send in a minute.
const MOST: usize = 20;

/// A request that is refused early.
struct Case {
    name: &'static str,
    start: String,
    status: u16,
    from: Ipv4Addr,
}

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let (mut tried, mut lost, mut dead) = (0, vec![], vec![]);
    for case in cases(ground) {
        let sizes = match case.status {
            413 => &[TOO_LARGE][..],
            // A login is refused for its size as well.
            429 => &SIZES[..1],
            _ => &SIZES[..],
        };
        for size in sizes {
            for pause in [Duration::ZERO, PAUSE] {
                tried += 1;
                let text = format!("{} with {size} bytes{}", case.name, if pause.is_zero() { "" } else { ", later" });
                match once(ground, &case, *size, pause).await {
                    Ok(true) => {}
                    Ok(false) => dead.push(text),
                    Err(fault) => lost.push(format!("{text} ({fault})")),
                }
            }
        }
    }
    let finding = |what: &str, cases: &[String]| {
        let shown: Vec<&str> = cases.iter().take(4).map(String::as_str).collect();
        let text = format!("of {tried}; {}", shown.join("; "));
        Finding::at_most(what, cases.len() as u64, 0).explained((!cases.is_empty()).then_some(text.as_str()))
    };
    Ok(vec![
        finding("refusals that did not reach the client", &lost),
        finding("next requests that the server did not answer", &dead),
    ])
}

fn cases(ground: &Ground) -> Vec<Case> {
    let (user, product) = (ground.customer(0), &ground.products()[0]);
    let json = "Content-Type: application/json\r\n";
    let case = |name, line: &str, head: &str, status| Case {
        name,
        start: format!("{line} HTTP/1.1\r\nHost: bench.test\r\n{head}"),
        status,
        from: HOSTILE,
    };
    let mut cases = vec![
        case("401", "POST /api/v1/orders", json, 401),
        case("404", "POST /api/v1/nothing", json, 404),
        case("405", "PUT /api/v1/orders", &format!("{user}{json}"), 405),
        case("415", "POST /api/v1/orders", &format!("{user}Content-Type: text/plain\r\n"), 415),
        case("400", "POST /api/v1/orders?surprise=1", &format!("{user}{json}"), 400),
        case("413", "POST /api/v1/orders", &format!("{user}{json}"), 413),
        case("200", &format!("GET /api/v1/products/{product}"), json, 200),
        case("429", "POST /api/v1/auth/login", json, 429),
    ];
    if let Some(limited) = cases.last_mut() {
        limited.from = innocent(0);
    }
    cases
}

/// Sends a request and then the next one, as a client with kept connections does. Returns whether the next one was
/// answered, or needed a new connection because the server said so.
async fn once(ground: &Ground, case: &Case, size: usize, pause: Duration) -> Result<bool, Fault> {
    if case.status == 429 {
        exhaust(ground, case.from).await?;
    }
    let mut wire = Wire::open(case.from, ground.address()).await?;
    let head = format!("{}Content-Length: {size}\r\n\r\n", case.start);
    wire.send(head.as_bytes()).await?;
    sleep(pause).await;
    // A client writes all of its request before it looks for an answer.
    let written = wire.send(&vec![b' '; size]).await;
    let reply = wire.answer().await.map_err(|error| format!("{error}; writing: {written:?}"))?;
    if reply.status != case.status {
        return Err(format!("answered {}", reply.status).into());
    }
    if reply.closes {
        return Ok(true);
    }
    // The server may have decided to close the connection, and needs a moment for it.
    sleep(PAUSE).await;
    Ok(wire.ask(&bytes("GET", "/health", "", None)).await.is_ok_and(|reply| reply.status == 200))
}

/// Uses up the limit of logins from an address. It grows back slowly.
async fn exhaust(ground: &Ground, from: Ipv4Addr) -> Result<(), Fault> {
    let mut wire = Wire::open(from, ground.address()).await?;
    for _ in 0..MOST {
        let reply = wire.ask(&bytes("POST", "/api/v1/auth/login", "", Some("{}"))).await?;
        if reply.status == 429 {
            return Ok(());
        }
        if reply.closes {
            wire = Wire::open(from, ground.address()).await?;
        }
    }
    Err("the logins of an address are not limited".into())
}
