//! Orders and their cancellations, whose answers the server keeps for a day.

use super::{Attack, GROWTH, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        watch::disk,
        wire::{HOSTILE, Wire},
    },
};
use skep_journeys::Store;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const ATTACK: Attack = Attack {
    name: "kept-answers",
    needs: Needs { products: (1_000, 1_000), ..SMALL },
    growth: GROWTH,
    p99: 250.0,
    run: |ground| Box::pin(run(ground)),
};

/// The most pairs of an order and its cancellation.
const PAIRS: (u32, u32) = (300, 20);
const LENGTH: Duration = Duration::from_secs(10);
/// The fewest lines that say something about the growth.
const LEAST: u64 = 1_000;
/// The bytes that the database may grow for each line that was ordered and cancelled. With answers that are not
/// compressed, it grows by about 990 on SQLite, and by 658 with answers that are.
const LINE: u64 = 720;
/// The same on PostgreSQL, which keeps the earlier version of each changed row until a vacuum.
const LINE_WITH_VERSIONS: u64 = 1_200;
/// The bytes that the database may grow during the attack.
const ALL: u64 = 24_000_000;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let before = disk(ground.stand())?;
    let end = Instant::now() + LENGTH;
    let mut wire = Wire::open(HOSTILE, ground.address()).await?;
    let (mut statuses, mut lines, mut per_order) = (vec![], 0_u64, 1_000);
    for pair in 0..ground.pick(PAIRS.0, PAIRS.1) {
        if Instant::now() >= end {
            break;
        }
        let key = format!("Idempotency-Key: order-{pair}\r\n");
        let mut placed = wire.ask(&ground.order(0, &key, &ground.products()[..per_order])).await?;
        if placed.status == 422 {
            per_order = 200;
            placed = wire.ask(&ground.order(0, &key, &ground.products()[..per_order])).await?;
        }
        statuses.push(placed.status);
        if placed.status != 201 {
            break;
        }
        lines += per_order as u64;
        let id = placed.json()["id"].as_str().ok_or("an order without an id")?.to_owned();
        let head = format!("{}If-Match: *\r\nIdempotency-Key: cancel-{pair}\r\n", ground.customer(0));
        let cancelled = wire.ask(&bytes("POST", &format!("/api/v1/orders/{id}/cancel"), &head, None)).await?;
        statuses.push(cancelled.status);
        if cancelled.status != 200 {
            break;
        }
    }
    let grown = disk(ground.stand())?.saturating_sub(before);
    let line = if matches!(ground.stand().store(), Store::Sqlite) { LINE } else { LINE_WITH_VERSIONS };
    Ok(vec![
        Finding::at_least("lines that were ordered", lines, LEAST),
        Finding::bytes("growth of the database for each line", grown / lines.max(1), line)
            .explained(Some(&format!("{lines} lines, {per_order} in each order"))),
        Finding::bytes("growth of the database within ten seconds", grown, ALL).explained(Some(&tally(&statuses))),
    ])
}
