//! Compares what a store holds with itself and with what its clients know.

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

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many things were looked at, each of which could have been wrong.
    pub checks: u64,
    /// What is wrong.
    pub faults: Vec<String>,
    /// Orders of which the client got no answer, and that are there.
    pub found: u64,
    /// Orders of which the client got no answer, and that are not there.
    pub not_found: u64,
}

impl Findings {
    /// Notes one check, and its fault if it does not hold.
    pub(crate) fn holds(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.faults.push(fault());
        }
    }
}

/// Checks everything that holds in a store between any two units of work, and that everything in it was asked for, and
/// that everything that was acknowledged is in it.
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

/// The rows of a state, by what they belong to.
struct Index<'s> {
    orders: BTreeMap<Uuid, &'s Order>,
    lines: BTreeMap<Uuid, Vec<&'s Line>>,
    reservations: BTreeMap<Uuid, Vec<&'s Reservation>>,
    /// By order; those that are for none are left out.
    moved_for: BTreeMap<Uuid, Vec<&'s Movement>>,
    /// By product.
    moved: BTreeMap<Uuid, Vec<&'s Movement>>,
    /// By what it happened to, and the name of the kind of thing: a product and its stock share their id.
    events: BTreeMap<(Uuid, &'static str), Vec<&'s Event>>,
    /// By key.
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

/// The kind of thing that an event tells of; none for those that have nothing to do with orders.
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

/// A JSON text as a value; null if it is none, which then equals nothing that is expected.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// An id in a JSON value; nil if there is none.
fn id_at(value: &Value, name: &str) -> Uuid {
    value[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
