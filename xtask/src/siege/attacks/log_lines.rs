//! Requests that cost the client nothing, but write a line of the log each.

use super::{Attack, GROWTH, P99};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, SMALL},
        wire::{HOSTILE, Wire},
    },
};
use std::net::SocketAddr;
use tokio::task::JoinSet;

pub(super) const ATTACK: Attack =
    Attack { name: "log-lines", needs: SMALL, growth: GROWTH, p99: P99 * 2.0, run: |ground| Box::pin(run(ground)) };

const CLIENTS: usize = 4;
/// The requests of a connection that are sent without waiting for answers.
const BATCH: usize = 100;
/// The most bytes of the log for each request. A line has about 230, and the lines of the neighbor count as well.
const LINE: u64 = 80;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let health = flood(ground, "/health").await?;
    let refused = flood(ground, "/api/v1/products?limit=1").await?;
    Ok(vec![
        Finding::bytes("log for each request to /health", health.0, LINE).explained(Some(&health.1)),
        Finding::bytes("log for each request above the limit", refused.0, LINE).explained(Some(&refused.1)),
    ])
}

/// Floods the server. Returns the bytes of the log for each request, and what was sent.
async fn flood(ground: &Ground, target: &str) -> Result<(u64, String), Fault> {
    let batches = ground.pick(400, 40);
    let before = ground.server().log_size()?;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(ground.address(), bytes("GET", target, "", None).repeat(BATCH), batches));
    }
    for done in clients.join_all().await {
        done?;
    }
    let (grown, requests) = (ground.server().log_size()?.saturating_sub(before), CLIENTS * batches * BATCH);
    Ok((grown / requests as u64, format!("{requests} requests")))
}

async fn client(to: SocketAddr, batch: Vec<u8>, batches: usize) -> Result<(), Fault> {
    let mut wire = Wire::open(HOSTILE, to).await?;
    for _ in 0..batches {
        wire.send(&batch).await?;
        for _ in 0..BATCH {
            wire.answer().await?;
        }
    }
    Ok(())
}
