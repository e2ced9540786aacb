//! Stock adds up, and its events and answers agree with it.

use super::{COUNTED, Level, Movement, PRODUCTS, Reservation, SetStock};
use crate::{
    check::Findings,
    context::{Checks, Command, command},
    state::{Event, Groups, State, group, id_at, of, parsed},
};
use rand::rngs::StdRng;
use serde_json::Value;
use skep_journeys::Answer;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The stock of all products, with its movements and events by product.
pub(super) struct Stock<'s> {
    state: &'s State,
    moved: Groups<'s, Uuid, Movement>,
    counts: Groups<'s, Uuid, Event>,
    creations: Groups<'s, Uuid, Event>,
}

impl<'s> Stock<'s> {
    pub(super) fn of(state: &'s State) -> Self {
        let moved = group(state.rows(), |movement: &Movement| Some(movement.product_id));
        Self { state, moved, counts: state.events("catalog.stock_"), creations: state.events("catalog.product_") }
    }

    fn levels(&self) -> &'s [Level] {
        self.state.rows()
    }

    /// How many pieces were on hand at this version of the level, according to the events. Only counts change this
    /// number.
    fn on_hand_at(&self, product: Uuid, version: i64) -> Option<i64> {
        let last = of(&self.counts, &product).iter().rev().find(|event| event.aggregate_version <= version);
        let event = last.or_else(|| of(&self.creations, &product).first())?;
        parsed(&event.payload)["on_hand"].as_i64()
    }

    /// Checks levels, movements and reservations.
    fn adds_up(&self, findings: &mut Findings) {
        let mut claimed: BTreeMap<Uuid, i64> = BTreeMap::new();
        for reservation in self.state.rows::<Reservation>().iter().filter(|reservation| reservation.state == "active") {
            *claimed.entry(reservation.product_id).or_default() += reservation.quantity;
        }
        for level in self.levels() {
            let product = level.product_id;
            let moved = of(&self.moved, &product);
            let on_hand: i64 = moved.iter().map(|movement| movement.on_hand_delta).sum();
            let reserved: i64 = moved.iter().map(|movement| movement.reserved_delta).sum();
            findings.holds(on_hand == level.on_hand, || {
                format!("product {product} has {} on hand, its movements say {on_hand}", level.on_hand)
            });
            findings.holds(reserved == level.reserved, || {
                format!("product {product} has {} reserved, its movements say {reserved}", level.reserved)
            });
            let active = claimed.remove(&product).unwrap_or_default();
            findings.holds(active == level.reserved, || {
                format!("product {product} has {} reserved, its reservations say {active}", level.reserved)
            });
            let is_within = 0 <= level.reserved && level.reserved <= level.on_hand;
            findings.holds(is_within, || {
                format!("product {product} has {} reserved of {} on hand", level.reserved, level.on_hand)
            });
            // Every unit that changes a level writes one movement for it. The first one creates the level at version 1.
            let changes = i64::try_from(moved.len()).unwrap_or(i64::MAX);
            findings.holds(changes == level.version, || {
                format!("product {product} has {changes} movements but is at version {}", level.version)
            });
        }
        let products: BTreeSet<Uuid> = self.levels().iter().map(|level| level.product_id).collect();
        for product in self.moved.keys().chain(claimed.keys()) {
            findings.holds(products.contains(product), || format!("product {product} has movements and no stock"));
        }
        for product in self.counts.keys().chain(self.creations.keys()) {
            let is_there = products.contains(product);
            findings.holds(is_there, || format!("an event refers to the product {product}, which does not exist"));
        }
    }

    /// Checks that each stock count has an event with the resulting version. Sales have no stock event.
    fn is_told(&self, level: &Level, findings: &mut Findings) {
        let product = level.product_id;
        let is_new = matches!(of(&self.creations, &product), [event]
            if event.aggregate_version == 1 && event.name == "catalog.product_created.v1");
        findings.holds(is_new, || format!("product {product} does not have exactly one creation event"));
        let events = of(&self.counts, &product);
        let counted = of(&self.moved, &product).iter().filter(|movement| movement.kind == "adjustment").count();
        // The event of the product includes the first count.
        findings.holds(events.len() + 1 == counted, || {
            format!("the stock of product {product} was counted {counted} times, but has {} events", events.len() + 1)
        });
        let versions: Vec<i64> = events.iter().map(|event| event.aggregate_version).collect();
        let is_rising = versions.is_sorted_by(|a, b| a < b) && versions.iter().all(|v| (2..=level.version).contains(v));
        findings.holds(is_rising, || {
            format!("product {product} is at version {}, but its counts have the versions {versions:?}", level.version)
        });
        let on_hand = self.on_hand_at(product, level.version);
        findings.holds(on_hand == Some(level.on_hand), || {
            format!("product {product} has {} on hand, its events say {on_hand:?}", level.on_hand)
        });
    }
}

impl Checks for Stock<'_> {
    fn rows(&self, findings: &mut Findings) {
        self.adds_up(findings);
        let version = |answer: &Value| answer["version"].as_i64().unwrap_or_default();
        let counted: BTreeSet<(Uuid, i64)> =
            self.state.answers(COUNTED).map(|answer| (id_at(&answer, "product_id"), version(&answer))).collect();
        for level in self.levels() {
            self.is_told(level, findings);
            for event in of(&self.counts, &level.product_id) {
                let is_asked = counted.contains(&(level.product_id, event.aggregate_version));
                findings.holds(is_asked, || {
                    format!("no stored answer matches this count of product {}: {}", level.product_id, event.payload)
                });
            }
        }
    }

    fn is_true(&self, sent: &dyn Command, stored: &Value) -> bool {
        let Some(SetStock(product, on_hand)) = command(sent) else { return false };
        let version = stored["version"].as_i64().unwrap_or_default();
        id_at(stored, "product_id") == *product
            && stored["on_hand"] == *on_hand
            && self.on_hand_at(*product, version) == Some(*on_hand)
    }

    fn is_answered(&self, _sent: &dyn Command, body: &Value, stored: &Value) -> bool {
        (&body["on_hand"], &body["reserved"]) == (&stored["on_hand"], &stored["reserved"])
    }

    fn over_http(&self, get: &dyn Fn(String) -> Answer, _rng: &mut StdRng, findings: &mut Findings) {
        for level in self.levels() {
            let stock = get(format!("{PRODUCTS}/{}/stock", level.product_id));
            let shown = (stock.number("/on_hand"), stock.number("/reserved"), stock.etag());
            let available = level.on_hand - level.reserved;
            let expected = (level.on_hand, level.reserved, format!("\"{}-{available}\"", level.version));
            findings.holds(shown == expected, || format!("product {}: the API shows {shown:?}", level.product_id));
        }
    }
}
