//! Wrong passwords that keep the owner of an account out.

use super::{Attack, GROWTH, P99, count, tally};
use crate::{
    bench::{Fault, client::bytes, stand::customer},
    siege::{
        finding::Finding,
        ground::{Ground, Needs, SMALL},
        wire::{HOSTILE, ask, hostile, innocent},
    },
};
use std::net::Ipv4Addr;
use tokio::task::JoinSet;

pub(super) const ATTACK: Attack = Attack {
    name: "lockout",
    // The limit of logins from one address would hide the limit of attempts.
    needs: Needs { settings: &[("SKEP_LIMIT_CREDENTIALS", "1000")], ..SMALL },
    growth: GROWTH,
    p99: P99,
    run: |ground| Box::pin(run(ground)),
};

/// The number of guesses, one after the other. The default limit is 10.
const GUESSES: usize = 12;
/// The number of guesses at the same time.
const PARALLEL: usize = 100;
const ALLOWED: u64 = 10;

async fn run(ground: &Ground) -> Result<Vec<Finding>, Fault> {
    let known = guesses(ground, HOSTILE, &customer(0)).await?;
    let unknown = guesses(ground, hostile(1), "no-such-customer@example.com").await?;
    let owner = ground.log_in(0, "");
    let at_home = ask(Ipv4Addr::LOCALHOST, ground.address(), &owner).await?.status;
    let elsewhere = ask(innocent(0), ground.address(), &owner).await?.status;
    let parallel = at_once(ground, hostile(2), &customer(1)).await;
    let ok = |status: u16| status == 200;
    Ok(vec![
        Finding::new("login of the owner from a known address", "200", at_home.to_string(), ok(at_home)),
        Finding::new("login of the owner from a new address", "200", elsewhere.to_string(), ok(elsewhere)),
        Finding::new(
            "guesses at an account that does not exist",
            "answered like the others",
            format!("{}; the others {}", tally(&unknown), tally(&known)),
            known == unknown,
        ),
        Finding::at_most("passwords that were tried of 12 guesses in a row", count(&known, &[401]), ALLOWED),
        Finding::at_most("passwords that were tried of 100 guesses at once", count(&parallel, &[401]), ALLOWED)
            .explained(Some(&tally(&parallel))),
    ])
}

fn guess(email: &str, number: usize) -> Vec<u8> {
    let body = format!(r#"{{"email":"{email}","password":"a wrong password, number {number}"}}"#);
    bytes("POST", "/api/v1/auth/login", "", Some(&body))
}

async fn guesses(ground: &Ground, from: Ipv4Addr, email: &str) -> Result<Vec<u16>, Fault> {
    let mut statuses = vec![];
    for number in 0..GUESSES {
        statuses.push(ask(from, ground.address(), &guess(email, number)).await?.status);
    }
    Ok(statuses)
}

async fn at_once(ground: &Ground, from: Ipv4Addr, email: &str) -> Vec<u16> {
    let mut all = JoinSet::new();
    for number in 0..PARALLEL {
        let (to, request) = (ground.address(), guess(email, number));
        all.spawn(async move { ask(from, to, &request).await.map_or(0, |reply| reply.status) });
    }
    all.join_all().await
}
