//! Stock adds up: levels, movements and reservations.

use super::{Findings, Index};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub(super) fn check(state: &State, index: &Index<'_>, findings: &mut Findings) {
    let mut claimed: BTreeMap<Uuid, i64> = BTreeMap::new();
    for reservation in state.reservations.iter().filter(|reservation| reservation.state == "active") {
        *claimed.entry(reservation.product_id).or_default() += reservation.quantity;
    }
    for level in &state.levels {
        let product = level.product_id;
        let moved = index.moved.get(&product).map(Vec::as_slice).unwrap_or_default();
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
    let products: BTreeSet<Uuid> = state.levels.iter().map(|level| level.product_id).collect();
    for product in index.moved.keys().chain(claimed.keys()) {
        findings.holds(products.contains(product), || format!("product {product} has movements and no stock"));
    }
}
