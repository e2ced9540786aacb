//! The attacks. Each is a file here and a line in [`ATTACKS`].

mod bursts;
mod closed_windows;
mod connections;
mod early_refusals;
mod echoes;
mod exact_counts;
mod frame_floods;
mod hoarding;
mod kept_answers;
mod large_bodies;
mod large_orders;
mod lockout;
mod log_lines;
mod starved_hashers;
mod tiny_chunks;
mod unread_networks;

use super::{
    finding::Finding,
    ground::{Ground, Needs},
};
use crate::bench::Fault;
use std::pin::Pin;

/// All attacks, in the order of the report.
pub(crate) const ATTACKS: &[Attack] = &[
    lockout::ATTACK,
    closed_windows::ATTACK,
    unread_networks::ATTACK,
    unread_networks::COMPRESSED,
    frame_floods::ATTACK,
    tiny_chunks::ATTACK,
    large_bodies::ATTACK,
    connections::ATTACK,
    large_orders::ATTACK,
    kept_answers::ATTACK,
    hoarding::ATTACK,
    exact_counts::ATTACK,
    exact_counts::OF_10000,
    log_lines::ATTACK,
    bursts::ATTACK,
    starved_hashers::ATTACK,
    early_refusals::ATTACK,
    echoes::ATTACK,
];

/// What an attack has found out.
pub(crate) type Outcome<'g> = Pin<Box<dyn Future<Output = Result<Vec<Finding>, Fault>> + 'g>>;

/// What one client can do to the server.
#[derive(Debug)]
pub(crate) struct Attack {
    /// The name on the command line.
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// The memory that the server may need more during the attack, in bytes.
    pub(crate) growth: u64,
    /// The p99 that its neighbor may have, in milliseconds.
    pub(crate) p99: f64,
    pub(crate) run: for<'g> fn(&'g Ground) -> Outcome<'g>,
}

/// The memory that the server may need more during an attack that is not about memory.
const GROWTH: u64 = 64_000_000;
/// The p99 that a neighbor may have, in milliseconds. The attacker uses the same processors as the server.
const P99: f64 = 100.0;

/// The numbers of answers by status, such as `200: 5, 503: 3`. A request without an answer has the status 0.
fn tally(statuses: &[u16]) -> String {
    let mut counts = std::collections::BTreeMap::<u16, usize>::new();
    statuses.iter().for_each(|status| *counts.entry(*status).or_default() += 1);
    let name = |status: u16| if status == 0 { "no answer".to_owned() } else { status.to_string() };
    let texts: Vec<String> = counts.into_iter().map(|(status, count)| format!("{}: {count}", name(status))).collect();
    texts.join(", ")
}

/// The number of answers with one of these statuses.
fn count(statuses: &[u16], of: &[u16]) -> u64 {
    statuses.iter().filter(|status| of.contains(status)).count() as u64
}
