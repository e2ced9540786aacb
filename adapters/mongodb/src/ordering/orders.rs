//! The orders. Each document has its lines.

use crate::{
    ops::{Executor, List, Query, SortField},
    record::{self, MoneyDoc, Record, Stored, Unreadable, Versioned, date, optional_time, pieces, time, version},
    store::MongoStore,
    unit::MongoUnit,
};
use async_trait::async_trait;
use bson::{Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use skep_application::{
    kernel::{Page, PageRequest, Position, Scope, SortValue, StoreError},
    ordering::{LINES_PER_PAGE, OrderQueries, OrderRepository, OrderView, Overdue, constraints::ORDER_LINE},
};
use skep_domain::{
    catalog::Sku,
    ordering::{FulfilmentState, Order, OrderLine, OrderNumber, OrderState, PaymentState, Progress},
    shared::{Direction, OrderId, ProductId, Text, Timestamp, UserId, Version},
};
use std::{
    collections::{HashMap, HashSet},
    slice::from_ref,
};

#[derive(Serialize, Deserialize)]
struct OrderDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    number: String,
    customer_id: bson::Uuid,
    lines: Vec<LineDoc>,
    /// The number of lines, so that a page can be cut before its lines are read.
    line_count: i64,
    total: MoneyDoc,
    order_state: String,
    payment_state: String,
    fulfilment_state: String,
    created_at: DateTime,
    updated_at: DateTime,
    /// Missing in orders that had ended before orders could expire.
    expires_at: Option<DateTime>,
    version: i64,
}

#[derive(Serialize, Deserialize)]
struct LineDoc {
    product_id: bson::Uuid,
    sku: String,
    name: String,
    quantity: i64,
    unit_price: MoneyDoc,
    total: MoneyDoc,
}

impl Stored for OrderDoc {
    fn of(order: &Order) -> Self {
        Self {
            id: record::id(order.id.uuid()),
            number: order.number.as_str().to_owned(),
            customer_id: record::id(order.customer_id.uuid()),
            lines: order.lines.iter().map(LineDoc::from).collect(),
            line_count: i64::try_from(order.lines.len()).unwrap_or(i64::MAX),
            total: order.total.into(),
            order_state: order.progress.order.name().to_owned(),
            payment_state: order.progress.payment.name().to_owned(),
            fulfilment_state: order.progress.fulfilment.name().to_owned(),
            created_at: date(order.created_at),
            updated_at: date(order.updated_at),
            expires_at: order.expires_at.map(date),
            version: order.version.get(),
        }
    }
}

impl Versioned for OrderDoc {
    const SAVED: Option<&'static [&'static str]> =
        Some(&["order_state", "payment_state", "fulfilment_state", "updated_at", "expires_at"]);
}

impl From<&OrderLine> for LineDoc {
    fn from(line: &OrderLine) -> Self {
        Self {
            product_id: record::id(line.product_id.uuid()),
            sku: line.sku.as_str().to_owned(),
            name: line.name.as_str().to_owned(),
            quantity: line.quantity.into(),
            unit_price: line.unit_price.into(),
            total: line.total.into(),
        }
    }
}

impl LineDoc {
    fn read(self) -> Result<OrderLine, Unreadable> {
        Ok(OrderLine {
            product_id: ProductId::new(self.product_id.to_uuid_1()),
            sku: Sku::stored(self.sku),
            name: Text::stored(self.name),
            quantity: pieces(self.quantity)?,
            unit_price: self.unit_price.read()?,
            total: self.total.read()?,
        })
    }
}

impl Record for OrderDoc {
    const COLLECTION: &'static str = "orders";
    type Entity = Order;
    fn read(self) -> Result<Order, Unreadable> {
        Ok(Order {
            id: OrderId::new(self.id.to_uuid_1()),
            number: OrderNumber::parse(&self.number).map_err(|_| "not an order number")?,
            customer_id: UserId::new(self.customer_id.to_uuid_1()),
            lines: self.lines.into_iter().map(LineDoc::read).collect::<Result<_, _>>()?,
            total: self.total.read()?,
            progress: Progress {
                order: OrderState::from_name(&self.order_state).ok_or("unknown order state")?,
                payment: PaymentState::from_name(&self.payment_state).ok_or("unknown payment state")?,
                fulfilment: FulfilmentState::from_name(&self.fulfilment_state).ok_or("unknown fulfilment state")?,
            },
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            expires_at: optional_time(self.expires_at)?,
            version: version(self.version)?,
        })
    }
}

/// The place of an order among those that are overdue.
#[derive(Deserialize)]
struct OverdueDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    expires_at: DateTime,
}

impl Record for OverdueDoc {
    const COLLECTION: &'static str = OrderDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["expires_at"]);
    type Entity = Overdue;
    fn read(self) -> Result<Overdue, Unreadable> {
        Ok(Overdue { expires_at: time(self.expires_at)?, id: OrderId::new(self.id.to_uuid_1()) })
    }
}

/// The number of lines of several orders.
#[derive(Deserialize)]
struct OpenLinesDoc {
    lines: i64,
}

impl Record for OpenLinesDoc {
    const COLLECTION: &'static str = OrderDoc::COLLECTION;
    type Entity = u64;
    fn read(self) -> Result<u64, Unreadable> {
        u64::try_from(self.lines).map_err(|_| "line_count cannot be read")
    }
}

/// The fields that decide where a page is cut.
#[derive(Deserialize)]
struct HeadDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    created_at: DateTime,
    line_count: i64,
}

struct Head {
    id: bson::Uuid,
    position: Position,
    line_count: usize,
}

impl Record for HeadDoc {
    const COLLECTION: &'static str = OrderDoc::COLLECTION;
    const FIELDS: Option<&'static [&'static str]> = Some(&["created_at", "line_count"]);
    type Entity = Head;
    fn read(self) -> Result<Head, Unreadable> {
        let position = Position { key: SortValue::Time(time(self.created_at)?), id: self.id.to_uuid_1() };
        let line_count = usize::try_from(self.line_count).map_err(|_| "line_count cannot be read")?;
        Ok(Head { id: self.id, position, line_count })
    }
}

#[async_trait]
impl OrderRepository for MongoUnit {
    async fn find(&mut self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.by_id::<OrderDoc>(id.uuid()).await
    }

    async fn count_open_lines(&mut self, customer: UserId, now: Timestamp) -> Result<u64, StoreError> {
        let mut open = unpaid();
        open.insert("customer_id", record::id(customer.uuid()));
        open.insert("$or", vec![doc! { "expires_at": Bson::Null }, doc! { "expires_at": { "$gt": date(now) } }]);
        let sum = doc! { "$group": { "_id": Bson::Null, "lines": { "$sum": "$line_count" } } };
        let pipeline = vec![doc! { "$match": open }, sum];
        let found = self.run(async |executor| executor.aggregate::<OpenLinesDoc>(pipeline).await).await?;
        Ok(found.first().copied().unwrap_or_default())
    }

    async fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        // A unique index does not compare values within one document.
        let mut products = HashSet::new();
        let is_unique = order.lines.iter().all(|line| products.insert(line.product_id));
        self.run(async |executor| {
            let duplicate = StoreError::Duplicate { constraint: ORDER_LINE };
            if is_unique { executor.add::<OrderDoc>(from_ref(order)).await } else { Err(duplicate) }
        })
        .await
    }

    async fn save(&mut self, order: &Order) -> Result<Version, StoreError> {
        self.put::<OrderDoc>(order).await
    }
}

/// The condition of the partial index of the orders that wait for their payment. A partial index cannot test whether a
/// field is null.
pub(super) fn unpaid() -> Document {
    doc! { "order_state": OrderState::Open.name(), "payment_state": PaymentState::None.name() }
}

/// The filter of a scope, and the index for its lists. `None` if the scope is empty.
fn scoped(scope: Scope) -> Option<(Document, &'static str)> {
    match scope {
        Scope::All => Some((doc! {}, "orders_created_at_idx")),
        Scope::OwnedBy(user) => Some((doc! { "customer_id": record::id(user.uuid()) }, "orders_customer_id_idx")),
        Scope::None => None,
    }
}

/// Reads the orders with these heads, in their order. Orders are never deleted, and their lines never change.
async fn complete(reader: &mut Executor, heads: &[Head]) -> Result<Vec<OrderView>, StoreError> {
    if heads.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<_> = heads.iter().map(|head| head.id).collect();
    let orders = reader.find::<OrderDoc>(Query::of(doc! { "_id": { "$in": ids } })).await?;
    let mut orders: HashMap<_, _> = orders.into_iter().map(|order| (order.id.uuid(), order)).collect();
    let find = |head: &Head| {
        let order = orders.remove(&head.position.id);
        order.as_ref().map(OrderView::from).ok_or_else(|| StoreError::corrupt("orders", head.position.id, "is gone"))
    };
    heads.iter().map(find).collect()
}

#[async_trait]
impl OrderQueries for MongoStore {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError> {
        let Some((mut filter, _)) = scoped(scope) else { return Ok(None) };
        filter.insert("_id", record::id(id.uuid()));
        Ok(self.read().await?.find_one::<OrderDoc>(filter).await?.as_ref().map(OrderView::from))
    }

    async fn list_orders(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError> {
        let Some((within, index)) = scoped(scope) else { return Ok(Page::empty(page)) };
        let list = List::of(SortField::time(index, "created_at"), direction).within(within);
        let Some(query) = list.query(page) else { return Ok(Page::empty(page)) };
        let mut reader = self.read().await?;
        let heads = reader.find::<HeadDoc>(query).await?;
        let heads =
            Page::fitting(heads, page, None, |head| head.position.clone(), LINES_PER_PAGE, |head| head.line_count);
        let items = complete(&mut reader, &heads.items).await?;
        let total = reader.total::<OrderDoc>(&list, page).await?;
        Ok(Page { items, next: heads.next, total })
    }

    async fn list_overdue(
        &self,
        now: Timestamp,
        after: Option<Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let (mut overdue, mut times) = (unpaid(), doc! { "$lte": date(now) });
        if let Some(after) = after {
            // The bound of the index, and among the orders of this time those that follow.
            let (end, id) = (date(after.expires_at), record::id(after.id.uuid()));
            times.insert("$gte", end);
            overdue.insert("$or", vec![doc! { "expires_at": { "$gt": end } }, doc! { "_id": { "$gt": id } }]);
        }
        overdue.insert("expires_at", times);
        let query = Query::of(overdue).by(doc! { "expires_at": 1, "_id": 1 }).at_most(limit);
        self.read().await?.find::<OverdueDoc>(query).await
    }
}
