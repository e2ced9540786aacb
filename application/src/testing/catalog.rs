//! The mock world of the catalog.

use super::{MockUnit, Seen, World};
use crate::catalog::CatalogMocks;
use skep_domain::{
    catalog::{Category, CategoryId, Product, Reservation, StockLevel},
    files::File,
    search::DictionaryEntry,
};

/// A catalog with a product, its stock and a category.
#[derive(Clone, Default)]
pub struct Shelf {
    /// The only product, if there is one.
    pub product: Option<Product>,
    /// The stock level of the product.
    pub level: Option<StockLevel>,
    /// The reservations of the product that have expired.
    pub expired: Vec<Reservation>,
    /// The files that exist.
    pub files: Vec<File>,
    /// The only category, if there is one.
    pub category: Option<Category>,
    /// The answer to each call of `lineage`.
    pub lineage: Vec<CategoryId>,
    /// The answer to each call of `height`.
    pub height: usize,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for Shelf {
    type Mocks = CatalogMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<CatalogMocks> {
        let (seen, lineage, height) = (self.seen.clone(), self.lineage.clone(), self.height);
        let mut unit: MockUnit<CatalogMocks> = seen.looking();
        let products = Vec::from_iter(self.product.clone());
        unit.products.expect_find().returning(seen.finds("products.find", products, |product| product.id));
        let levels = Vec::from_iter(self.level);
        unit.stock.expect_find_many().returning(seen.finds_many("stock.find_many", levels, |level| level.product_id));
        unit.stock.expect_hold().returning(seen.stores_many("stock.hold"));
        unit.files.expect_find_many().returning(seen.finds_many("files.find_many", self.files.clone(), |file| file.id));
        let (expired, noted) = (self.expired.clone(), seen.clone());
        unit.stock.expect_list_expired().returning(move |ids, _, _| {
            noted.note("stock.list_expired", ids);
            Ok(expired.clone())
        });
        let categories = Vec::from_iter(self.category.clone());
        unit.categories.expect_find().returning(seen.finds("categories.find", categories, |category| category.id));
        unit.categories.expect_height().returning(move |_| Ok(height));
        unit.categories.expect_lineage().returning(move |id, moving| {
            seen.note("categories.find_lineage", &[(id, moving)]);
            Ok(lineage.clone())
        });
        unit
    }

    fn open(&self) -> MockUnit<CatalogMocks> {
        let (mut unit, seen) = (self.looking(), &self.seen);
        unit.products.expect_insert().returning(seen.stores("products.insert"));
        unit.products.expect_save().returning(seen.saves("products.save", |product: &Product| product.version));
        // The dictionary has every word.
        unit.search
            .expect_find_words()
            .returning(|keys| Ok(keys.iter().map(|key| DictionaryEntry { key: *key, word: String::new() }).collect()));
        unit.search.expect_insert_postings().returning(seen.stores_many("search.insert_postings"));
        unit.search.expect_delete_postings().returning(seen.stores_many("search.delete_postings"));
        unit.stock.expect_insert().returning(seen.stores("stock.insert"));
        unit.stock.expect_save_many().returning(seen.stores_many("stock.save_many"));
        unit.stock.expect_end_reservations().returning(seen.stores_many("stock.end_reservations"));
        unit.stock.expect_append_movements().returning(seen.stores_many("stock.append_movements"));
        unit.categories.expect_insert().returning(seen.stores("categories.insert"));
        unit.categories.expect_save().returning(seen.saves("categories.save", |category: &Category| category.version));
        unit.categories.expect_delete().returning(seen.stores("categories.delete"));
        seen.writes(&mut unit);
        unit
    }
}
