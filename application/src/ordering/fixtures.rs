//! A shop made of mocks: what the tests of ordering share.

use super::OrderingTx;
use crate::{
    fixtures::{Noted, Recorded, fingerprints, units},
    kernel::{Fingerprints, Runtime},
    testing::{FixedClock, MockOrderingTx, fixed_runtime},
};
use skep_domain::{
    catalog::{Product, Reservation, StockLevel},
    ordering::Order,
};
use std::sync::Arc;

units!(Shop: MockOrderingTx as OrderingTx);

/// What the shop has, and what was done to it.
#[derive(Clone, Default)]
pub(super) struct Shop {
    pub(super) products: Vec<Product>,
    pub(super) levels: Vec<StockLevel>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) order: Option<Order>,
    pub(super) seen: Seen,
}

/// What was done, over all units of work.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) noted: Noted,
    pub(super) inserted: Recorded<Order>,
    pub(super) saved: Recorded<Order>,
    pub(super) reserved: Recorded<Reservation>,
    pub(super) ended: Recorded<Reservation>,
}

impl Shop {
    /// A unit of work that shows what the shop has, and in which every write is a failed test.
    pub(super) fn looking(&self) -> MockOrderingTx {
        let mut tx = MockOrderingTx::noting(&self.seen.endings);
        let (seen, products) = (self.seen.clone(), self.products.clone());
        tx.products.expect_find_many().returning(move |ids| {
            seen.calls.push("products.find_many");
            Ok(products.iter().filter(|product| ids.contains(&product.id)).cloned().collect())
        });
        self.seen.finds_levels(&mut tx.stock, self.levels.clone());
        let (seen, reservations) = (self.seen.clone(), self.reservations.clone());
        tx.stock.expect_list_reservations().returning(move |order| {
            seen.calls.push("stock.list_reservations");
            Ok(reservations.iter().filter(|reservation| reservation.order_id == order).copied().collect())
        });
        let order = self.order.clone();
        tx.orders.expect_find().returning(move |id| Ok(order.clone().filter(|order| order.id == id)));
        self.seen.noted.claims(&mut tx.idempotency);
        tx
    }

    /// A unit of work in which everything succeeds.
    pub(super) fn open(&self) -> MockOrderingTx {
        let mut tx = self.looking();
        let seen = self.seen.clone();
        tx.orders.expect_insert().returning(move |order| {
            seen.calls.push("orders.insert");
            seen.inserted.push(order.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.orders.expect_save().returning(move |order| {
            seen.calls.push("orders.save");
            seen.saved.push(order.clone());
            Ok(order.version.next())
        });
        let seen = self.seen.clone();
        tx.stock.expect_insert_reservations().returning(move |reservations| {
            seen.calls.push("stock.insert_reservations");
            seen.reserved.extend(reservations);
            Ok(())
        });
        let seen = self.seen.clone();
        tx.stock.expect_end_reservations().returning(move |reservations| {
            seen.calls.push("stock.end_reservations");
            seen.ended.extend(reservations);
            Ok(())
        });
        self.seen.stores_levels(&mut tx.stock);
        self.seen.noted.events(&mut tx.outbox);
        self.seen.noted.answers(&mut tx.idempotency);
        tx
    }
}

pub(super) fn parts() -> (Arc<dyn Fingerprints>, Runtime, Arc<FixedClock>) {
    let (runtime, clock) = fixed_runtime();
    (fingerprints(), runtime, clock)
}
