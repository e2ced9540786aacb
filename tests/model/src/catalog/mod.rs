//! Products and stock.

mod commands;
mod model;
mod steps;

use crate::{
    call::Fresh,
    context::{Context, Share},
    item::Item,
    state::{EndState, rows},
    step::{Caller, Step, condition, key, limit, manager, one_of_two, parallel_key, parallel_shopper, shopper},
    step::{steps, which},
};
use async_trait::async_trait;
use proptest::{collection::vec, prelude::*};
use skep_application::{
    Store,
    catalog::{CatalogTx, ProductSort, ProductSortKey, StockView},
    kernel::{Begin, PageRequest, StoreError, TxMode},
};
use skep_domain::{
    catalog::{MovementKind, Product, StockMovement},
    shared::{Direction, OrderId, PageLimit, ProductId, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use steps::{create, patch};

pub use commands::{Answer, Command};
pub(crate) use model::pieces;
pub(crate) use steps::quantity;
pub use steps::{Operation, Quantity, Seen};

/// A row of the stock ledger, without its id, which no port returns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The time of the movement.
    pub at: Timestamp,
    /// The name of the kind of movement.
    pub kind: &'static str,
    /// By how much `on_hand` changed.
    pub on_hand: i64,
    /// By how much `reserved` changed.
    pub reserved: i64,
    /// The order that caused it, if an order did.
    pub order: Option<OrderId>,
}

impl From<&StockMovement> for Entry {
    fn from(row: &StockMovement) -> Self {
        let (on_hand, reserved) = (row.on_hand_delta, row.reserved_delta);
        Self { at: row.created_at, kind: row.kind.name(), on_hand, reserved, order: row.order_id }
    }
}

impl Entry {
    fn new(kind: MovementKind, on_hand: i64, reserved: i64, order: Option<OrderId>, at: Timestamp) -> Self {
        Self { at, kind: kind.name(), on_hand, reserved, order }
    }
}

/// A product with its stock and its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// The product as the catalog shows it.
    pub product: Product,
    /// The number of pieces on hand, reserved and available.
    pub stock: StockView,
    /// The movements of the stock, sorted.
    pub ledger: Vec<Entry>,
}

/// All products.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The products by id.
    pub shelves: BTreeMap<ProductId, Shelf>,
}

/// The context of products and stock.
pub(crate) struct Catalog;

#[async_trait]
impl Context for Catalog {
    fn stored(&self) -> Arc<dyn Item> {
        Arc::new(Stored::default())
    }

    fn seen(&self) -> Arc<dyn Item> {
        Arc::new(Seen::default())
    }

    /// Every program starts with products.
    fn beginning(&self) -> BoxedStrategy<Vec<Step>> {
        let filling = steps(Just(Caller::Person(0)), create(), key());
        vec(filling.prop_map(|step| Step { pause: 1, ..step }), 2..5).boxed()
    }

    fn steps(&self) -> Vec<Share> {
        let keys = ProductSortKey::ALL.len();
        let read = prop_oneof![which().prop_map(Operation::GetProduct), which().prop_map(Operation::GetStock)];
        let list = prop_oneof![
            2 => (0..keys, any::<bool>(), limit(), any::<bool>()).prop_map(|(k, d, l, c)| Operation::List(k, d, l, c)),
            3 => (0..4_usize, limit(), prop::bool::weighted(0.1)).prop_map(|(n, l, other)| Operation::Next(n, l, other)),
        ];
        let manage = prop_oneof![
            5 => create(),
            4 => (which(), condition(), patch()).prop_map(|(which, c, patch)| Operation::Change(which, c, patch)),
            1 => (which(), condition()).prop_map(|(which, condition)| Operation::Archive(which, condition)),
            4 => (which(), condition(), quantity()).prop_map(|(which, c, n)| Operation::SetStock(which, c, n)),
        ];
        vec![
            (9, steps(shopper(), read, key())),
            (8, steps(shopper(), list, key())),
            (32, steps(manager(), manage, key())),
        ]
    }

    /// Two products with few pieces each.
    fn round(&self, number: u64) -> Vec<Step> {
        let product = |name: &str, stock| Operation::Supply { sku: format!("{name}-{number}"), stock };
        [product("few", 4), product("more", 7)].map(|supply| Step::new(Caller::Person(0), supply)).into()
    }

    fn parallel_steps(&self) -> Vec<Share> {
        let read = prop_oneof![
            2 => one_of_two().prop_map(Operation::GetStock),
            1 => one_of_two().prop_map(Operation::GetProduct),
        ];
        let price = (0..4_usize).prop_map(|price| [None, None, None, Some(Some(price))]);
        let pieces = (0..8_i64).prop_map(Quantity::Of);
        let create = |(sku, price)| Operation::Create { sku, name: sku, price, stock: Some(2) };
        let manage = prop_oneof![
            4 => (one_of_two(), condition(), pieces).prop_map(|(which, c, n)| Operation::SetStock(which, c, n)),
            3 => (one_of_two(), condition(), price).prop_map(|(which, c, patch)| Operation::Change(which, c, patch)),
            1 => (0..6_usize, 0..4_usize).prop_map(create),
            1 => (one_of_two(), condition()).prop_map(|(which, condition)| Operation::Archive(which, condition)),
            // Without a count, because a separate statement reads it, possibly at another moment than the rows.
            1 => (0..4_usize, any::<bool>(), 1..4_i64).prop_map(|(k, d, limit)| Operation::List(k, d, limit, false)),
        ];
        vec![
            (9, steps(parallel_shopper(), read, parallel_key())),
            (20, steps(Just(Caller::Person(0)), manage, parallel_key())),
        ]
    }

    fn expected(&self) -> &'static [&'static str] {
        &[
            "CreateProduct Product",
            "CreateProduct sku_taken",
            "CreateProduct idempotency_key_reused",
            "CreateProduct validation_failed invalid_sku",
            "ChangeProduct Product",
            "ChangeProduct precondition_failed",
            "ChangeProduct precondition_required",
            "ChangeProduct sku_taken",
            "ArchiveProduct Done",
            "ArchiveProduct not_found",
            "SetStock StockSet",
            "SetStock precondition_failed",
            "SetStock stock_below_reserved",
            "SetStock validation_failed out_of_range",
            "GetProduct not_found",
            "GetStock Stock",
            "ListProducts Products",
        ]
    }

    async fn read(&self, store: &dyn Store, state: &mut EndState) -> Result<(), StoreError> {
        let mut products: BTreeSet<ProductId> = state.changed("catalog.").into_iter().map(ProductId::new).collect();
        let sort = ProductSort { key: ProductSortKey::Sku, direction: Direction::Ascending };
        let mut page = PageRequest { limit: PageLimit::MAX, ..PageRequest::default() };
        loop {
            let found = store.list_products(sort, &page).await?;
            products.extend(found.items.iter().map(|product| product.id));
            page.after = found.next;
            if page.after.is_none() {
                break;
            }
        }
        let mut tx = Begin::<dyn CatalogTx>::begin(store, TxMode::Read, &[]).await?;
        for id in products {
            let mut ledger: Vec<Entry> = tx.stock().list_movements(id).await?.iter().map(Entry::from).collect();
            ledger.sort();
            // At the earliest time no reservation has expired, so this is the stock as it is stored.
            if let (Some(product), Some(stock)) =
                (store.find_product(id).await?, store.find_stock(id, Timestamp::MIN).await?)
            {
                state.get_mut::<Stored>().shelves.insert(id, Shelf { product, stock, ledger });
            }
        }
        tx.rollback().await
    }

    fn rows(&self, state: &EndState) -> Vec<String> {
        rows("product", state.get::<Stored>().shelves.values())
    }

    fn generated(&self, known: &EndState, end: &EndState) -> Vec<Fresh> {
        let known = &known.get::<Stored>().shelves;
        let new = end.get::<Stored>().shelves.keys().filter(|id| !known.contains_key(id));
        new.map(|id| Fresh::id(id.uuid())).collect()
    }

    /// The ledger adds up to the stock, and no more pieces are reserved than on hand.
    fn add_up(&self, state: &EndState) -> Result<(), String> {
        for (id, shelf) in &state.get::<Stored>().shelves {
            let stock = (i64::from(shelf.stock.on_hand), i64::from(shelf.stock.reserved));
            let on_hand = shelf.ledger.iter().map(|entry| entry.on_hand).sum();
            let reserved = shelf.ledger.iter().map(|entry| entry.reserved).sum();
            if stock != (on_hand, reserved) || stock.1 > stock.0 {
                let ledger = (on_hand, reserved);
                return Err(format!("product {id} has {stock:?} on hand and reserved, its ledger says {ledger:?}"));
            }
        }
        Ok(())
    }
}
