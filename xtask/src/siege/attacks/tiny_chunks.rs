//! Bodies that arrive in chunks of one byte, so that each byte costs far more than a byte.

use super::{Attack, P99, count, tally};
use crate::{
    bench::{Fault, process::cpu},
    siege::{
        finding::Finding,
        ground::{Ground, SMALL},
        wire::{HOSTILE, Wire},
    },
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};

pub(super) const ATTACK: Attack =
    Attack { name: "tiny-chunks", needs: SMALL, growth: 48_000_000, p99: P99, run: |ground| Box::pin(run(ground)) };

const CLIENTS: u32 = 10;
/// The time for which a client holds its body almost complete.
const HOLD: Duration = Duration::from_secs(1);
/// The targets. The second takes smaller bodies than the first.
const TARGETS: [&str; 2] = ["/api/v1/products", "/api/v1/orders"];
/// The CPU time that the server may need for a body, in milliseconds.
const CPU: f64 = 300.0;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let size = ground.pick(1 << 20, 1 << 18);
    let body: Arc<[u8]> = chunks(size - 64).into();
    let before = cpu(ground.server().id())?;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let target = TARGETS[number as usize % TARGETS.len()];
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: bench.test\r\n{}Content-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            ground.customer(0)
        );
        clients.spawn(send(ground.address(), head, Arc::clone(&body)));
    }
    let statuses = clients.join_all().await;
    // Other answers would mean that the server has not read the bodies.
    if count(&statuses, &[401, 404, 405, 415]) > 0 {
        return Err(format!("unexpected answers: {}", tally(&statuses)).into());
    }
    let used = cpu(ground.server().id())?.saturating_sub(before);
    Ok(vec![
        Finding::millis("CPU time of the server for each body", used.as_secs_f64() * 1e3 / f64::from(CLIENTS), CPU)
            .explained(Some(&tally(&statuses))),
    ])
}

/// A JSON text of about this size, as chunks of one byte, without the last one.
fn chunks(size: usize) -> Vec<u8> {
    let text = format!(r#"{{"name":"{}""#, "x".repeat(size));
    text.bytes().flat_map(|byte| [b'1', b'\r', b'\n', byte, b'\r', b'\n']).collect()
}

/// Sends a body, holds it, and ends it. Returns the status of the answer, or 0 if the server does not take the body.
async fn send(to: SocketAddr, head: String, body: Arc<[u8]>) -> u16 {
    let Ok(mut wire) = Wire::open(HOSTILE, to).await else { return 0 };
    // The server may refuse a body before its end. Its answer can be read anyway.
    let is_taken = wire.send(head.as_bytes()).await.is_ok() && wire.send(&body).await.is_ok();
    if is_taken {
        sleep(HOLD).await;
        let _ = wire.send(b"1\r\n}\r\n0\r\n\r\n").await;
    }
    wire.answer().await.map_or(0, |reply| reply.status)
}
