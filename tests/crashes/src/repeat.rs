//! Repeats commands with the same keys.

use crate::{
    ledger::{Entry, Ledger, Outcome},
    load::outcome,
    shop::Shop,
};
use skep_journeys::{Client, Connection, wait_for};
use std::thread;

/// Repeats these commands from several clients in parallel and returns the faults. An acknowledged command must get the
/// same answer. For the others, the ledger records the new outcome.
pub(crate) fn repeat(shop: &Shop, ledger: &mut Ledger, keys: &[String]) -> Vec<String> {
    let share = keys.len().div_ceil(shop.buyers.len()).max(1);
    let known = &*ledger;
    let settled: Vec<(String, Result<Outcome, String>)> = thread::scope(|scope| {
        let shares = keys.chunks(share).enumerate();
        let clients = shares.map(|(n, keys)| {
            // The repeat may go to another instance than the first request.
            let server = &shop.servers[n % shop.servers.len()];
            scope.spawn(move || {
                let mut kept = None;
                let again = |key: &String| (key.clone(), again(shop, server, key, &known.entries[key], &mut kept));
                keys.iter().map(again).collect::<Vec<_>>()
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    });
    let mut faults = vec![];
    for (key, outcome) in settled {
        match outcome {
            Ok(outcome) => ledger.settle(&key, outcome),
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

fn again(
    shop: &Shop,
    server: &skep_journeys::Server,
    key: &str,
    entry: &Entry,
    kept: &mut Option<Connection>,
) -> Result<Outcome, String> {
    let account = shop.buyers.iter().chain([&shop.admin]).find(|account| account.id == entry.principal);
    let client = account.expect("an account has sent it").at(server);
    let second = insist(&client, key, entry, kept);
    match &entry.outcome {
        Outcome::Acknowledged { .. } if entry.outcome != second => {
            Err(format!("the repeat of {key} was answered {second:?}; the first answer was {:?}", entry.outcome))
        }
        Outcome::Acknowledged { .. } => Ok(second),
        // The first success is final: another repeat must get the same answer.
        _ => {
            let third = insist(&client, key, entry, kept);
            let is_same = second == third || matches!(second, Outcome::Refused { .. });
            is_same.then_some(third.clone()).ok_or_else(|| format!("{key} was answered {second:?}, then {third:?}"))
        }
    }
}

/// Sends the command until it is executed or refused by a rule. It gets 503 with `Retry-After` while a transaction of
/// the killed server is in its way.
fn insist(client: &Client, key: &str, entry: &Entry, kept: &mut Option<Connection>) -> Outcome {
    let call = entry.command.call(client).key(key);
    wait_for("the store to let a repeat through", || {
        let mut connection = kept.take().map_or_else(|| client.connect(), Ok).expect("the server listens");
        let answer = connection.exchange(&call.bytes()).expect("an answer");
        if answer.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        let must_wait = answer.status == 503 && answer.header("retry-after").is_some();
        (!must_wait).then(|| outcome(&answer, &call))
    })
}
