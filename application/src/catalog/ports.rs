//! The ports of the catalog.

use crate::files::FileRepository;
#[cfg(any(test, feature = "testing"))]
use crate::files::MockFileRepository;
use crate::kernel::{Guarded, Page, PageRequest, Position, Sort, SortValue, StoreError, context};
#[cfg(any(test, feature = "testing"))]
use crate::search::MockSearchRepository;
use crate::search::SearchRepository;
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    catalog::{Category, CategoryId, Product, Reservation, StockLevel, StockMovement},
    shared::{OrderId, ProductId, Timestamp, Version, named},
};

context! {
    /// The repositories that a command of the catalog can use.
    unit CatalogTx {
        /// Products, archived or not.
        products: ProductRepository by MockProductRepository,
        /// Stock levels, reservations and the ledger.
        stock: StockRepository by MockStockRepository,
        /// The tree of categories.
        categories: CategoryRepository by MockCategoryRepository,
        /// The files that pictures show. The catalog only reads them.
        files: FileRepository by MockFileRepository,
        /// The index of products.
        search: SearchRepository by MockSearchRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockCatalogTx of CatalogMocks
    /// The ports of a store that read the catalog.
    store CatalogStore: ProductQueries, StockQueries, CategoryQueries
}

/// Products and categories belong to the shop, so the role alone decides.
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

/// Reads and writes products inside a unit of work. Ordering uses it, too.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ProductRepository: Send {
    /// The product with this id, archived or not.
    async fn find(&mut self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// The existing products with these ids, archived or not, in any order. One statement for any number of ids.
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError>;
    /// Stores a new product. `Duplicate` of `ProductId` or `ProductSku`.
    async fn insert(&mut self, product: &Product) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`, `Duplicate`.
    async fn save(&mut self, product: &Product) -> Result<Version, StoreError>;
}

/// The greatest number of expired reservations of a product that one command reads and ends.
pub const EXPIRED_AT_ONCE: u32 = 1_000;

/// Reads and writes stock levels, reservations and the ledger inside a unit of work. Ordering uses it, too.
///
/// 1. Between `find_many` and the end of the unit, no other unit saves these levels. The other unit waits, or one of
///    the two ends with `Stale` or `Retry`.
/// 2. Rows are locked in ascending order of their ids, in whatever order the ids are passed, so that units cannot
///    deadlock (I10).
/// 3. Each batch is one statement for any number of rows.
/// 4. Clause 1 also protects the products of these levels, if each unit finds the level before it reads or saves the
///    product: a product then stays as it was read until the unit ends.
/// 5. Clause 1 also protects the reservations of these products, if each unit finds the level before it lists the
///    reservations that it ends or keeps.
/// 6. Expired reservations are listed in ascending order of their products. So a limit cuts off the last products, and
///    the list has all reservations of the products before the last one in it.
/// 7. Clauses 1 and 4 also protect levels and products from `hold` to the end of the unit, if the unit saves none of
///    these levels. After `find_many` alone, they may hold only for units that do.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StockRepository: Send {
    /// The levels of these products, in any order. The unit may then change them.
    async fn find_many(&mut self, ids: &[ProductId]) -> Result<Vec<StockLevel>, StoreError>;
    /// Holds the levels of these products, for a unit that saves none of them.
    async fn hold(&mut self, ids: &[ProductId]) -> Result<(), StoreError>;
    /// Stores the level of a new product. `Duplicate` of `StockLevelProduct`.
    async fn insert(&mut self, level: &StockLevel) -> Result<(), StoreError>;
    /// Replaces the versions that were read; the version of each level increases by one. `Stale` if another unit has
    /// saved one of them.
    async fn save_many(&mut self, levels: &[StockLevel]) -> Result<(), StoreError>;
    /// Adds rows to the ledger. `Duplicate` of `MovementId`.
    async fn append_movements(&mut self, movements: &[StockMovement]) -> Result<(), StoreError>;
    /// The ledger of a product, oldest first. For audits only: it may scan the ledger of all products.
    async fn list_movements(&mut self, product: ProductId) -> Result<Vec<StockMovement>, StoreError>;
    /// Stores new reservations. `Duplicate` of `ReservationId`.
    async fn insert_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError>;
    /// The reservations of an order, by product.
    async fn list_reservations(&mut self, order: OrderId) -> Result<Vec<Reservation>, StoreError>;
    /// At most `limit` active reservations of these products that expired at or before `now`.
    async fn list_expired(
        &mut self,
        ids: &[ProductId],
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError>;
    /// Stores the end of reservations. `Stale` if one of them is no longer active in the store (I6, I8).
    async fn end_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError>;
    /// Stores that these reservations no longer expire. `Stale` if one of them is no longer active in the store (I12).
    async fn keep_reservations(&mut self, reservations: &[Reservation]) -> Result<(), StoreError>;
}

named! {
    /// The keys that products can be sorted by. Each has an index. Clients pass the name.
    ProductSortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name, compared byte by byte.
        Name = "name",
        /// The SKU, compared byte by byte.
        Sku = "sku",
        /// The amount of the price in minor units. The currency does not count.
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

/// The sort key and direction of a list of products.
pub type ProductSort = Sort<ProductSortKey>;

/// Reads products outside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ProductQueries: Send + Sync {
    /// The product with this id, archived or not.
    async fn find_product(&self, id: ProductId) -> Result<Option<Product>, StoreError>;
    /// The existing products with these ids, archived or not, in any order. One statement for any number of ids.
    async fn find_products(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError>;
    /// The ids of at most `limit` products after this one, archived or not, in ascending order.
    async fn list_product_ids(&self, after: Option<ProductId>, limit: u32) -> Result<Vec<ProductId>, StoreError>;
    /// A page of the products on sale. It is empty if the key of the position has another type than the sort key.
    async fn list_products(&self, sort: ProductSort, page: &PageRequest) -> Result<Page<Product>, StoreError>;
}

/// The stock of a product, as use cases return it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StockView {
    /// The product that the stock is of.
    pub product_id: ProductId,
    /// The pieces in the warehouse, including the reserved ones.
    pub on_hand: u32,
    /// The pieces that orders have reserved. Reservations that have expired do not count.
    pub reserved: u32,
    /// The pieces that a customer can order.
    pub available: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version of the stock level, not of the product.
    pub version: Version,
    /// Whether the product is on sale.
    pub on_sale: bool,
}

impl StockView {
    /// The view of a level. `expired` is the number of reserved pieces whose reservations have expired but have not
    /// ended yet (I7).
    #[must_use]
    pub const fn of(level: &StockLevel, expired: u32, on_sale: bool) -> Self {
        let reserved = level.reserved.saturating_sub(expired);
        Self {
            product_id: level.product_id,
            on_hand: level.on_hand,
            reserved,
            available: level.on_hand - reserved,
            updated_at: level.updated_at,
            version: level.version,
            on_sale,
        }
    }
}

/// Reads stock levels outside a unit of work.
///
/// 1. A level whose product does not exist counts as missing.
/// 2. Active reservations whose `expires_at` is `now` or before do not count as reserved.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StockQueries: Send + Sync {
    /// The level of this product at `now`, archived or not.
    async fn find_stock(&self, id: ProductId, now: Timestamp) -> Result<Option<StockView>, StoreError>;
}

/// Reads and writes categories inside a unit of work.
///
/// 1. `insert` and `save` fail with `Referenced` of `CATEGORY_PARENT` if the parent does not exist. `delete` fails with
///    it if the category has subcategories. If two concurrent units conflict in this way, at most one of them commits;
///    the other one gets `Referenced` or `Retry`.
/// 2. From `lineage` to the end of the unit, no other unit moves a category of the returned lineage or the category
///    `moving`, and no other unit gets a lineage with one of them. One of the two units waits and sees the changes of
///    the other, or ends with `Retry` or `Stale`. So the depth of the lineage and the height of `moving` stay as read.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CategoryRepository: Send {
    /// The category with this id.
    async fn find(&mut self, id: CategoryId) -> Result<Option<Category>, StoreError>;
    /// Stores a new category. `Duplicate` of `CATEGORY_ID` or `CATEGORY_SLUG`, `Referenced`.
    async fn insert(&mut self, category: &Category) -> Result<(), StoreError>;
    /// Replaces the version that was read, and returns the new version. `Stale`, `Duplicate`, `Referenced`.
    async fn save(&mut self, category: &Category) -> Result<Version, StoreError>;
    /// The ids of this category and its ancestors, up to the top of the tree; empty if it does not exist. A unit calls
    /// this before it puts the category `moving`, which may be a new one, under this category.
    async fn lineage(&mut self, id: CategoryId, moving: CategoryId) -> Result<Vec<CategoryId>, StoreError>;
    /// The number of levels from this category down, including its own: 1 without subcategories, 0 if the category does
    /// not exist. The count stops at [`Category::MAX_DEPTH`] plus 1.
    async fn height(&mut self, id: CategoryId) -> Result<usize, StoreError>;
    /// Deletes the version that was read. `Stale`, `Referenced`.
    async fn delete(&mut self, category: &Category) -> Result<(), StoreError>;
}

named! {
    /// The keys that categories can be sorted by. Each has an index. Clients pass the name.
    CategorySortKey {
        /// The time of creation.
        CreatedAt = "created_at",
        /// The name, compared byte by byte.
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

/// The sort key and direction of a list of categories.
pub type CategorySort = Sort<CategorySortKey>;

/// Reads categories outside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CategoryQueries: Send + Sync {
    /// The category with this id.
    async fn find_category(&self, id: CategoryId) -> Result<Option<Category>, StoreError>;
    /// A page of the categories. It is empty if the key of the position has another type than the sort key.
    async fn list_categories(&self, sort: CategorySort, page: &PageRequest) -> Result<Page<Category>, StoreError>;
}
