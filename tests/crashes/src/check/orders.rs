//! Orders are complete: lines, sums, reservations and movements.

use super::{Findings, Index};
use crate::state::{Line, Order, State};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) fn check(state: &State, index: &Index<'_>, findings: &mut Findings) {
    let ids: BTreeSet<Uuid> = state.orders.iter().map(|order| order.id).collect();
    let numbers: BTreeSet<&str> = state.orders.iter().map(|order| order.number.as_str()).collect();
    findings.holds(ids.len() == state.orders.len(), || "two orders have the same id".to_owned());
    findings.holds(numbers.len() == state.orders.len(), || "two orders have the same number".to_owned());
    for order in &state.orders {
        let lines = index.lines.get(&order.id).map(Vec::as_slice).unwrap_or_default();
        adds_up(order, lines, findings);
        is_reserved(order, lines, index, findings);
        is_moved(order, lines, index, findings);
    }
    let strays = [
        ("lines", index.lines.keys().collect::<Vec<_>>()),
        ("reservations", index.reservations.keys().collect()),
        ("movements", index.moved_for.keys().collect()),
    ];
    for (what, owners) in strays {
        for owner in owners {
            findings.holds(ids.contains(owner), || format!("order {owner} has {what} but does not exist"));
        }
    }
}

pub(super) fn is_cancelled(order: &Order) -> bool {
    order.order_state == "cancelled"
}

fn adds_up(order: &Order, lines: &[&Line], findings: &mut Findings) {
    findings.holds(!lines.is_empty(), || format!("order {} has no lines", order.id));
    for line in lines {
        let total = line.quantity.checked_mul(line.unit_price);
        findings.holds(total == Some(line.total), || format!("a line of order {} does not add up", order.id));
    }
    let total: i64 = lines.iter().map(|line| line.total).sum();
    findings.holds(total == order.total_amount, || format!("the lines of order {} do not add up", order.id));
    let version = if is_cancelled(order) { 2 } else { 1 };
    let state = (order.order_state.as_str(), order.version);
    let is_known = ["open", "cancelled"].contains(&state.0) && state.1 == version;
    findings.holds(is_known, || format!("order {} has the impossible state {state:?}", order.id));
}

/// The pieces of each product, as a sorted list.
fn pieces(items: impl Iterator<Item = (Uuid, i64)>) -> Vec<(Uuid, i64)> {
    let mut pieces: Vec<(Uuid, i64)> = items.collect();
    pieces.sort_unstable();
    pieces
}

pub(super) fn ordered(lines: &[&Line]) -> Vec<(Uuid, i64)> {
    pieces(lines.iter().map(|line| (line.product_id, line.quantity)))
}

fn is_reserved(order: &Order, lines: &[&Line], index: &Index<'_>, findings: &mut Findings) {
    let reservations = index.reservations.get(&order.id).map(Vec::as_slice).unwrap_or_default();
    let reserved = pieces(reservations.iter().map(|reservation| (reservation.product_id, reservation.quantity)));
    findings.holds(reserved == ordered(lines), || format!("order {} has reservations unlike its lines", order.id));
    let state = if is_cancelled(order) { "released" } else { "active" };
    for reservation in reservations {
        let is_right = reservation.state == state && reservation.ended_at.is_some() == is_cancelled(order);
        findings.holds(is_right, || {
            format!("order {} is {} and holds a reservation that is {}", order.id, order.order_state, reservation.state)
        });
    }
}

fn is_moved(order: &Order, lines: &[&Line], index: &Index<'_>, findings: &mut Findings) {
    let mut by_kind: BTreeMap<&str, Vec<(Uuid, i64)>> = BTreeMap::new();
    for movement in index.moved_for.get(&order.id).map(Vec::as_slice).unwrap_or_default() {
        by_kind.entry(&movement.kind).or_default().push((movement.product_id, movement.reserved_delta));
        let is_right = movement.on_hand_delta == 0;
        findings.holds(is_right, || format!("order {} changed the number of pieces on hand", order.id));
    }
    let mut expected = BTreeMap::from([("allocation", ordered(lines))]);
    if is_cancelled(order) {
        expected.insert("release", pieces(ordered(lines).into_iter().map(|(product, count)| (product, -count))));
    }
    let moved: BTreeMap<&str, _> = by_kind.into_iter().map(|(kind, items)| (kind, pieces(items.into_iter()))).collect();
    findings.holds(moved == expected, || format!("order {} has the movements {moved:?}, not {expected:?}", order.id));
}
