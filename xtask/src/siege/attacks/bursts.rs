//! Many people who register and log in at the same moment, each at a separate address. Nothing of this is hostile.

use super::{Attack, GROWTH, P99, count, tally};
use crate::{
    bench::{Fault, client::bytes, stand::credentials},
    siege::{
        finding::Finding,
        ground::{Ground, SMALL},
        wire::{ask, innocent},
    },
};
use tokio::task::JoinSet;

pub(super) const ATTACK: Attack =
    Attack { name: "bursts", needs: SMALL, growth: GROWTH * 2, p99: P99 * 2.0, run: |ground| Box::pin(run(ground)) };

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let people = ground.pick(100, 16);
    let registered = at_once(ground, people, |email| {
        let body = credentials(email).replace('}', r#","display_name":"Guest"}"#);
        bytes("POST", "/api/v1/auth/register", "", Some(&body))
    });
    let registered = registered.await;
    let logged_in = at_once(ground, people, |email| bytes("POST", "/api/v1/auth/login", "", Some(&credentials(email))));
    let logged_in = logged_in.await;
    let served = |what: &str, statuses: &[u16], status| {
        Finding::at_least(&format!("of {people} {what} at once, served"), count(statuses, &[status]), people.into())
            .explained(Some(&tally(statuses)))
    };
    Ok(vec![served("registrations", &registered, 201), served("logins", &logged_in, 200)])
}

/// Sends a request of each person at once.
async fn at_once(ground: &Ground, people: u8, request: impl Fn(&str) -> Vec<u8>) -> Vec<u16> {
    let mut all = JoinSet::new();
    for number in 0..people {
        let (to, request) = (ground.address(), request(&format!("guest{number}@example.com")));
        all.spawn(async move { ask(innocent(number), to, &request).await.map_or(0, |reply| reply.status) });
    }
    all.join_all().await
}
