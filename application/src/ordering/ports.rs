//! The ports of ordering.

#[cfg(any(test, feature = "testing"))]
use crate::catalog::{MockProductRepository, MockStockRepository};
use crate::{
    catalog::{ProductRepository, StockRepository},
    kernel::{Guarded, Page, PageRequest, Position, Scope, SortValue, StoreError, context},
};
use async_trait::async_trait;
use skep_domain::{
    access::Resource,
    catalog::Sku,
    ordering::{Order, OrderNumber},
    shared::{Direction, Money, OrderId, ProductId, Text, Timestamp, UserId, Version},
};

context! {
    /// All that a command of ordering may touch.
    unit OrderingTx {
        /// The orders.
        orders: OrderRepository by MockOrderRepository,
        /// The products, published by the catalog: prices are read inside the unit.
        products: ProductRepository by MockProductRepository,
        /// The stock, published by the catalog.
        stock: StockRepository by MockStockRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockOrderingTx of OrderingMocks
    /// Everything that a store does for ordering.
    store OrderingStore: OrderQueries
}

/// An order belongs to its customer.
impl Guarded for Order {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.customer_id)
    }
}

/// The orders, inside a unit of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderRepository: Send {
    /// The order with this id, its lines in the order in which they were placed.
    async fn find(&mut self, id: OrderId) -> Result<Option<Order>, StoreError>;
    /// Stores a new order with its lines, in a fixed number of statements. `Duplicate` of `OrderId` or `OrderNumber`.
    async fn insert(&mut self, order: &Order) -> Result<(), StoreError>;
    /// Stores the progress of an order over the version it was read with, and answers the new version; lines and totals
    /// never change. `Stale`.
    async fn save(&mut self, order: &Order) -> Result<Version, StoreError>;
}

/// A line of an order, as shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderLineView {
    /// The product.
    pub product_id: ProductId,
    /// Its code then.
    pub sku: Sku,
    /// Its name then.
    pub name: Text,
    /// The number of pieces.
    pub quantity: u32,
    /// What one piece cost then.
    pub unit_price: Money,
    /// `quantity` times `unit_price`.
    pub total: Money,
}

/// An order, as shown; also what an idempotency key keeps.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderView {
    /// The identifier.
    pub id: OrderId,
    /// The number for people.
    pub number: OrderNumber,
    /// The user that placed it.
    pub customer_id: UserId,
    /// The status, by name.
    pub status: String,
    /// The lines.
    pub lines: Vec<OrderLineView>,
    /// The sum of the lines.
    pub total: Money,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version.
    pub version: Version,
}

impl From<&Order> for OrderView {
    fn from(order: &Order) -> Self {
        let line = |line: &skep_domain::ordering::OrderLine| OrderLineView {
            product_id: line.product_id,
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.total,
        };
        Self {
            id: order.id,
            number: order.number.clone(),
            customer_id: order.customer_id,
            status: order.status().name().to_owned(),
            lines: order.lines.iter().map(line).collect(),
            total: order.total,
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }
}

impl OrderView {
    /// The place of the order in a list that is sorted by the time of placing.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { key: SortValue::Time(self.created_at), id: self.id.uuid() }
    }
}

/// The greatest number of lines on one page of orders: as many as one order can have.
pub const LINES_PER_PAGE: usize = 1_000;

/// Reads orders.
///
/// 1. A page of orders has as many as fit: no more than its limit, and no more than [`LINES_PER_PAGE`] lines in all,
///    but one order at least. If more follow, it says so, however short it is.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderQueries: Send + Sync {
    /// The order with this id, if it lies within the scope.
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError>;
    /// A page of the orders within the scope, by time of placing and id; in a fixed number of statements. A position
    /// whose key is not a time is an empty page.
    async fn list_orders(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError>;
}
