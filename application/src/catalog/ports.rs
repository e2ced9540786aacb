//! The ports of the catalog.

use crate::kernel::{Guarded, Page, PageRequest, Position, Sort, SortValue, StoreError, context};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    catalog::{Category, CategoryId, Product, Reservation, StockLevel, StockMovement},
    shared::{OrderId, ProductId, Timestamp, Version, named},
};

context! {
    /// All that a command of the catalog may touch.
    unit CatalogTx {
        /// The products.
        products: ProductRepository by MockProductRepository,
        /// The stock of the products.
        stock: StockRepository by MockStockRepository,
        /// The categories.
        categories: CategoryRepository by MockCategoryRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockCatalogTx of CatalogMocks
    /// Everything that a store does for the catalog.
    store CatalogStore: ProductQueries, StockQueries, CategoryQueries
}

/// The shop owns its products and categories: the role alone decides.
impl Guarded for Product {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

impl Guarded for Category {
    fn resource(&self) -> Resource {
        Resource::Any
    }
}

/// The products, inside a unit of work. Published to ordering.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ProductRepository: Send {
    /// The product with this id, archived or not.
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// Those of these products that exist, archived or not, in any order. One statement, however many.
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError>;
    /// Stores a new product. `Duplicate` of `ProductId` or `ProductSku`.
    async fn insert(&mut self, product: &Product) -> Result<(), StoreError>;
    /// Stores a changed product over the version it was read with, and answers the new version. `Stale`, `Duplicate`.
    async fn save(&mut self, product: &Product) -> Result<Version, StoreError>;
}

/// Stock levels, reservations and the ledger, inside a unit of work. Published to ordering.
///
/// 1. Between `find_many` and the end of the unit no other unit saves these levels: it waits, or one of both
///    ends with `Stale` or `Retry`.
/// 2. Rows are locked in ascending order of their ids, whatever order is asked for, so that units cannot deadlock (I10).
/// 3. Each batch is one statement, however many rows it has.
/// 4. What 1 says holds for the products of these levels too: if the units that save products find their levels first,
///    a unit that found a level before it read the product sees what the product is until the unit ends.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StockRepository: Send {
    /// The levels of these products, in any order; to be changed in this unit.
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError>;
    /// Stores the level of a new product. `Duplicate` of `StockLevelProduct`.
    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError>;
    /// Stores changed levels over the versions they were read with; every version becomes the next. `Stale` if any was
    /// saved by another unit.
    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError>;
    /// Writes rows of the ledger. `Duplicate` of `MovementId`.
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError>;
    /// The ledger of a product, oldest first. For audits: it may read the whole ledger, of all products.
    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError>;
    /// Stores new reservations. `Duplicate` of `ReservationId`.
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError>;
    /// The reservations of an order, by product.
    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError>;
    /// At most `limit` active reservations of these products that expired at or before `now`, by product.
    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError>;
    /// Stores the end of reservations. `Stale` if any is not active any more in the store (I6, I8).
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError>;
}

named! {
    /// What products can be sorted by; every key has an index. Callers use the name.
    ProductSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name, byte by byte.
        Name = "name",
        /// The SKU, byte by byte.
        Sku = "sku",
        /// The amount of the price in minor units, whatever the currency.
        Price = "price",
    }
}

impl ProductSortKey {
    /// The place of a product in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, product: &Product) -> Position {
        let key = match self {
            Self::CreatedAt => SortValue::Time(product.created_at),
            Self::Name => SortValue::Text(product.name.as_str().to_owned()),
            Self::Sku => SortValue::Text(product.sku.as_str().to_owned()),
            Self::Price => SortValue::Int(product.price.amount()),
        };
        Position { key, id: product.id.uuid() }
    }
}

/// How products are sorted.
pub type ProductSort = Sort<ProductSortKey>;

/// Reads products.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ProductQueries: Send + Sync {
    /// The product with this id, archived or not.
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// A page of the products that are on sale. A position whose key is of another type than the sort's is an empty page.
    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError>;
}

/// How much of a product there is, as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StockView {
    /// The product.
    pub product_id: ProductId,
    /// Pieces in the house.
    pub on_hand: u32,
    /// Pieces that orders claim.
    pub reserved: u32,
    /// Pieces that a customer can order.
    pub available: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version.
    pub version: Version,
    /// Whether the product is on sale.
    pub on_sale: bool,
}

impl StockView {
    /// The view of a level.
    #[must_use]
    pub const fn of(level: &StockLevel, on_sale: bool) -> Self {
        Self {
            product_id: level.product_id,
            on_hand: level.on_hand,
            reserved: level.reserved,
            available: level.available(),
            updated_at: level.updated_at,
            version: level.version,
            on_sale,
        }
    }
}

/// Reads stock levels.
///
/// 1. A level whose product does not exist counts as missing.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StockQueries: Send + Sync {
    /// The level of this product, archived or not.
    async fn find_stock(&self, id: ProductId) -> Result<Option<StockView>, StoreError>;
}

/// The categories, inside a unit of work.
///
/// 1. `insert` and `save` fail with `Referenced` of `CATEGORY_PARENT` if the parent does not exist, `delete` if a category
///    is under this one. Of two crossing units never both commit; the other one gets `Referenced` or `Retry`.
/// 2. From `lineage` to the end of the unit, no other unit moves a category that it has returned, or the category
///    `moving`, and no other unit gets a lineage with one of them: one of the two units waits and sees what the other has
///    done, or ends with `Retry` or `Stale`. So the depth of the lineage and the height of `moving` stay as read.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CategoryRepository: Send {
    /// The category with this id.
    async fn find(&mut self, id: CategoryId) -> Result<Option<Category>, StoreError>;
    /// Stores a new category. `Duplicate` of `CATEGORY_ID` or `CATEGORY_SLUG`, `Referenced`.
    async fn insert(&mut self, category: &Category) -> Result<(), StoreError>;
    /// Stores a changed category over the version it was read with, and answers the new version. `Stale`, `Duplicate`,
    /// `Referenced`.
    async fn save(&mut self, category: &Category) -> Result<Version, StoreError>;
    /// The ids of this category and of all that it is under, from itself to the top; empty if it does not exist. A unit
    /// reads it before it puts the category `moving`, which may be a new one, under this category.
    async fn lineage(&mut self, id: CategoryId, moving: CategoryId) -> Result<Vec<CategoryId>, StoreError>;
    /// The levels of the tree at this category, itself included: 1 if nothing is under it, 0 if it does not exist. A tree
    /// with more levels than [`Category::MAX_DEPTH`] counts as one level more than that.
    async fn height(&mut self, id: CategoryId) -> Result<usize, StoreError>;
    /// Deletes a category in the version it was read with. `Stale`, `Referenced`.
    async fn delete(&mut self, category: &Category) -> Result<(), StoreError>;
}

named! {
    /// What categories can be sorted by; every key has an index. Callers use the name.
    CategorySortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name, byte by byte.
        Name = "name",
    }
}

impl CategorySortKey {
    /// The place of a category in a list that is sorted by this key.
    #[must_use]
    pub fn position(self, category: &Category) -> Position {
        let key = match self {
            Self::Name => SortValue::Text(category.name.as_str().to_owned()),
            Self::CreatedAt => SortValue::Time(category.created_at),
        };
        Position { key, id: category.id.uuid() }
    }
}

/// How categories are sorted.
pub type CategorySort = Sort<CategorySortKey>;

/// Reads categories.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CategoryQueries: Send + Sync {
    /// The category with this id.
    async fn find_category(&self, id: CategoryId) -> Result<Option<Category>, StoreError>;
    /// A page of the categories. A position whose key is of another type than the sort's is an empty page.
    async fn list_categories(&self, sort: CategorySort, page: &PageRequest) -> Result<Page<Category>, StoreError>;
}
