//! A catalog made of mocks: what the tests of this context share.

use super::CatalogTx;
use crate::{
    fixtures::{Noted, Recorded, units},
    testing::{MockCatalogTx, SeqIds},
};
use skep_domain::{
    catalog::{Category, CategoryId, NAME_MAX, Product, Slug, StockLevel},
    shared::{Text, Timestamp},
};

units!(Shelf: MockCatalogTx as CatalogTx);

pub(super) fn category_id(n: u64) -> CategoryId {
    CategoryId::new(SeqIds::nth(4_000 + n))
}

/// What the catalog has, and what was done to it.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    pub(super) product: Option<Product>,
    pub(super) level: Option<StockLevel>,
    pub(super) category: Option<Category>,
    /// The lineage of any category that is asked for.
    pub(super) lineage: Vec<CategoryId>,
    /// The height of any category that is asked for.
    pub(super) height: usize,
    pub(super) seen: Seen,
}

/// What was done, over all units of work.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) noted: Noted,
    pub(super) inserted: Recorded<Product>,
    pub(super) saved: Recorded<Product>,
    /// Categories that were inserted, saved or deleted.
    pub(super) categories: Recorded<Category>,
    /// Whose lineage was read, and for which category.
    pub(super) lineages: Recorded<(CategoryId, CategoryId)>,
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
        let (seen, category) = (self.seen.clone(), self.category.clone());
        tx.categories.expect_find().returning(move |id| {
            seen.calls.push("categories.find");
            Ok(category.clone().filter(|category| category.id == id))
        });
        let (seen, lineage, height) = (self.seen.clone(), self.lineage.clone(), self.height);
        tx.categories.expect_lineage().returning(move |id, moving| {
            seen.lineages.push((id, moving));
            Ok(lineage.clone())
        });
        tx.categories.expect_height().returning(move |_| Ok(height));
        self.seen.finds_levels(&mut tx.stock, self.level.into_iter().collect());
        self.seen.noted.claims(&mut tx.idempotency);
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
        tx.categories.expect_insert().returning(move |category| {
            seen.categories.push(category.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.categories.expect_save().returning(move |category| {
            seen.categories.push(category.clone());
            Ok(category.version.next())
        });
        let seen = self.seen.clone();
        tx.categories.expect_delete().returning(move |category| {
            seen.categories.push(category.clone());
            Ok(())
        });
        self.seen.stores_levels(&mut tx.stock);
        self.seen.noted.events(&mut tx.outbox);
        self.seen.noted.answers(&mut tx.idempotency);
        tx
    }

    /// A shelf with one category, and nothing else.
    pub(super) fn with_category() -> Self {
        let (name, slug) = (Text::line("Honey", NAME_MAX).unwrap(), Slug::parse("honey").unwrap());
        let category = Category::create(category_id(1), name, slug, None, Timestamp::MIN);
        Self { category: Some(category), ..Self::default() }
    }

    /// The payload of the only event.
    pub(super) fn told(&self) -> serde_json::Value {
        serde_json::from_str(&self.seen.events.one().payload).unwrap()
    }
}
