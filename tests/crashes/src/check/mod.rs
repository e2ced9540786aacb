//! Checks that the contents of a store are consistent and agree with the ledger of its clients.

mod commands;
mod events;
mod orders;
mod stock;

use crate::{
    ledger::Ledger,
    state::{Event, KeyRow, Line, Movement, Order, Reservation, State},
};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many conditions were checked.
    pub checks: u64,
    /// A description of each condition that did not hold.
    pub faults: Vec<String>,
    /// Unanswered orders that are stored.
    pub found: u64,
    /// Unanswered orders that are not stored.
    pub not_found: u64,
}

impl Findings {
    /// Counts a check, and records the fault if the condition does not hold.
    pub(crate) fn holds(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.faults.push(fault());
        }
    }
}

/// Checks that the state is consistent, as it must be between any two units of work, that every change in it was sent,
/// and that every acknowledged change is in it.
#[must_use]
pub fn check(state: &State, ledger: &Ledger) -> Findings {
    let index = Index::of(state);
    let mut findings = Findings::default();
    orders::check(state, &index, &mut findings);
    stock::check(state, &index, &mut findings);
    events::check(state, &index, &mut findings);
    commands::check(state, &index, ledger, &mut findings);
    findings
}

/// The rows of a state, grouped by their owners.
struct Index<'s> {
    orders: BTreeMap<Uuid, &'s Order>,
    lines: BTreeMap<Uuid, Vec<&'s Line>>,
    reservations: BTreeMap<Uuid, Vec<&'s Reservation>>,
    /// By order, without the movements that belong to no order.
    moved_for: BTreeMap<Uuid, Vec<&'s Movement>>,
    /// By product.
    moved: BTreeMap<Uuid, Vec<&'s Movement>>,
    /// By aggregate and its kind, because a product and its stock share their id.
    events: BTreeMap<(Uuid, &'static str), Vec<&'s Event>>,
    keys: BTreeMap<&'s str, Vec<&'s KeyRow>>,
}

impl<'s> Index<'s> {
    fn of(state: &'s State) -> Self {
        Self {
            orders: state.orders.iter().map(|order| (order.id, order)).collect(),
            lines: group(&state.lines, |line| Some(line.order_id)),
            reservations: group(&state.reservations, |reservation| Some(reservation.order_id)),
            moved_for: group(&state.movements, |movement| movement.order_id),
            moved: group(&state.movements, |movement| Some(movement.product_id)),
            events: group(&state.events, |event| Some((event.aggregate_id, kind_of(&event.name)?))),
            keys: group(&state.keys, |row| Some(row.key.as_str())),
        }
    }
}

/// The kind of aggregate of an event, or `None` if the event has nothing to do with orders.
fn kind_of(event: &str) -> Option<&'static str> {
    [("ordering.order_", "order"), ("catalog.stock_", "stock"), ("catalog.product_", "product")]
        .into_iter()
        .find_map(|(start, kind)| event.starts_with(start).then_some(kind))
}

fn group<'s, T, K: Ord>(rows: &'s [T], key: impl Fn(&'s T) -> Option<K>) -> BTreeMap<K, Vec<&'s T>> {
    let mut groups: BTreeMap<K, Vec<&'s T>> = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

/// A JSON text as a value, or null if it is not JSON. No expected value is null.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The id in a member of a JSON value, or the nil id if it is missing.
fn id_at(value: &Value, name: &str) -> Uuid {
    value[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
