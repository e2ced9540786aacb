//! Logins from many IPv6 networks of one owner, which keep the threads that hash passwords busy.

use super::{Attack, GROWTH, P99, count, tally};
use crate::{
    bench::{Fault, client::bytes},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{Wire, ask},
    },
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};

pub(super) const ATTACK: Attack = Attack {
    name: "starved-hashers",
    // IPv6 addresses come from a proxy, because a machine has only one on the loopback.
    needs: Needs { settings: &[("SKEP_TRUSTED_PROXIES", "127.0.0.1/32")], ..SMALL },
    growth: GROWTH,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

const CLIENTS: usize = 32;
/// The logins of the customer. The limit of an address is 10 in a minute.
const LOG_INS: u64 = 8;
const HOME: &str = "X-Forwarded-For: 203.0.113.5\r\n";

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let log_in = ground.log_in(0, HOME);
    let first = ask(Ipv4Addr::LOCALHOST, ground.address(), &log_in).await?.status;
    if first != 200 {
        return Err(format!("a login before the attack was answered {first}").into());
    }
    let next = Arc::new(AtomicU16::new(0));
    let mut attackers = JoinSet::new();
    for _ in 0..CLIENTS {
        attackers.spawn(attack(ground.address(), Arc::clone(&next)));
    }
    let pause = ground.pick(Duration::from_millis(750), Duration::from_millis(250));
    let mut statuses = vec![];
    for _ in 0..LOG_INS {
        sleep(pause).await;
        statuses.push(ask(Ipv4Addr::LOCALHOST, ground.address(), &log_in).await.map_or(0, |reply| reply.status));
    }
    attackers.shutdown().await;
    let guesses = next.load(Ordering::Relaxed);
    Ok(vec![
        Finding::at_least("logins of a customer at a known address", count(&statuses, &[200]), LOG_INS)
            .explained(Some(&format!("{}; {guesses} logins of the attacker", tally(&statuses)))),
    ])
}

/// Logs in to accounts that do not exist, each time from another /64 of the same /48.
async fn attack(to: SocketAddr, next: Arc<AtomicU16>) -> Result<(), Fault> {
    loop {
        let mut wire = Wire::open(Ipv4Addr::LOCALHOST, to).await?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let head = format!("X-Forwarded-For: 2001:db8:66:{number:x}::1\r\n");
            let body = format!(r#"{{"email":"absent{number}@example.com","password":"a wrong password, like any"}}"#);
            match wire.ask(&bytes("POST", "/api/v1/auth/login", &head, Some(&body))).await {
                Ok(reply) if !reply.closes => {}
                _ => break,
            }
        }
    }
}
