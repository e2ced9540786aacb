//! Stock: levels, reservations and the ledger.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules};
use async_trait::async_trait;
use skep_application::{
    catalog::{
        StockQueries, StockRepository, StockView,
        constraints::{MOVEMENT_ID, RESERVATION_ID, STOCK_LEVEL_PRODUCT},
    },
    kernel::StoreError,
};
use skep_domain::{
    catalog::{Reservation, ReservationState, StockLevel, StockMovement},
    shared::{OrderId, ProductId, Timestamp},
};

impl Row for StockLevel {
    type Key = ProductId;
    const RULES: Rules<Self> = Rules::of(STOCK_LEVEL_PRODUCT, |level| level.product_id, |level| &mut level.version);
}

#[async_trait]
impl StockRepository for MemoryUnit {
    async fn find_many(&mut self, ids: &[ProductId]) -> Done<Vec<StockLevel>> {
        self.run(|state| Ok(state.levels.many(ids))).await
    }
    async fn hold(&mut self, _ids: &[ProductId]) -> Done<()> {
        // One unit writes at a time.
        Ok(())
    }
    async fn insert(&mut self, level: &StockLevel) -> Done<()> {
        self.run(|state| state.levels.insert(level)).await
    }
    async fn save_many(&mut self, levels: &[StockLevel]) -> Done<()> {
        self.run(|state| levels.iter().try_for_each(|level| state.levels.save(level).map(drop))).await
    }
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Done<()> {
        self.run(|state| {
            for movement in movements {
                if state.movements.iter().any(|other| other.id == movement.id) {
                    return Err(StoreError::Duplicate { constraint: MOVEMENT_ID });
                }
                state.movements.push(*movement);
            }
            Ok(())
        })
        .await
    }
    async fn list_movements(&mut self, product: ProductId) -> Done<Vec<StockMovement>> {
        self.run(|state| {
            let mut found: Vec<_> = state.movements.iter().filter(|one| one.product_id == product).copied().collect();
            found.sort_by_key(|movement| (movement.created_at, movement.id));
            Ok(found)
        })
        .await
    }
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state| {
            for reservation in reservations {
                if state.reservations.contains_key(&reservation.id) {
                    return Err(StoreError::Duplicate { constraint: RESERVATION_ID });
                }
                state.reservations.insert(reservation.id, *reservation);
            }
            Ok(())
        })
        .await
    }
    async fn list_reservations(&mut self, order: OrderId) -> Done<Vec<Reservation>> {
        self.run(|state| {
            let mut found: Vec<_> = state.reservations.values().filter(|one| one.order_id == order).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            Ok(found)
        })
        .await
    }
    async fn list_expired(&mut self, ids: &[ProductId], now: Timestamp, limit: u32) -> Done<Vec<Reservation>> {
        self.run(|state| {
            let expired = |one: &&Reservation| ids.contains(&one.product_id) && has_expired(one, now);
            let mut found: Vec<_> = state.reservations.values().filter(expired).copied().collect();
            found.sort_by_key(|reservation| reservation.product_id);
            found.truncate(limit as usize);
            Ok(found)
        })
        .await
    }
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state| {
            for ended in reservations {
                match state.reservations.get_mut(&ended.id) {
                    Some(one) if one.state == ReservationState::Active => *one = *ended,
                    _ => return Err(StoreError::Stale),
                }
            }
            Ok(())
        })
        .await
    }
    async fn keep_reservations(&mut self, reservations: &[Reservation]) -> Done<()> {
        self.run(|state| {
            for kept in reservations {
                let stored = state.reservations.get_mut(&kept.id).filter(|one| one.state == ReservationState::Active);
                stored.ok_or(StoreError::Stale)?.expires_at = None;
            }
            Ok(())
        })
        .await
    }
}

/// Whether the reservation has expired at `now` but has not ended yet.
fn has_expired(reservation: &Reservation, now: Timestamp) -> bool {
    reservation.state == ReservationState::Active && !reservation.holds(now)
}

#[async_trait]
impl StockQueries for MemoryStore {
    async fn find_stock(&self, id: ProductId, now: Timestamp) -> Done<Option<StockView>> {
        let state = self.state();
        let (Some(product), Some(level)) = (state.products.get(id), state.levels.get(id)) else { return Ok(None) };
        let expired = state.reservations.values().filter(|one| one.product_id == id && has_expired(one, now));
        let expired = expired.map(|one| one.quantity).sum();
        Ok(Some(StockView::of(level, expired, product.is_on_sale())))
    }
}
