//! A catalogue made of mocks: what the tests of this context share.

use super::CatalogTx;
use crate::{
    fixtures::{Recorded, fingerprints},
    kernel::{Claimed, Fingerprints, IdempotencyClaim, OutboxEvent, Runtime, StoreError},
    testing::{Endings, MockCatalogTx, Scripted, fixed_runtime},
};
use skep_domain::catalog::{Product, StockLevel, StockMovement};
use std::sync::Arc;

pub(super) type Units = Arc<Scripted<dyn CatalogTx>>;

/// What the catalogue has, and what was done to it.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    pub(super) product: Option<Product>,
    pub(super) level: Option<StockLevel>,
    pub(super) seen: Seen,
}

/// What was done, over all units of work.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) calls: Recorded<&'static str>,
    pub(super) claims: Recorded<IdempotencyClaim>,
    pub(super) answers: Recorded<String>,
    pub(super) inserted: Recorded<Product>,
    pub(super) saved: Recorded<Product>,
    pub(super) levels: Recorded<StockLevel>,
    pub(super) movements: Recorded<StockMovement>,
    pub(super) events: Recorded<OutboxEvent>,
    pub(super) endings: Endings,
}

impl Shelf {
    /// A unit of work that shows what there is, and in which every write is a failed test.
    pub(super) fn looking(&self) -> MockCatalogTx {
        let mut tx = MockCatalogTx::noting(&self.seen.endings);
        let (seen, product) = (self.seen.clone(), self.product.clone());
        tx.products.expect_find().returning(move |id| {
            seen.calls.push("products.find");
            Ok(product.clone().filter(|product| product.id == id))
        });
        let (seen, level) = (self.seen.clone(), self.level);
        tx.stock.expect_find_many().returning(move |ids| {
            seen.calls.push("stock.find_many");
            Ok(level.into_iter().filter(|level| ids.contains(&level.product_id)).collect())
        });
        let seen = self.seen.clone();
        tx.idempotency.expect_claim().returning(move |claim| {
            seen.calls.push("claim");
            seen.claims.push(claim.clone());
            Ok(Claimed::New)
        });
        tx
    }

    /// A unit of work in which everything succeeds.
    pub(super) fn open(&self) -> MockCatalogTx {
        let mut tx = self.looking();
        let seen = self.seen.clone();
        tx.products.expect_insert().returning(move |product| {
            seen.calls.push("products.insert");
            seen.inserted.push(product.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.products.expect_save().returning(move |product| {
            seen.calls.push("products.save");
            seen.saved.push(product.clone());
            Ok(product.version.next())
        });
        let seen = self.seen.clone();
        tx.stock.expect_insert().returning(move |level| {
            seen.calls.push("stock.insert");
            seen.levels.push(*level);
            Ok(())
        });
        let seen = self.seen.clone();
        tx.stock.expect_save_many().returning(move |levels| {
            seen.calls.push("stock.save_many");
            seen.levels.extend(levels);
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
        self.filling(tx)
    }

    /// The unit of work keeps answers.
    pub(super) fn filling(&self, mut tx: MockCatalogTx) -> MockCatalogTx {
        let seen = self.seen.clone();
        tx.idempotency.expect_fill().returning(move |_, answer| {
            seen.calls.push("fill");
            seen.answers.push(answer.to_owned());
            Ok(())
        });
        tx
    }

    /// A unit of work in which everything succeeds but the commit.
    pub(super) fn failing(&self, error: StoreError) -> MockCatalogTx {
        self.open().with_commit_error(error)
    }

    /// A unit of work in which everything succeeds, after an earlier one that is known not to have been stored.
    pub(super) fn after_a_miss(&self) -> MockCatalogTx {
        let mut tx = self.open();
        tx.outbox.expect_settle().times(1).returning(|_| Ok(false));
        tx
    }

    /// A unit of work that finds the earlier one stored; every write but the answer is a failed test.
    pub(super) fn after_a_hit(&self) -> MockCatalogTx {
        let mut tx = self.filling(self.looking());
        tx.outbox.expect_settle().times(1).returning(|_| Ok(true));
        tx
    }

    /// A unit of work whose key stands for this; everything else is a failed test.
    pub(super) fn claimed(&self, claimed: Claimed) -> MockCatalogTx {
        let mut tx = MockCatalogTx::noting(&self.seen.endings);
        tx.idempotency.expect_claim().times(1).return_once(move |_| Ok(claimed));
        tx
    }

    /// The payload of the only event.
    pub(super) fn told(&self) -> serde_json::Value {
        serde_json::from_str(&self.seen.events.one().payload).unwrap()
    }
}

pub(super) fn script(units: impl IntoIterator<Item = MockCatalogTx>) -> Units {
    Scripted::new(units.into_iter().map(|tx| Ok(Box::new(tx) as Box<dyn CatalogTx>)))
}

/// A store that is away for good after this unit of work.
pub(super) fn then_away(tx: MockCatalogTx) -> Units {
    let first: Result<Box<dyn CatalogTx>, StoreError> = Ok(Box::new(tx));
    let away = (0..crate::fixtures::ENOUGH).map(|_| Err(crate::fixtures::away()));
    Scripted::new(std::iter::once(first).chain(away))
}

pub(super) fn parts() -> (Arc<dyn Fingerprints>, Runtime) {
    (fingerprints(), fixed_runtime().0)
}
