//! Stock levels, reservations, and the ledger of every change.

use crate::shared::{OrderId, ProductId, Timestamp, Version, named, typed_id};

/// The greatest number of pieces of one product, on hand or in one order.
pub const MAX_QUANTITY: u32 = 1_000_000_000;

typed_id! {
    /// The claim of one order line on the stock of one product.
    ReservationId
}
typed_id! {
    /// One row of the stock ledger.
    MovementId
}

/// The stock of one product. `0 <= reserved <= on_hand` always holds (I1). Each method that changes the level returns
/// the row for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// The product that is stocked.
    pub product_id: ProductId,
    /// Pieces in the warehouse, including the reserved ones.
    pub on_hand: u32,
    /// Pieces that active reservations hold.
    pub reserved: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency. The product has its own.
    pub version: Version,
}

/// Why a stock level cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StockRefusal {
    /// Fewer pieces are available than are requested.
    #[error("only {available} of {requested} are available")]
    Insufficient {
        /// The requested pieces.
        requested: u32,
        /// The available pieces.
        available: u32,
    },
    /// More pieces are reserved than would then be on hand.
    #[error("{reserved} are reserved")]
    BelowReserved {
        /// The pieces that active reservations hold.
        reserved: u32,
    },
    /// The number is not between 0 and [`MAX_QUANTITY`].
    #[error("must be between 0 and {MAX_QUANTITY}")]
    OutOfRange,
}

named! {
    /// Why a row of the ledger was written.
    MovementKind {
        /// The pieces were counted and `on_hand` was set.
        Adjustment = "adjustment",
        /// An order claimed pieces.
        Allocation = "allocation",
        /// A claim ended and its pieces are available again.
        Release = "release",
        /// Claimed pieces left the warehouse.
        Sale = "sale",
    }
}

/// A row of the ledger. `on_hand` and `reserved` of a product are the sums of its rows (I4, I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockMovement {
    /// The identifier.
    pub id: MovementId,
    /// The product whose level changed.
    pub product_id: ProductId,
    /// The reason for the change.
    pub kind: MovementKind,
    /// The change of `on_hand`, in pieces.
    pub on_hand_delta: i64,
    /// The change of `reserved`, in pieces.
    pub reserved_delta: i64,
    /// The order that caused the change, if one did.
    pub order_id: Option<OrderId>,
    /// When the level changed.
    pub created_at: Timestamp,
}

impl StockLevel {
    /// The level of a product that has no stock yet.
    #[must_use]
    pub const fn empty(product_id: ProductId, now: Timestamp) -> Self {
        Self { product_id, on_hand: 0, reserved: 0, updated_at: now, version: Version::FIRST }
    }

    /// The pieces that can be reserved.
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.on_hand - self.reserved
    }

    /// Sets how many pieces are on hand, after counting. Returns `None` if the number is the same as before.
    ///
    /// # Errors
    /// [`StockRefusal::BelowReserved`], [`StockRefusal::OutOfRange`].
    pub fn set_on_hand(
        &mut self,
        id: MovementId,
        on_hand: u32,
        now: Timestamp,
    ) -> Result<Option<StockMovement>, StockRefusal> {
        if on_hand > MAX_QUANTITY {
            return Err(StockRefusal::OutOfRange);
        }
        if on_hand < self.reserved {
            return Err(StockRefusal::BelowReserved { reserved: self.reserved });
        }
        let delta = i64::from(on_hand) - i64::from(self.on_hand);
        if delta == 0 {
            return Ok(None);
        }
        self.on_hand = on_hand;
        Ok(Some(self.moved(id, MovementKind::Adjustment, delta, 0, None, now)))
    }

    /// Claims pieces for an order.
    ///
    /// # Errors
    /// [`StockRefusal::Insufficient`]; nothing is changed.
    pub fn reserve(
        &mut self,
        id: MovementId,
        order: OrderId,
        quantity: u32,
        now: Timestamp,
    ) -> Result<StockMovement, StockRefusal> {
        let available = self.available();
        if quantity > available {
            return Err(StockRefusal::Insufficient { requested: quantity, available });
        }
        self.reserved += quantity;
        Ok(self.moved(id, MovementKind::Allocation, 0, i64::from(quantity), Some(order), now))
    }

    /// Ends a reservation. Its pieces leave the warehouse if `end` is `Committed`, and are available again otherwise.
    /// Returns `None` and changes nothing if the reservation has already ended (I6), if it would expire before its time
    /// (I8), or if it does not fit this level: it is for another product or for more pieces than are reserved.
    pub fn end(
        &mut self,
        id: MovementId,
        reservation: &mut Reservation,
        end: ReservationState,
        now: Timestamp,
    ) -> Option<StockMovement> {
        let of_this = reservation.product_id == self.product_id && reservation.quantity <= self.reserved;
        if !of_this || !reservation.end(end, now) {
            return None;
        }
        let quantity = i64::from(reservation.quantity);
        self.reserved -= reservation.quantity;
        let order = Some(reservation.order_id);
        if end == ReservationState::Committed {
            self.on_hand -= reservation.quantity;
            return Some(self.moved(id, MovementKind::Sale, -quantity, -quantity, order, now));
        }
        Some(self.moved(id, MovementKind::Release, 0, -quantity, order, now))
    }

    fn moved(
        &mut self,
        id: MovementId,
        kind: MovementKind,
        on_hand_delta: i64,
        reserved_delta: i64,
        order_id: Option<OrderId>,
        now: Timestamp,
    ) -> StockMovement {
        self.updated_at = now.not_before(self.updated_at);
        StockMovement {
            id,
            product_id: self.product_id,
            kind,
            on_hand_delta,
            reserved_delta,
            order_id,
            created_at: self.updated_at,
        }
    }
}

named! {
    /// Whether a reservation holds its pieces, and how it ended if it does not.
    ReservationState {
        /// It holds its pieces.
        Active = "active",
        /// The pieces left the warehouse with the order.
        Committed = "committed",
        /// It ended with the order, and the pieces are available again.
        Released = "released",
        /// It ended because it was not paid in time, and the pieces are available again.
        Expired = "expired",
    }
}

/// The claim of one order on pieces of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The identifier.
    pub id: ReservationId,
    /// The order that claims the pieces.
    pub order_id: OrderId,
    /// The reserved product.
    pub product_id: ProductId,
    /// The number of pieces, at least 1.
    pub quantity: u32,
    /// Whether it is active, and how it ended if it is not.
    pub state: ReservationState,
    /// From this time on it no longer holds its pieces (I7); `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended; `None` if it is active.
    pub ended_at: Option<Timestamp>,
}

impl Reservation {
    /// A reservation that starts now.
    #[must_use]
    pub const fn new(
        id: ReservationId,
        order_id: OrderId,
        product_id: ProductId,
        quantity: u32,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            order_id,
            product_id,
            quantity,
            state: ReservationState::Active,
            expires_at,
            created_at: now,
            ended_at: None,
        }
    }

    /// Whether it holds its pieces at `now`. Once its time has passed, an order that needs the pieces may end it as
    /// expired (I7).
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.state == ReservationState::Active && self.expires_at.is_none_or(|end| now < end)
    }

    /// Lets it hold its pieces until it ends, because its order was paid (I12). Returns `false` and changes nothing if
    /// it has already ended.
    #[must_use]
    pub fn keep(&mut self) -> bool {
        let is_active = self.state == ReservationState::Active;
        if is_active {
            self.expires_at = None;
        }
        is_active
    }

    /// Ends it. Returns `false` and changes nothing if it has already ended (I6) or would expire before its time (I8).
    fn end(&mut self, end: ReservationState, now: Timestamp) -> bool {
        let early = end == ReservationState::Expired && self.holds(now);
        if self.state != ReservationState::Active || end == ReservationState::Active || early {
            return false;
        }
        self.state = end;
        self.ended_at = Some(now.not_before(self.created_at));
        true
    }
}

#[cfg(test)]
mod tests;
