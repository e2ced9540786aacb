//! The reservations of one order, changed together with the order.

use super::OrderingTx;
use crate::kernel::{Authorized, StoreError};
use skep_domain::{
    catalog::{Reservation, ReservationMismatch, StockChanges, StockLevel},
    ordering::Order,
    shared::{ProductId, Timestamp},
};
use uuid::Uuid;

/// Locks the levels of the order's products, in order (I10), and then reads its reservations. Until the end of the
/// unit, no other unit ends or keeps one of them.
async fn find(unit: &mut dyn OrderingTx, order: &Order) -> Result<(Vec<StockLevel>, Vec<Reservation>), StoreError> {
    let mut products: Vec<ProductId> = order.lines.iter().map(|line| line.product_id).collect();
    products.sort();
    let levels = unit.stock().find_many(&products).await?;
    let held = unit.stock().list_reservations(order.id).await?;
    Ok((levels, held))
}

/// [`StockChanges::release`] or [`StockChanges::expire`].
type End = fn(
    Vec<StockLevel>,
    Vec<Reservation>,
    Timestamp,
    &mut dyn FnMut() -> Uuid,
) -> Result<StockChanges, ReservationMismatch>;

/// Ends the active reservations of the order (I9, O10).
pub(super) async fn give_back(
    unit: &mut dyn OrderingTx,
    order: &Authorized<'_, Order>,
    end: End,
) -> Result<(), StoreError> {
    let (levels, held) = find(unit, order).await?;
    let changes = end(levels, held, order.now(), &mut || order.new_id());
    let changes =
        changes.map_err(|mismatch| StoreError::corrupt("reservations", mismatch.0, "does not agree with the stock"))?;
    if changes.is_empty() {
        return Ok(());
    }
    unit.stock().save_many(&changes.levels).await?;
    unit.stock().end_reservations(&changes.ended).await?;
    unit.stock().append_movements(&changes.movements).await
}

/// Keeps all reservations of the order, and returns whether all were still active (I12). If not, the unit must not be
/// committed.
pub(super) async fn keep(unit: &mut dyn OrderingTx, order: &Order) -> Result<bool, StoreError> {
    let (_, mut held) = find(unit, order).await?;
    if !held.iter_mut().all(Reservation::keep) {
        return Ok(false);
    }
    unit.stock().keep_reservations(&held).await?;
    Ok(true)
}
