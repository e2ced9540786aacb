//! Every acknowledged change is stored, every stored change was sent, and no change is stored twice.

use super::{
    Findings, Index,
    events::{events_of, on_hand_at},
    id_at, orders, parsed,
};
use crate::{
    ledger::{Command, Entry, Ledger, Outcome},
    state::{KeyRow, Line, Order, State},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) fn check(state: &State, index: &Index<'_>, ledger: &Ledger, findings: &mut Findings) {
    for row in &state.keys {
        let sent = ledger.entries.get(&row.key).filter(|entry| is_of(row, entry));
        findings.holds(sent.is_some(), || {
            format!("the store has the key {}, but no client sent it with this command", row.key)
        });
        if let Some(entry) = sent {
            let answer = parsed(row.answer.as_deref().unwrap_or_default());
            let is_true = is_true(&answer, &entry.command, index);
            findings.holds(is_true, || format!("the stored answer of the key {} contradicts the store", row.key));
        }
    }
    for (key, entry) in &ledger.entries {
        settled(key, entry, index, findings);
    }
    caused(state, index, findings);
}

fn is_of(row: &KeyRow, entry: &Entry) -> bool {
    row.principal == entry.principal && row.use_case == entry.command.use_case()
}

/// Whether the stored answer to the command agrees with the state.
fn is_true(answer: &Value, command: &Command, index: &Index<'_>) -> bool {
    match command {
        Command::Place(lines) => {
            let Some((order, found)) = order_of(answer, index) else { return false };
            let mut lines = lines.clone();
            lines.sort_unstable();
            answer["status"] == "pending" && orders::ordered(found) == lines && shows(answer, order, found)
        }
        Command::Cancel(id) => {
            let Some((order, found)) = order_of(answer, index) else { return false };
            order.id == *id
                && orders::is_cancelled(order)
                && answer["status"] == "cancelled"
                && shows(answer, order, found)
        }
        Command::SetStock(product, on_hand) => {
            let version = answer["version"].as_i64().unwrap_or_default();
            id_at(answer, "product_id") == *product
                && answer["on_hand"] == *on_hand
                && on_hand_at(index, *product, version) == Some(*on_hand)
        }
    }
}

fn order_of<'i>(answer: &Value, index: &'i Index<'_>) -> Option<(&'i Order, &'i [&'i Line])> {
    let order = index.orders.get(&id_at(answer, "id"))?;
    Some((order, index.lines.get(&order.id)?))
}

/// Whether a view of an order, stored or received, shows this order with these lines.
fn shows(view: &Value, order: &Order, lines: &[&Line]) -> bool {
    let money = |value: &Value| (value["amount"].as_i64(), value["currency"].as_str().map(str::to_owned));
    let of = |amount: i64| (Some(amount), Some(order.currency.clone()));
    let mut shown = view["lines"].as_array().cloned().unwrap_or_default();
    shown.sort_by_key(|line| id_at(line, "product_id"));
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.product_id);
    let is_line = |(shown, line): (&Value, &&Line)| {
        id_at(shown, "product_id") == line.product_id
            && shown["sku"] == line.sku.as_str()
            && shown["quantity"] == line.quantity
            && money(&shown["unit_price"]) == of(line.unit_price)
            && money(&shown["total"]) == of(line.total)
    };
    id_at(view, "id") == order.id
        && view["number"] == order.number.as_str()
        && money(&view["total"]) == of(order.total_amount)
        && shown.len() == lines.len()
        && shown.iter().zip(&lines).all(is_line)
}

/// Checks that the state agrees with the outcome that the client knows.
fn settled(key: &str, entry: &Entry, index: &Index<'_>, findings: &mut Findings) {
    let rows = index.keys.get(key).map(Vec::as_slice).unwrap_or_default();
    findings.holds(rows.len() <= 1, || format!("the store has the key {key} {} times", rows.len()));
    match &entry.outcome {
        Outcome::Acknowledged { body, version } => {
            let stored = rows.first().and_then(|row| row.answer.as_deref()).map(parsed).unwrap_or_default();
            let is_kept = stored["version"] == *version && is_answered(body, &stored, &entry.command, index);
            findings.holds(is_kept, || format!("{key} was acknowledged but is not stored as answered: {body}"));
        }
        Outcome::Refused { problem } => {
            findings.holds(rows.is_empty(), || format!("{key} was refused ({problem}) but executed"));
        }
        Outcome::Unanswered if matches!(entry.command, Command::Place(_)) => match rows {
            // The check of all orders covers its completeness.
            [] => findings.not_found += 1,
            _ => findings.found += 1,
        },
        Outcome::Unanswered => {}
    }
}

/// Whether an answer agrees with the stored answer and with the order.
fn is_answered(body: &Value, stored: &Value, command: &Command, index: &Index<'_>) -> bool {
    match command {
        Command::Place(_) | Command::Cancel(_) => {
            let answered = (&body["id"], &body["status"]);
            let Some((order, lines)) = order_of(body, index) else { return false };
            answered == (&stored["id"], &stored["status"]) && shows(body, order, lines)
        }
        Command::SetStock(..) => (&body["on_hand"], &body["reserved"]) == (&stored["on_hand"], &stored["reserved"]),
    }
}

/// Checks that each change has exactly one command that caused it.
fn caused(state: &State, index: &Index<'_>, findings: &mut Findings) {
    let mut placed: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut cancelled: BTreeSet<Uuid> = BTreeSet::new();
    let mut counted: BTreeSet<(Uuid, i64)> = BTreeSet::new();
    for row in &state.keys {
        let answer = parsed(row.answer.as_deref().unwrap_or_default());
        match row.use_case.as_str() {
            "ordering.place_order" => *placed.entry(id_at(&answer, "id")).or_default() += 1,
            "ordering.cancel_order" => drop(cancelled.insert(id_at(&answer, "id"))),
            _ => {
                let version = answer["version"].as_i64().unwrap_or_default();
                counted.insert((id_at(&answer, "product_id"), version));
            }
        }
    }
    for order in &state.orders {
        let keys = placed.get(&order.id).copied().unwrap_or_default();
        findings.holds(keys == 1, || format!("order {} was placed by {keys} keys", order.id));
        let is_asked = orders::is_cancelled(order) == cancelled.contains(&order.id);
        findings.holds(is_asked, || format!("order {} is {}, but its keys disagree", order.id, order.order_state));
    }
    for level in &state.levels {
        for event in events_of(index, level.product_id, "stock") {
            let is_asked = counted.contains(&(level.product_id, event.aggregate_version));
            findings.holds(is_asked, || {
                format!("no stored answer matches this count of product {}: {}", level.product_id, event.payload)
            });
        }
    }
}
