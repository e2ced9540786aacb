//! Symbolic operations on products and stock.

use super::Command;
use crate::{
    call,
    desk::{Desk, Mark, UNKNOWN, direction, request},
    step::{self, Condition, Field, NAMES, Target, field, mostly, patched, pooled},
};
use proptest::{option, prelude::*, sample::select};
use skep_application::{
    catalog::{
        ArchiveProductCommand, ChangeProductCommand, CreateProductCommand, MoneyInput, MoneyPatch, ProductPatch,
        ProductSort, ProductSortKey, SetStockCommand, StockView,
    },
    kernel::Position,
};
use skep_domain::shared::{Direction, Patch, ProductId, Version};
use std::collections::BTreeMap;

/// The maximum number of pieces of a product.
pub(super) const MOST: i64 = 1_000_000_000;
/// SKUs, so few that they are often taken. The last three are invalid.
const SKUS: &[&str] = &["honey", "wax", "pollen", "HONEY", "hive/1", "b-2", "-bad", "bad sku", ""];
/// Prices with their currencies. The second half has extreme and invalid values.
const PRICES: &[(i64, &str)] = &[
    (500, "EUR"),
    (0, "EUR"),
    (501, "EUR"),
    (1_999, "EUR"),
    (700, "JPY"),
    (9_007_199_254_740_991, "EUR"),
    (9_007_199_254_740_992, "EUR"),
    (i64::MAX, "EUR"),
    (-1, "EUR"),
    (1, "eur"),
    (-5, "XXX"),
];

/// A number of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// This number.
    Of(i64),
    /// The number that the caller last saw as available, plus this number.
    Available(i64),
}

/// An operation on products and stock. Numbers without a unit are indexes into the pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Adds a product with this SKU, which also becomes its name, and this number of pieces.
    Supply {
        /// The SKU.
        sku: String,
        /// The initial number of pieces.
        stock: i64,
    },
    /// Adds a product to the catalog.
    Create {
        /// An index into the pool of SKUs.
        sku: usize,
        /// An index into the pool of names.
        name: usize,
        /// An index into the pool of prices.
        price: usize,
        /// The initial number of pieces.
        stock: Option<i64>,
    },
    /// Patches the SKU, name, description and price of a product.
    Change(Target, Condition, [Field; 4]),
    /// Takes a product off sale.
    Archive(Target, Condition),
    /// Sets the number of pieces on hand.
    SetStock(Target, Condition, Quantity),
    /// Reads a product.
    GetProduct(Target),
    /// Reads the stock of a product.
    GetStock(Target),
    /// Reads the first page: sort key, whether descending, limit, whether to count.
    List(usize, bool, i64, bool),
    /// Reads the page after an earlier one: its index, limit, whether to switch to another sort key.
    Next(usize, i64, bool),
}

pub(crate) fn quantity() -> impl Strategy<Value = Quantity> {
    let limits = select(vec![0, -1, MOST, MOST + 1, i64::MAX, i64::MIN, 500_000_000]);
    prop_oneof![
        20 => (1..6_i64).prop_map(Quantity::Of),
        4 => (-1..2_i64).prop_map(Quantity::Available),
        1 => limits.prop_map(Quantity::Of),
    ]
}

pub(super) fn patch() -> impl Strategy<Value = [Field; 4]> {
    (field(SKUS.len()), field(NAMES.len()), field(NAMES.len()), field(PRICES.len())).prop_map(Into::into)
}

pub(super) fn create() -> impl Strategy<Value = Operation> {
    let stock = prop_oneof![3 => 0..12_i64, 5 => 12..60_i64, 1 => select(vec![-1, MOST, MOST + 1])];
    let (skus, names) = (mostly(SKUS.len(), 6), mostly(NAMES.len(), 7));
    (skus, names, mostly(PRICES.len(), 5), option::weighted(0.9, stock))
        .prop_map(|(sku, name, price, stock)| Operation::Create { sku, name, price, stock })
}

fn money(n: usize) -> MoneyInput {
    let (amount, currency) = PRICES.get(n).copied().unwrap_or_default();
    MoneyInput { amount, currency: currency.to_owned() }
}

/// A patch of the whole price or of one part of it.
fn price_patch(n: usize) -> MoneyPatch {
    let MoneyPatch { amount, currency } = money(n).into();
    match n % 3 {
        0 => MoneyPatch { amount, currency },
        1 => MoneyPatch { amount, currency: Patch::Keep },
        _ => MoneyPatch { amount: Patch::Keep, currency },
    }
}

/// The products, versions, stock and pages that a caller has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The ids of the products, in the order of their appearance.
    pub products: Vec<ProductId>,
    pub(super) versions: BTreeMap<ProductId, Version>,
    pub(super) stock: BTreeMap<ProductId, StockView>,
    pub(super) marks: Vec<Mark<ProductSort>>,
}

impl Seen {
    pub(crate) fn product(&self, which: Target) -> ProductId {
        which.pick(&self.products).unwrap_or(ProductId::new(UNKNOWN))
    }

    pub(crate) fn quantity(&self, product: ProductId, quantity: Quantity) -> i64 {
        match quantity {
            Quantity::Of(count) => count,
            Quantity::Available(more) => self.stock.get(&product).map_or(1, |stock| i64::from(stock.available) + more),
        }
    }

    /// The position after the nth page.
    pub(crate) fn position(&self, n: usize) -> Option<Position> {
        Target::Nth(n).pick(&self.marks).and_then(|mark| mark.after)
    }
}

impl step::Operation for Operation {
    fn command(&self, desk: &Desk) -> call::Command {
        let seen = desk.seen::<Seen>();
        call::Command::new(match self {
            Self::Supply { sku, stock } => Command::CreateProduct(CreateProductCommand {
                sku: sku.clone(),
                name: sku.clone(),
                description: String::new(),
                price: money(0),
                stock: Some(*stock),
            }),
            Self::Create { sku, name, price, stock } => Command::CreateProduct(CreateProductCommand {
                sku: pooled(SKUS, *sku),
                name: pooled(NAMES, *name),
                description: pooled(NAMES, *price),
                price: money(*price),
                stock: *stock,
            }),
            Self::Change(which, condition, [sku, name, description, price]) => {
                let product_id = seen.product(*which);
                Command::ChangeProduct(ChangeProductCommand {
                    product_id,
                    precondition: condition.precondition(seen.versions.get(&product_id).copied()),
                    patch: ProductPatch {
                        sku: patched(*sku, |n| pooled(SKUS, n)),
                        name: patched(*name, |n| pooled(NAMES, n)),
                        description: patched(*description, |n| pooled(NAMES, n)),
                        price: patched(*price, price_patch),
                    },
                })
            }
            Self::Archive(which, condition) => {
                let product_id = seen.product(*which);
                let precondition = condition.precondition(seen.versions.get(&product_id).copied());
                Command::ArchiveProduct(ArchiveProductCommand { product_id, precondition })
            }
            Self::SetStock(which, condition, quantity) => {
                let product_id = seen.product(*which);
                let version = seen.stock.get(&product_id).map(|stock| stock.version);
                let precondition = condition.precondition(version);
                let on_hand = seen.quantity(product_id, *quantity);
                Command::SetStock(SetStockCommand { product_id, precondition, on_hand })
            }
            Self::GetProduct(which) => Command::GetProduct(seen.product(*which)),
            Self::GetStock(which) => Command::GetStock(seen.product(*which)),
            Self::List(key, descends, limit, count) => {
                let key = ProductSortKey::ALL[key % ProductSortKey::ALL.len()];
                let sort = ProductSort { key, direction: direction(*descends) };
                Command::ListProducts(sort, request(None, *limit, *count))
            }
            Self::Next(n, limit, other) => {
                let newest = ProductSort { key: ProductSortKey::CreatedAt, direction: Direction::Descending };
                let mark = Target::Nth(*n).pick(&seen.marks);
                let Mark { mut sort, after } = mark.unwrap_or(Mark { sort: newest, after: None });
                if *other {
                    sort.key = ProductSortKey::Price;
                }
                Command::ListProducts(sort, request(after, *limit, n % 2 == 0))
            }
        })
    }
}
