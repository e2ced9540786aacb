//! Orders are complete, and their events and answers agree with them.

use super::{CANCELLED, Cancel, Line, ORDERS, Order, PLACED, Place};
use crate::{
    catalog::{Movement, Reservation},
    check::Findings,
    context::{Checks, Command, command},
    state::{Event, Groups, State, group, id_at, of, parsed},
};
use rand::{rngs::StdRng, seq::IndexedRandom as _};
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How many orders are read over HTTP.
const SAMPLE: usize = 40;

/// All orders, with the rows and events that belong to them by order.
pub(super) struct Orders<'s> {
    state: &'s State,
    orders: BTreeMap<Uuid, &'s Order>,
    lines: Groups<'s, Uuid, Line>,
    reservations: Groups<'s, Uuid, Reservation>,
    /// Without the movements that belong to no order.
    moved: Groups<'s, Uuid, Movement>,
    events: Groups<'s, Uuid, Event>,
}

fn is_cancelled(order: &Order) -> bool {
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

fn ordered(lines: &[&Line]) -> Vec<(Uuid, i64)> {
    pieces(lines.iter().map(|line| (line.product_id, line.quantity)))
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
        && described == ordered(lines)
}

impl<'s> Orders<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        Self {
            state,
            orders: state.rows().iter().map(|order: &Order| (order.id, order)).collect(),
            lines: group(state.rows(), |line: &Line| Some(line.order_id)),
            reservations: group(state.rows(), |reservation: &Reservation| Some(reservation.order_id)),
            moved: group(state.rows(), |movement: &Movement| movement.order_id),
            events: state.events("ordering.order_"),
        }
    }

    fn all(&self) -> &'s [Order] {
        self.state.rows()
    }

    fn lines(&self, order: &Order) -> &[&'s Line] {
        of(&self.lines, &order.id)
    }

    /// The order that an answer shows, with its lines.
    fn shown(&self, answer: &Value) -> Option<(&'s Order, &[&'s Line])> {
        let order = *self.orders.get(&id_at(answer, "id"))?;
        Some((order, self.lines.get(&order.id)?))
    }

    fn is_reserved(&self, order: &Order, findings: &mut Findings) {
        let (lines, reservations) = (self.lines(order), of(&self.reservations, &order.id));
        let reserved = pieces(reservations.iter().map(|reservation| (reservation.product_id, reservation.quantity)));
        findings.holds(reserved == ordered(lines), || format!("order {} has reservations unlike its lines", order.id));
        let state = if is_cancelled(order) { "released" } else { "active" };
        for reservation in reservations {
            let is_right = reservation.state == state && reservation.ended_at.is_some() == is_cancelled(order);
            findings.holds(is_right, || {
                let (id, order_state, state) = (order.id, &order.order_state, &reservation.state);
                format!("order {id} is {order_state} and holds a reservation that is {state}")
            });
        }
    }

    fn is_moved(&self, order: &Order, findings: &mut Findings) {
        let mut by_kind: BTreeMap<&str, Vec<(Uuid, i64)>> = BTreeMap::new();
        for movement in of(&self.moved, &order.id) {
            by_kind.entry(&movement.kind).or_default().push((movement.product_id, movement.reserved_delta));
            let is_right = movement.on_hand_delta == 0;
            findings.holds(is_right, || format!("order {} changed the number of pieces on hand", order.id));
        }
        let lines = ordered(self.lines(order));
        let released = pieces(lines.iter().map(|(product, count)| (*product, -count)));
        let mut expected = BTreeMap::from([("allocation", lines)]);
        if is_cancelled(order) {
            expected.insert("release", released);
        }
        let moved: BTreeMap<&str, _> =
            by_kind.into_iter().map(|(kind, items)| (kind, pieces(items.into_iter()))).collect();
        let id = order.id;
        findings.holds(moved == expected, || format!("order {id} has the movements {moved:?}, not {expected:?}"));
    }

    /// Checks that the order has one event for each change, and versions without gaps.
    fn is_told(&self, order: &Order, findings: &mut Findings) {
        let events = of(&self.events, &order.id);
        let found: Vec<(i64, &str)> =
            events.iter().map(|event| (event.aggregate_version, event.name.as_str())).collect();
        let mut expected = vec![(1, "ordering.order_placed.v1")];
        if is_cancelled(order) {
            expected.push((2, "ordering.order_cancelled.v1"));
        }
        findings.holds(found == expected, || format!("order {} has the events {found:?}, not {expected:?}", order.id));
        if let Some(placed) = events.first() {
            let is_right = describes(&parsed(&placed.payload), order, self.lines(order));
            findings.holds(is_right, || format!("the event of order {} describes another order", order.id));
        }
    }

    /// Checks that each order and each cancellation has exactly the keys that caused it.
    fn is_caused(&self, findings: &mut Findings) {
        let mut placed: BTreeMap<Uuid, usize> = BTreeMap::new();
        for answer in self.state.answers(PLACED) {
            *placed.entry(id_at(&answer, "id")).or_default() += 1;
        }
        let cancelled: BTreeSet<Uuid> = self.state.answers(CANCELLED).map(|answer| id_at(&answer, "id")).collect();
        for order in self.all() {
            let keys = placed.get(&order.id).copied().unwrap_or_default();
            findings.holds(keys == 1, || format!("order {} was placed by {keys} keys", order.id));
            let is_asked = is_cancelled(order) == cancelled.contains(&order.id);
            findings.holds(is_asked, || format!("order {} is {}, but its keys disagree", order.id, order.order_state));
        }
    }
}

impl Checks for Orders<'_> {
    fn rows(&self, findings: &mut Findings) {
        let numbers: BTreeSet<&str> = self.all().iter().map(|order| order.number.as_str()).collect();
        findings.holds(self.orders.len() == self.all().len(), || "two orders have the same id".to_owned());
        findings.holds(numbers.len() == self.all().len(), || "two orders have the same number".to_owned());
        for order in self.all() {
            adds_up(order, self.lines(order), findings);
            self.is_reserved(order, findings);
            self.is_moved(order, findings);
            self.is_told(order, findings);
        }
        let strays = [
            ("lines", self.lines.keys().collect::<Vec<_>>()),
            ("reservations", self.reservations.keys().collect()),
            ("movements", self.moved.keys().collect()),
            ("events", self.events.keys().collect()),
        ];
        for (rows, owners) in strays {
            for owner in owners {
                let is_there = self.orders.contains_key(owner);
                findings.holds(is_there, || format!("order {owner} has {rows} but does not exist"));
            }
        }
        self.is_caused(findings);
    }

    fn is_true(&self, sent: &dyn Command, stored: &Value) -> bool {
        let Some((order, found)) = self.shown(stored) else { return false };
        let is_sent = match (command::<Place>(sent), command::<Cancel>(sent)) {
            (Some(Place(lines)), _) => stored["status"] == "pending" && ordered(found) == pieces(lines.iter().copied()),
            (_, Some(Cancel(id))) => order.id == *id && is_cancelled(order) && stored["status"] == "cancelled",
            _ => false,
        };
        is_sent && shows(stored, order, found)
    }

    fn is_answered(&self, _sent: &dyn Command, body: &Value, stored: &Value) -> bool {
        let Some((order, lines)) = self.shown(body) else { return false };
        (&body["id"], &body["status"]) == (&stored["id"], &stored["status"]) && shows(body, order, lines)
    }

    fn over_http(&self, get: &dyn Fn(String) -> Answer, rng: &mut StdRng, findings: &mut Findings) {
        let total = get(format!("{ORDERS}?limit=1&count=exact")).number("/page/total");
        let is_total = total == i64::try_from(self.all().len()).unwrap_or(-1);
        findings.holds(is_total, || format!("{total} orders are listed"));
        for order in self.all().sample(rng, SAMPLE) {
            let answer = get(format!("{ORDERS}/{}", order.id));
            let status = if order.order_state == "open" { "pending" } else { "cancelled" };
            let shown = (answer.text("/status"), answer.text("/number"), answer.number("/total/amount"));
            let expected = (status.to_owned(), order.number.clone(), order.total_amount);
            findings.holds(shown == expected, || format!("order {}: the API shows {shown:?}", order.id));
        }
    }
}
