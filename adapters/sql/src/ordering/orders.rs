//! The orders, each with its lines.

use crate::{
    Kind, Row, SqlStore, SqlUnit, Statement, args,
    declared::Declared,
    ordering::order_list,
    shape::Verb,
    stored::{RowId, Stored},
    table::Table,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Constraint, Page, PageRequest, Scope, StoreError},
    ordering::{OrderQueries, OrderRepository, OrderView, Overdue, constraints},
};
use skep_domain::{
    catalog::Sku,
    ordering::{FulfilmentState, Order, OrderLine, OrderNumber, OrderState, PaymentState, Progress},
    shared::{Direction, Money, OrderId, ProductId, Text, Timestamp, UserId, Version},
};
use std::{collections::HashMap, sync::LazyLock};

pub(super) static ORDERS: LazyLock<Table<Order>> = LazyLock::new(|| {
    Table::<Order>::new("orders", "ordering.order", constraints::ORDER_ID)
        .key("id", Kind::Uuid, |order| order.id.into())
        .fixed("number", Kind::Text, |order| order.number.as_str().into())
        .fixed("customer_id", Kind::Uuid, |order| order.customer_id.into())
        .column("order_state", Kind::Text, |order| order.progress.order.name().into())
        .column("payment_state", Kind::Text, |order| order.progress.payment.name().into())
        .column("fulfilment_state", Kind::Text, |order| order.progress.fulfilment.name().into())
        .fixed("total_amount", Kind::Int, |order| order.total.amount().into())
        .fixed("currency", Kind::Text, |order| order.total.currency().code().into())
        .fixed("created_at", Kind::Time, |order| order.created_at.into())
        .column("updated_at", Kind::Time, |order| order.updated_at.into())
        .column("expires_at", Kind::Time, |order| order.expires_at.into())
        .nullable()
        .version(|order| order.version)
        .fixed("line_count", Kind::Int, |order| i64::try_from(order.lines.len()).unwrap_or(i64::MAX).into())
        .unique(constraints::ORDER_NUMBER, &["number"])
        .offers(&[Verb::Insert, Verb::Save])
});
/// A line is written from its order, so its values are passed with the statement.
static LINES: LazyLock<Table<()>> = LazyLock::new(|| {
    Table::<()>::new("order_lines", "ordering.order_line", constraints::ORDER_LINE)
        .given_key("order_id", Kind::Uuid)
        .given_key("product_id", Kind::Uuid)
        .given("position", Kind::Int)
        .given("sku", Kind::Text)
        .given("name", Kind::Text)
        .given("quantity", Kind::Int)
        .given("unit_price", Kind::Int)
        .given("total", Kind::Int)
        .references(Constraint::new("order_lines_order_id_fkey"), "order_id", "orders")
        .offers(&[Verb::InsertMany])
});

static FIND: LazyLock<Statement> =
    LazyLock::new(|| ORDERS.query("find", "SELECT {*} FROM orders WHERE id = $1", &[Kind::Uuid], &[]));
static FIND_OWNED: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM orders WHERE id = $1 AND customer_id = $2";
    ORDERS.query("find_owned", text, &[Kind::Uuid, Kind::Uuid], &[])
});
static LIST_LINES: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT {*} FROM {order_lines by order_id in $1} ORDER BY order_id, position";
    LINES.query("list", text, &[Kind::Uuids], &[])
});

/// The condition for NULL is that of the partial index, so that it is used. An instance of an older release leaves
/// `expires_at` as it is when an order ends, so the states count. They are not compared as in [`COUNT_OPEN_LINES`]:
/// PostgreSQL would read the index of that statement, which has all orders that wait.
static LIST_OVERDUE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT expires_at, id FROM orders WHERE expires_at IS NOT NULL AND expires_at <= $1 \
        AND order_state NOT IN ('cancelled', 'expired') AND payment_state = 'none' \
        ORDER BY expires_at, id LIMIT $2";
    ORDERS.command("list_overdue", text, &[Kind::Time, Kind::Int], &[Kind::Time, Kind::Uuid])
});
static LIST_OVERDUE_NEXT: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT expires_at, id FROM orders WHERE expires_at IS NOT NULL AND expires_at <= $1 \
        AND order_state NOT IN ('cancelled', 'expired') AND payment_state = 'none' \
        AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4";
    let params = &[Kind::Time, Kind::Time, Kind::Uuid, Kind::Int];
    ORDERS.command("list_overdue_next", text, params, &[Kind::Time, Kind::Uuid])
});

/// The conditions on the states are those of the partial index, which has all columns that are read here.
static COUNT_OPEN_LINES: LazyLock<Statement> = LazyLock::new(|| {
    let text = "SELECT CAST(coalesce(sum(line_count), 0) AS BIGINT) FROM orders \
        WHERE order_state = 'open' AND payment_state = 'none' \
        AND customer_id = $1 AND (expires_at IS NULL OR expires_at > $2)";
    ORDERS.command("count_open_lines", text, &[Kind::Uuid, Kind::Time], &[Kind::Int])
});

pub(super) fn declared() -> Declared {
    let statements = [&*FIND, &*FIND_OWNED, &*LIST_OVERDUE, &*LIST_OVERDUE_NEXT, &*COUNT_OPEN_LINES];
    let orders = Declared::table(&ORDERS).statements(statements);
    orders.and(Declared::table(&LINES).statements([&*LIST_LINES]))
}

/// An order without its lines.
pub(super) struct OrderRow {
    pub(super) order: Order,
    pub(super) line_count: usize,
}

/// A line without the currency, which its order holds.
struct LineRow {
    order_id: OrderId,
    product_id: ProductId,
    sku: String,
    name: String,
    quantity: u32,
    unit_price: i64,
    total: i64,
}

impl Stored for OrderRow {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = OrderId::new(row.uuid()?);
        let row_id = RowId("orders", id);
        let order = Order {
            id,
            number: row_id.read("number", OrderNumber::parse(&row.text()?).ok())?,
            customer_id: UserId::new(row.uuid()?),
            lines: vec![],
            progress: Progress {
                order: row_id.read("order_state", OrderState::from_name(&row.text()?))?,
                payment: row_id.read("payment_state", PaymentState::from_name(&row.text()?))?,
                fulfilment: row_id.read("fulfilment_state", FulfilmentState::from_name(&row.text()?))?,
            },
            total: Money::new(row.int()?, row_id.currency("currency", &row.text()?)?),
            created_at: row.time()?,
            updated_at: row.time()?,
            expires_at: row.optional_time()?,
            version: row_id.version(row.int()?)?,
        };
        let line_count = row_id.read("line_count", usize::try_from(row.int()?).ok())?;
        Ok(Self { order, line_count })
    }
}

impl Stored for LineRow {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let order_id = OrderId::new(row.uuid()?);
        let product_id = ProductId::new(row.uuid()?);
        let position = row.int()?;
        Ok(Self {
            order_id,
            product_id,
            sku: row.text()?,
            name: row.text()?,
            quantity: RowId("order_lines", format!("{order_id} {position}")).count("quantity", row.int()?)?,
            unit_price: row.int()?,
            total: row.int()?,
        })
    }
}

fn with_lines(orders: Vec<OrderRow>, lines: Vec<LineRow>) -> Result<Vec<Order>, StoreError> {
    let mut by_order: HashMap<OrderId, Vec<LineRow>> = HashMap::new();
    for line in lines {
        by_order.entry(line.order_id).or_default().push(line);
    }
    let complete = |OrderRow { mut order, line_count }: OrderRow| {
        let lines = by_order.remove(&order.id).filter(|lines| lines.len() == line_count);
        let lines = lines.ok_or_else(|| StoreError::corrupt("orders", order.id, "lines are missing"))?;
        let currency = order.total.currency();
        let line = |line: LineRow| OrderLine {
            product_id: line.product_id,
            sku: Sku::stored(line.sku),
            name: Text::stored(line.name),
            quantity: line.quantity,
            unit_price: Money::new(line.unit_price, currency),
            total: Money::new(line.total, currency),
        };
        order.lines = lines.into_iter().map(line).collect();
        Ok(order)
    };
    orders.into_iter().map(complete).collect()
}

/// Reads the lines of these orders, in one statement.
pub(super) async fn complete(store: &SqlStore, orders: Vec<OrderRow>) -> Result<Vec<OrderView>, StoreError> {
    if orders.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<_> = orders.iter().map(|row| row.order.id.uuid()).collect();
    let lines = store.rows(&LIST_LINES, args![ids], LineRow::read).await?;
    Ok(with_lines(orders, lines)?.iter().map(OrderView::from).collect())
}

#[async_trait]
impl OrderRepository for SqlUnit {
    async fn find(&mut self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let Some(order) = self.row(&FIND, args![id], OrderRow::read).await? else { return Ok(None) };
        let lines = self.rows(&LIST_LINES, args![vec![id.uuid()]], LineRow::read).await?;
        Ok(self.remember(with_lines(vec![order], lines))?.pop())
    }

    async fn count_open_lines(&mut self, customer: UserId, now: Timestamp) -> Result<u64, StoreError> {
        let lines = self.row(&COUNT_OPEN_LINES, args![customer, now], Row::count).await?;
        Ok(lines.unwrap_or_default())
    }

    async fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        let currency = order.total.currency();
        let one_currency =
            order.lines.iter().all(|line| (line.unit_price.currency(), line.total.currency()) == (currency, currency));
        if !one_currency {
            // Only the order's currency is stored.
            return self.remember(Err(StoreError::corrupt("orders", order.id, "lines are in another currency")));
        }
        ORDERS.insert(self, order).await?;
        let rows = order.lines.iter().zip(1_i64..).map(|(line, position)| {
            args![
                order.id,
                line.product_id,
                position,
                line.sku.as_str(),
                line.name.as_str(),
                line.quantity,
                line.unit_price.amount(),
                line.total.amount(),
            ]
        });
        LINES.insert_rows(self, rows.collect()).await
    }

    async fn save(&mut self, order: &Order) -> Result<Version, StoreError> {
        ORDERS.save(self, order).await
    }
}

#[async_trait]
impl OrderQueries for SqlStore {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError> {
        let order = match scope {
            Scope::None => None,
            Scope::All => self.row(&FIND, args![id], OrderRow::read).await?,
            Scope::OwnedBy(owner) => self.row(&FIND_OWNED, args![id, owner], OrderRow::read).await?,
        };
        Ok(complete(self, order.into_iter().collect()).await?.pop())
    }

    async fn list_orders(
        &self,
        scope: Scope,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<OrderView>, StoreError> {
        order_list::run(self, scope, direction, page).await
    }

    async fn list_overdue(
        &self,
        now: Timestamp,
        after: Option<Overdue>,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        let read = |row: &mut Row| Ok(Overdue { expires_at: row.time()?, id: OrderId::new(row.uuid()?) });
        match after {
            None => self.rows(&LIST_OVERDUE, args![now, limit], read).await,
            Some(Overdue { expires_at, id }) => {
                self.rows(&LIST_OVERDUE_NEXT, args![now, expires_at, id, limit], read).await
            }
        }
    }
}
