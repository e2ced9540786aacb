//! Clauses of the catalog: products, stock and categories.

mod categories;
mod products;
mod reservations;
mod stock;
mod stock_queries;

use crate::{
    clause::{Clause, of},
    part::{Whole, part},
    units::opens,
};
use skep_application::{
    catalog::{
        CatalogStore, CatalogTx, CategoryQueries, CategoryRepository, ProductQueries, ProductRepository, StockQueries,
        StockRepository,
    },
    kernel::{Begin, Key, StoreError, Transaction, TxMode},
};
use std::sync::Arc;

opens! { CatalogStore: CatalogTx }

part! {
    /// A store of products. It does not need to have anything else.
    Products of CatalogStore: ProductsUnit of CatalogTx { products: ProductRepository }, ProductQueries
}

part! {
    /// A store of products and their stock: levels, reservations and the ledger.
    Stock of CatalogStore: StockUnit of CatalogTx { products: ProductRepository, stock: StockRepository }, StockQueries
}

part! {
    /// A store of categories. It does not need to have anything else.
    Categories of CatalogStore: CategoriesUnit of CatalogTx { categories: CategoryRepository }, CategoryQueries
}

/// The clauses of `ProductRepository` and `ProductQueries`.
#[must_use]
pub fn products() -> Vec<Clause<dyn Products>> {
    products::clauses()
}

/// The clauses of `StockRepository` and `StockQueries`.
#[must_use]
pub fn stock() -> Vec<Clause<dyn Stock>> {
    [stock::clauses(), reservations::clauses(), stock_queries::clauses()].concat()
}

/// The clauses of `CategoryRepository` and `CategoryQueries`.
#[must_use]
pub fn categories() -> Vec<Clause<dyn Categories>> {
    categories::clauses()
}

/// All clauses of the catalog.
#[must_use]
pub fn clauses() -> Vec<Clause<dyn CatalogStore>> {
    [
        of(products(), |store| Arc::new(Whole(store))),
        of(stock(), |store| Arc::new(Whole(store))),
        of(categories(), |store| Arc::new(Whole(store))),
    ]
    .concat()
}
