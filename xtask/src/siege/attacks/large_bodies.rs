//! Many large bodies at once, each complete except for its last byte.

use super::{Attack, P99, count, tally};
use crate::{
    bench::Fault,
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{Wire, ask, hostile},
    },
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

pub(super) const ATTACK: Attack = Attack {
    name: "large-bodies",
    needs: Needs { customers: 2, ..SMALL },
    growth: 128_000_000,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The default limit of a body.
const SIZE: usize = 1 << 20;
/// The networks of the attacker. None of them may take more than a quarter of the memory for bodies.
const NETWORKS: u8 = 3;
/// The bodies that are sent at the same time. More would only wait for the processor.
const SENDERS: usize = 64;
/// The orders of a customer meanwhile.
const ORDERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(250);

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let bodies = ground.pick(1_000, 400);
    let body: Arc<[u8]> = vec![b' '; SIZE - 1].into();
    let head = format!(
        "POST /api/v1/products HTTP/1.1\r\nHost: bench.test\r\n{}Content-Type: application/json\r\n\
         Content-Length: {SIZE}\r\n\r\n",
        ground.customer(0)
    );
    let senders = Arc::new(Semaphore::new(SENDERS));
    let mut clients = JoinSet::new();
    for number in 0..bodies {
        let from = hostile(u8::try_from(number % usize::from(NETWORKS))?);
        clients.spawn(hold(from, ground.address(), head.clone(), Arc::clone(&body), Arc::clone(&senders)));
    }
    let mut orders = vec![];
    for number in 0..ORDERS {
        sleep(PAUSE).await;
        let order = ground.order(1, "", &ground.products()[number..=number]);
        orders.push(ask(Ipv4Addr::LOCALHOST, ground.address(), &order).await.map_or(0, |reply| reply.status));
    }
    clients.shutdown().await;
    let placed = count(&orders, &[201]);
    Ok(vec![
        Finding::at_least("orders that a customer placed meanwhile", placed, ORDERS as u64)
            .explained(Some(&tally(&orders))),
    ])
}

/// Sends a body without its last byte, and waits.
async fn hold(from: Ipv4Addr, to: SocketAddr, head: String, body: Arc<[u8]>, senders: Arc<Semaphore>) {
    let Ok(mut wire) = Wire::open(from, to).await else { return };
    {
        let _sender = senders.acquire().await;
        if wire.send(head.as_bytes()).await.is_err() || wire.send(&body).await.is_err() {
            return;
        }
    }
    // Ends when the server answers, or with the attack.
    let _ = wire.answer().await;
}
