//! A shop made of mocks: what the tests of ordering share.

use super::OrderingTx;
use crate::{
    fixtures::{Recorded, fingerprints},
    kernel::{Claimed, Fingerprints, IdempotencyClaim, OutboxEvent, Runtime, StoreError},
    testing::{Endings, FixedClock, MockOrderingTx, Scripted, fixed_runtime},
};
use skep_domain::{
    catalog::{Product, Reservation, StockLevel, StockMovement},
    ordering::Order,
};
use std::sync::Arc;

pub(super) type Units = Arc<Scripted<dyn OrderingTx>>;

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
    pub(super) calls: Recorded<&'static str>,
    pub(super) claims: Recorded<IdempotencyClaim>,
    pub(super) answers: Recorded<String>,
    pub(super) inserted: Recorded<Order>,
    pub(super) saved: Recorded<Order>,
    pub(super) levels: Recorded<StockLevel>,
    pub(super) reserved: Recorded<Reservation>,
    pub(super) ended: Recorded<Reservation>,
    pub(super) movements: Recorded<StockMovement>,
    pub(super) events: Recorded<OutboxEvent>,
    pub(super) endings: Endings,
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
        let (seen, levels) = (self.seen.clone(), self.levels.clone());
        tx.stock.expect_find_many().returning(move |ids| {
            seen.calls.push("stock.find_many");
            Ok(levels.iter().filter(|level| ids.contains(&level.product_id)).copied().collect())
        });
        let (seen, reservations) = (self.seen.clone(), self.reservations.clone());
        tx.stock.expect_list_reservations().returning(move |order| {
            seen.calls.push("stock.list_reservations");
            Ok(reservations.iter().filter(|reservation| reservation.order_id == order).copied().collect())
        });
        let order = self.order.clone();
        tx.orders.expect_find().returning(move |id| Ok(order.clone().filter(|order| order.id == id)));
        let seen = self.seen.clone();
        tx.idempotency.expect_claim().returning(move |claim| {
            seen.calls.push("claim");
            seen.claims.push(claim.clone());
            Ok(Claimed::New)
        });
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
        tx.stock.expect_save_many().returning(move |levels| {
            seen.calls.push("stock.save_many");
            seen.levels.extend(levels);
            Ok(())
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
        let seen = self.seen.clone();
        tx.stock.expect_append_movements().returning(move |movements| {
            seen.calls.push("stock.append_movements");
            seen.movements.extend(movements);
            Ok(())
        });
        let seen = self.seen.clone();
        tx.outbox.expect_append().returning(move |event| {
            seen.calls.push("outbox.append");
            seen.events.push(event.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.idempotency.expect_fill().returning(move |_, answer| {
            seen.calls.push("fill");
            seen.answers.push(answer.to_owned());
            Ok(())
        });
        tx
    }

    /// A unit of work in which everything succeeds but the commit.
    pub(super) fn failing(&self, error: StoreError) -> MockOrderingTx {
        self.open().with_commit_error(error)
    }

    /// A unit of work in which everything succeeds, after an earlier one that is known not to have been stored.
    pub(super) fn after_a_miss(&self) -> MockOrderingTx {
        let mut tx = self.open();
        tx.outbox.expect_settle().times(1).returning(|_| Ok(false));
        tx
    }

    /// A unit of work that finds the earlier one stored; every write is a failed test.
    pub(super) fn after_a_hit(&self) -> MockOrderingTx {
        let mut tx = self.looking();
        tx.outbox.expect_settle().times(1).returning(|_| Ok(true));
        tx
    }

    /// A unit of work whose key stands for this; everything else is a failed test.
    pub(super) fn claimed(&self, claimed: Claimed) -> MockOrderingTx {
        let mut tx = MockOrderingTx::noting(&self.seen.endings);
        tx.idempotency.expect_claim().times(1).return_once(move |_| Ok(claimed));
        tx
    }
}

pub(super) fn script(units: impl IntoIterator<Item = MockOrderingTx>) -> Units {
    Scripted::new(units.into_iter().map(|tx| Ok(Box::new(tx) as Box<dyn OrderingTx>)))
}

pub(super) fn parts() -> (Arc<dyn Fingerprints>, Runtime, Arc<FixedClock>) {
    let (runtime, clock) = fixed_runtime();
    (fingerprints(), runtime, clock)
}
