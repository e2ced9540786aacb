//! The outbox agrees with the state: it has one event for each change, and versions without gaps.

use super::{Findings, Index, id_at, orders, parsed};
use crate::state::{Event, Level, Line, Order, State};
use serde_json::Value;
use uuid::Uuid;

pub(super) fn check(state: &State, index: &Index<'_>, findings: &mut Findings) {
    for order in &state.orders {
        let events = events_of(index, order.id, "order");
        let found: Vec<(i64, &str)> =
            events.iter().map(|event| (event.aggregate_version, event.name.as_str())).collect();
        let mut expected = vec![(1, "ordering.order_placed.v1")];
        if orders::is_cancelled(order) {
            expected.push((2, "ordering.order_cancelled.v1"));
        }
        findings.holds(found == expected, || format!("order {} has the events {found:?}, not {expected:?}", order.id));
        let lines = index.lines.get(&order.id).map(Vec::as_slice).unwrap_or_default();
        if let Some(placed) = events.first() {
            let is_right = describes(&parsed(&placed.payload), order, lines);
            findings.holds(is_right, || format!("the event of order {} describes another order", order.id));
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
        findings.holds(is_there, || format!("an event refers to the {kind} {id}, which does not exist"));
    }
}

/// The events of an aggregate, by version.
pub(super) fn events_of<'s>(index: &Index<'s>, id: Uuid, kind: &'static str) -> Vec<&'s Event> {
    let mut events = index.events.get(&(id, kind)).cloned().unwrap_or_default();
    events.sort_by_key(|event| event.aggregate_version);
    events
}

fn describes(payload: &Value, order: &Order, lines: &[&Line]) -> bool {
    let mut described: Vec<(Uuid, i64)> = payload["lines"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| (id_at(line, "product_id"), line["quantity"].as_i64().unwrap_or_default()))
        .collect();
    described.sort_unstable();
    let total = (payload["total"]["amount"].as_i64(), payload["total"]["currency"].as_str());
    id_at(payload, "order_id") == order.id
        && id_at(payload, "customer_id") == order.customer_id
        && total == (Some(order.total_amount), Some(order.currency.as_str()))
        && described == orders::ordered(lines)
}

/// Checks that each stock count has an event with the resulting version. Sales have no stock event.
fn adjustments(level: &Level, index: &Index<'_>, findings: &mut Findings) {
    let product = level.product_id;
    let created = events_of(index, product, "product");
    let is_new =
        matches!(created[..], [event] if event.aggregate_version == 1 && event.name == "catalog.product_created.v1");
    findings.holds(is_new, || format!("product {product} does not have exactly one creation event"));
    let events = events_of(index, product, "stock");
    let moved = index.moved.get(&product).map(Vec::as_slice).unwrap_or_default();
    let counted = moved.iter().filter(|movement| movement.kind == "adjustment").count();
    // The event of the product includes the first count.
    findings.holds(events.len() + 1 == counted, || {
        format!("the stock of product {product} was counted {counted} times, but has {} events", events.len() + 1)
    });
    let versions: Vec<i64> = events.iter().map(|event| event.aggregate_version).collect();
    let is_rising = versions.is_sorted_by(|a, b| a < b) && versions.iter().all(|v| (2..=level.version).contains(v));
    findings.holds(is_rising, || {
        format!("product {product} is at version {}, but its counts have the versions {versions:?}", level.version)
    });
    let on_hand = on_hand_at(index, product, level.version);
    findings.holds(on_hand == Some(level.on_hand), || {
        format!("product {product} has {} on hand, its events say {on_hand:?}", level.on_hand)
    });
}

/// How many pieces were on hand at this version of the level, according to the events. Only counts change this number.
pub(super) fn on_hand_at(index: &Index<'_>, product: Uuid, version: i64) -> Option<i64> {
    let counts = events_of(index, product, "stock");
    let last = counts.into_iter().rev().find(|event| event.aggregate_version <= version);
    let first = || events_of(index, product, "product").first().copied();
    parsed(&last.or_else(first)?.payload)["on_hand"].as_i64()
}
