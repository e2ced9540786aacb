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
    /// The repositories that a command of ordering can use.
    unit OrderingTx {
        /// Orders with their lines.
        orders: OrderRepository by MockOrderRepository,
        /// The products of the catalog. An order takes its prices from them.
        products: ProductRepository by MockProductRepository,
        /// The stock of the catalog. An order reserves and releases pieces.
        stock: StockRepository by MockStockRepository,
    }
    #[cfg(any(test, feature = "testing"))]
    mocks MockOrderingTx of OrderingMocks
    /// The ports of a store that read orders.
    store OrderingStore: OrderQueries
}

/// An order belongs to its customer.
impl Guarded for Order {
    fn resource(&self) -> Resource {
        Resource::OwnedBy(self.customer_id)
    }
}

/// Reads and writes orders inside a unit of work.
///
/// 1. An order is open at `now` if it waits for its payment and its `expires_at` is later or `None`. The cost of
///    counting the lines of a customer's open orders does not depend on the orders that have ended or were paid.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderRepository: Send {
    /// The order with this id. Its lines are in the order in which they were placed.
    async fn find(&mut self, id: OrderId) -> Result<Option<Order>, StoreError>;
    /// The number of lines of all open orders of this customer.
    async fn count_open_lines(&mut self, customer: UserId, now: Timestamp) -> Result<u64, StoreError>;
    /// Stores a new order with its lines, in a fixed number of statements. `Duplicate` of `OrderId` or `OrderNumber`.
    async fn insert(&mut self, order: &Order) -> Result<(), StoreError>;
    /// Replaces the status of the version that was read and the time at which it expires, and returns the new version.
    /// Lines and totals never change. `Stale`.
    async fn save(&mut self, order: &Order) -> Result<Version, StoreError>;
}

/// A line of an order, as use cases return it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderLineView {
    /// The product that was ordered.
    pub product_id: ProductId,
    /// The SKU when the order was placed.
    pub sku: Sku,
    /// The name of the product when the order was placed.
    pub name: Text,
    /// The number of pieces.
    pub quantity: u32,
    /// The price of one piece when the order was placed.
    pub unit_price: Money,
    /// `quantity` times `unit_price`.
    pub total: Money,
}

/// An order, as use cases return it. Idempotency keys store this form.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderView {
    /// The id in URLs and events.
    pub id: OrderId,
    /// The number for people, such as on an invoice; unique.
    pub number: OrderNumber,
    /// The user that placed the order.
    pub customer_id: UserId,
    /// The name of the status, such as `pending`.
    pub status: String,
    /// In the order in which they were placed.
    pub lines: Vec<OrderLineView>,
    /// The sum of the lines.
    pub total: Money,
    /// From this time on the order may end because it was not paid. `None` if it waits without a limit, or no longer
    /// waits for its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the order was placed.
    pub created_at: Timestamp,
    /// When the order last changed.
    pub updated_at: Timestamp,
    /// Increases by one with each change.
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
            expires_at: order.expires_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }
}

impl OrderView {
    /// The place of the order in a list that is sorted by `created_at`.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { key: SortValue::Time(self.created_at), id: self.id.uuid() }
    }
}

/// An order that was not paid in time. Those that have been overdue for longest come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overdue {
    /// When its time to pay was over.
    pub expires_at: Timestamp,
    /// Its id, which decides if several orders have the same time.
    pub id: OrderId,
}

/// The greatest number of lines on one page of orders. One order can have as many.
pub const LINES_PER_PAGE: usize = 1_000;

/// Reads orders outside a unit of work.
///
/// 1. A page has as many orders as fit: at most its limit, and at most [`LINES_PER_PAGE`] lines in total, but at least
///    one order. If more orders follow, the page says so, even if it has fewer orders than its limit.
/// 2. An order is overdue if it waits for its payment and its `expires_at` is `now` or before. Other orders are not
///    listed as overdue.
/// 3. A list of overdue orders that goes on after an order has exactly those that follow it, also if that order is no
///    longer overdue.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait OrderQueries: Send + Sync {
    /// The order with this id, if the scope includes it.
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError>;
    /// A page of the orders in the scope, sorted by `created_at` and id. Takes a fixed number of statements. The page
    /// is empty if the key of the position is not a time.
    async fn list_orders(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError>;
    /// At most `limit` overdue orders in their order ([`Overdue`]), those that follow `after` if it is given. Reads no
    /// other orders.
    async fn list_overdue(
        &self,
        now: Timestamp,
        after: Option<Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError>;
}
