//! The changes that an order makes to the stock, computed before anything is stored.

use super::{Reservation, ReservationState, StockLevel, StockMovement};
use crate::shared::{MovementId, OrderId, ProductId, ReservationId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The pieces that an order needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The order that needs the pieces.
    pub order_id: OrderId,
    /// The products, each with the number of its pieces (at least 1).
    pub lines: &'a [(ProductId, u32)],
    /// From this time on the reservations no longer hold their pieces (I7); `None` if they do not expire.
    pub expires_at: Option<Timestamp>,
}

/// A line that needs more pieces than are available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// The product of the line.
    pub product_id: ProductId,
    /// The pieces that the line needs.
    pub requested: u32,
    /// The pieces that are available to the line. A product without a stock level has none.
    pub available: u32,
}

/// The lines that are short, at least one, in the order of the claim. Nothing is reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not enough in stock for {} lines", .0.len())]
pub struct Shortages(pub Vec<Shortage>);

/// The active reservation does not fit the stock level of its product, or there is no such level. The stored data
/// contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reservation {0} does not agree with its stock level")]
pub struct ReservationMismatch(pub ReservationId);

/// All changes that must be stored together. The sums of the movements are the changes of the levels (I5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StockChanges {
    /// The levels that changed, each once, in ascending order of their products, as they are locked (I10).
    pub levels: Vec<StockLevel>,
    /// The rows for the ledger.
    pub movements: Vec<StockMovement>,
    /// The reservations that ended.
    pub ended: Vec<Reservation>,
    /// The new reservations.
    pub reservations: Vec<Reservation>,
}

/// The lines that need more pieces than `levels` have. Several lines of one product are served in their order.
#[must_use]
pub fn shortages(levels: &[StockLevel], lines: &[(ProductId, u32)]) -> Vec<Shortage> {
    let mut left: BTreeMap<ProductId, u32> = levels.iter().map(|level| (level.product_id, level.available())).collect();
    let mut short = vec![];
    for &(product_id, requested) in lines {
        let available = left.get(&product_id).copied().unwrap_or(0);
        if requested > available {
            short.push(Shortage { product_id, requested, available });
        } else {
            left.insert(product_id, available - requested);
        }
    }
    short
}

impl StockChanges {
    /// Reserves all lines of the claim, or none (I3). The reservations of `expired` give up their pieces first; those
    /// that still hold theirs at `now` are left alone (I7, I8).
    ///
    /// `levels` are those of the claimed products, in any order. `expired` may be empty as long as [`shortages`] finds
    /// no line that is short. `ids` makes one id for each expired reservation, and then two for each line: one for the
    /// movement and one for the reservation.
    ///
    /// # Errors
    /// [`Shortages`] if lines are short even after that.
    pub fn reserve(
        levels: Vec<StockLevel>,
        expired: Vec<Reservation>,
        claim: Claim<'_>,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<Self, Shortages> {
        let mut changes = Self::of(levels);
        changes.end_expired(expired, now, ids);
        let mut short = vec![];
        for &(product_id, quantity) in claim.lines {
            let id = MovementId::new(ids());
            let level = changes.level(product_id);
            let available = level.as_ref().map_or(0, |level| level.available());
            let Some(Ok(movement)) = level.map(|level| level.reserve(id, claim.order_id, quantity, now)) else {
                short.push(Shortage { product_id, requested: quantity, available });
                continue;
            };
            changes.movements.push(movement);
            let id = ReservationId::new(ids());
            let reservation = Reservation::new(id, claim.order_id, product_id, quantity, claim.expires_at, now);
            changes.reservations.push(reservation);
        }
        if !short.is_empty() {
            return Err(Shortages(short));
        }
        Ok(changes.without_unchanged_levels())
    }

    /// Ends the active reservations of an order, whose pieces are then available again (I9). Reservations that have
    /// ended stay as they are (I6). The changes are empty if none is active.
    ///
    /// `levels` are those of the reserved products, in any order. `ids` makes one id for each active reservation.
    ///
    /// # Errors
    /// [`ReservationMismatch`] if a reservation does not fit its level.
    pub fn release(
        levels: Vec<StockLevel>,
        reservations: Vec<Reservation>,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<Self, ReservationMismatch> {
        Self::end_active(levels, reservations, ReservationState::Released, now, ids)
    }

    /// Ends the active reservations of an order that was not paid in time, as [`StockChanges::release`] does for an
    /// order that is cancelled.
    ///
    /// # Errors
    /// [`ReservationMismatch`] if a reservation does not fit its level, or has not expired yet (I8).
    pub fn expire(
        levels: Vec<StockLevel>,
        reservations: Vec<Reservation>,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<Self, ReservationMismatch> {
        Self::end_active(levels, reservations, ReservationState::Expired, now, ids)
    }

    /// Ends reservations of several orders that have expired. Those that still hold their pieces at `now` are left
    /// alone (I7, I8). `ids` makes one id for each reservation.
    #[must_use]
    pub fn free(
        levels: Vec<StockLevel>,
        expired: Vec<Reservation>,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Self {
        let mut changes = Self::of(levels);
        changes.end_expired(expired, now, ids);
        changes.without_unchanged_levels()
    }

    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.movements.is_empty()
    }

    fn of(mut levels: Vec<StockLevel>) -> Self {
        levels.sort_by_key(|level| level.product_id);
        Self { levels, ..Self::default() }
    }

    fn end_active(
        levels: Vec<StockLevel>,
        reservations: Vec<Reservation>,
        end: ReservationState,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<Self, ReservationMismatch> {
        let mut changes = Self::of(levels);
        for reservation in reservations {
            let active = reservation.state == ReservationState::Active;
            if active && !changes.end(reservation, end, now, ids) {
                return Err(ReservationMismatch(reservation.id));
            }
        }
        Ok(changes.without_unchanged_levels())
    }

    fn end_expired(&mut self, expired: Vec<Reservation>, now: Timestamp, ids: &mut dyn FnMut() -> Uuid) {
        for reservation in expired {
            self.end(reservation, ReservationState::Expired, now, ids);
        }
    }

    fn level(&mut self, product_id: ProductId) -> Option<&mut StockLevel> {
        let place = self.levels.binary_search_by_key(&product_id, |level| level.product_id).ok()?;
        self.levels.get_mut(place)
    }

    /// Ends the reservation. Returns `false` and changes nothing if it cannot end this way.
    fn end(
        &mut self,
        mut reservation: Reservation,
        end: ReservationState,
        now: Timestamp,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> bool {
        let id = MovementId::new(ids());
        let level = self.level(reservation.product_id);
        let Some(movement) = level.and_then(|level| level.end(id, &mut reservation, end, now)) else { return false };
        self.movements.push(movement);
        self.ended.push(reservation);
        true
    }

    fn without_unchanged_levels(mut self) -> Self {
        let moved: BTreeSet<ProductId> = self.movements.iter().map(|movement| movement.product_id).collect();
        self.levels.retain(|level| moved.contains(&level.product_id));
        self
    }
}

#[cfg(test)]
mod tests;
