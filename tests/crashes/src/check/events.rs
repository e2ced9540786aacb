//! The outbox agrees with the state: one event for each change, versions without gaps.

use super::{Findings, Index, id_at, orders, parsed};
use crate::state::{Event, Level, Line, Order, State};
use serde_json::Value;
use uuid::Uuid;

pub(super) fn check(state: &State, index: &Index<'_>, findings: &mut Findings) {
    for order in &state.orders {
        let events = events_of(index, order.id, "order");
        let told: Vec<(i64, &str)> =
            events.iter().map(|event| (event.aggregate_version, event.name.as_str())).collect();
        let mut expected = vec![(1, "ordering.order_placed.v1")];
        if orders::is_cancelled(order) {
            expected.push((2, "ordering.order_cancelled.v1"));
        }
        findings.holds(told == expected, || format!("order {} has the events {told:?}, not {expected:?}", order.id));
        let lines = index.lines.get(&order.id).map(Vec::as_slice).unwrap_or_default();
        if let Some(placed) = events.first() {
            let is_told = tells(&parsed(&placed.payload), order, lines);
            findings.holds(is_told, || format!("the event of order {} tells of another order", order.id));
        }
    }
    for level in &state.levels {
        adjustments(level, index, findings);
    }
    for (id, kind) in index.events.keys() {
        let is_there = match *kind {
            "order" => index.orders.contains_key(id),
            _ => state.levels.iter().any(|level| level.product_id == *id),
        };
        findings.holds(is_there, || format!("an event tells of the {kind} {id}, which is not there"));
    }
}

/// The events of a thing, by version.
pub(super) fn events_of<'s>(index: &Index<'s>, id: Uuid, kind: &'static str) -> Vec<&'s Event> {
    let mut events = index.events.get(&(id, kind)).cloned().unwrap_or_default();
    events.sort_by_key(|event| event.aggregate_version);
    events
}

fn tells(payload: &Value, order: &Order, lines: &[&Line]) -> bool {
    let mut told: Vec<(Uuid, i64)> = payload["lines"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| (id_at(line, "product_id"), line["quantity"].as_i64().unwrap_or_default()))
        .collect();
    told.sort_unstable();
    let total = (payload["total"]["amount"].as_i64(), payload["total"]["currency"].as_str());
    id_at(payload, "order_id") == order.id
        && id_at(payload, "customer_id") == order.customer_id
        && total == (Some(order.total_amount), Some(order.currency.as_str()))
        && told == orders::ordered(lines)
}

/// A count of the stock has an event, with the version that came out; a sale has none of its own here.
fn adjustments(level: &Level, index: &Index<'_>, findings: &mut Findings) {
    let product = level.product_id;
    let created = events_of(index, product, "product");
    let is_new =
        matches!(created[..], [event] if event.aggregate_version == 1 && event.name == "catalog.product_created.v1");
    findings.holds(is_new, || format!("product {product} was not created once"));
    let events = events_of(index, product, "stock");
    let moved = index.moved.get(&product).map(Vec::as_slice).unwrap_or_default();
    let counted = moved.iter().filter(|movement| movement.kind == "adjustment").count();
    // The first count came with the product and is told with it.
    findings.holds(events.len() + 1 == counted, || {
        format!("the stock of product {product} was counted {counted} times, of which {} are told", events.len() + 1)
    });
    let versions: Vec<i64> = events.iter().map(|event| event.aggregate_version).collect();
    let is_rising = versions.is_sorted_by(|a, b| a < b) && versions.iter().all(|v| (2..=level.version).contains(v));
    findings.holds(is_rising, || {
        format!("the counts of product {product} at version {} are told as {versions:?}", level.version)
    });
    let on_hand = on_hand_at(index, product, level.version);
    findings.holds(on_hand == Some(level.on_hand), || {
        format!("product {product} has {} on hand, its events say {on_hand:?}", level.on_hand)
    });
}

/// How many pieces were on hand when the level of a product had this version, as its events say: only counts change it.
pub(super) fn on_hand_at(index: &Index<'_>, product: Uuid, version: i64) -> Option<i64> {
    let counts = events_of(index, product, "stock");
    let last = counts.into_iter().rev().find(|event| event.aggregate_version <= version);
    let first = || events_of(index, product, "product").first().copied();
    parsed(&last.or_else(first)?.payload)["on_hand"].as_i64()
}
