//! The orders, each with its lines.

use crate::{
    Kind::{self, Int, Text, Time, Uuid, Uuids},
    Row, SqlStore, SqlUnit, Statement,
    ordering::order_list,
    stored::{Place, args},
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Page, PageRequest, Scope, StoreError},
    ordering::{OrderQueries, OrderRepository, OrderView},
};
use skep_domain::{
    catalog::Sku,
    ordering::{FulfilmentState, Order, OrderLine, OrderNumber, OrderState, PaymentState, Progress},
    shared::{Direction, Money, OrderId, ProductId, Text as Words, UserId, Version},
};
use std::collections::HashMap;

pub(crate) const COLUMNS: &[Kind] = &[Uuid, Text, Uuid, Text, Text, Text, Int, Text, Time, Time, Int, Int];
macro_rules! columns {
    () => {
        "id, number, customer_id, order_state, payment_state, fulfilment_state, total_amount, currency, created_at, \
         updated_at, version, line_count"
    };
}
pub(crate) use columns;

const LINE: &[Kind] = &[Uuid, Uuid, Int, Text, Text, Int, Int, Int];
macro_rules! line {
    () => {
        "order_id, product_id, position, sku, name, quantity, unit_price, total"
    };
}

static FIND: Statement = Statement::both(
    "ordering.order.find",
    concat!("SELECT ", columns!(), " FROM orders WHERE id = $1"),
    &[Uuid],
    COLUMNS,
);
static FIND_OWNED: Statement = Statement::both(
    "ordering.order.find_owned",
    concat!("SELECT ", columns!(), " FROM orders WHERE id = $1 AND customer_id = $2"),
    &[Uuid, Uuid],
    COLUMNS,
);
static INSERT: Statement = Statement::both(
    "ordering.order.insert",
    concat!("INSERT INTO orders (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
    COLUMNS,
    &[],
);
static SAVE: Statement = Statement::both(
    "ordering.order.save",
    "UPDATE orders SET order_state = $2, payment_state = $3, fulfilment_state = $4, updated_at = $5, \
     version = version + 1 WHERE id = $1 AND version = $6",
    &[Uuid, Text, Text, Text, Time, Int],
    &[],
);
static LIST_LINES: Statement = Statement::per(
    "ordering.order_line.list",
    (
        concat!("SELECT ", line!(), " FROM order_lines WHERE order_id IN rarray($1) ORDER BY order_id, position"),
        concat!("SELECT ", line!(), " FROM order_lines WHERE order_id = ANY($1) ORDER BY order_id, position"),
    ),
    &[Uuids],
    LINE,
);
static INSERT_LINES: Statement = Statement::batch(
    "ordering.order_line.insert",
    (
        concat!("INSERT INTO order_lines (", line!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"),
        concat!(
            "INSERT INTO order_lines (",
            line!(),
            ") SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], \
             $7::bigint[], $8::bigint[])"
        ),
    ),
    LINE,
);

pub(crate) static STATEMENTS: &[&Statement] = &[&FIND, &FIND_OWNED, &INSERT, &SAVE, &LIST_LINES, &INSERT_LINES];

/// An order, still without its lines.
pub(crate) struct Stored {
    pub(crate) order: Order,
    pub(crate) line_count: usize,
}

/// A line that does not know its order's currency yet.
struct StoredLine {
    order_id: OrderId,
    product_id: ProductId,
    sku: String,
    name: String,
    quantity: u32,
    unit_price: i64,
    total: i64,
}

pub(crate) fn read(mut row: Row) -> Result<Stored, StoreError> {
    let id = OrderId::new(row.uuid()?);
    let place = Place("orders", id);
    let order = Order {
        id,
        number: place.read("number", OrderNumber::parse(&row.text()?).ok())?,
        customer_id: UserId::new(row.uuid()?),
        lines: vec![],
        progress: Progress {
            order: place.read("order_state", OrderState::from_name(&row.text()?))?,
            payment: place.read("payment_state", PaymentState::from_name(&row.text()?))?,
            fulfilment: place.read("fulfilment_state", FulfilmentState::from_name(&row.text()?))?,
        },
        total: Money::new(row.int()?, place.currency("currency", &row.text()?)?),
        created_at: row.time()?,
        updated_at: row.time()?,
        version: place.version(row.int()?)?,
    };
    let line_count = place.read("line_count", usize::try_from(row.int()?).ok())?;
    Ok(Stored { order, line_count })
}

fn read_line(mut row: Row) -> Result<StoredLine, StoreError> {
    let order_id = OrderId::new(row.uuid()?);
    let product_id = ProductId::new(row.uuid()?);
    let position = row.int()?;
    Ok(StoredLine {
        order_id,
        product_id,
        sku: row.text()?,
        name: row.text()?,
        quantity: Place("order_lines", format!("{order_id} {position}")).count("quantity", row.int()?)?,
        unit_price: row.int()?,
        total: row.int()?,
    })
}

fn with_lines(orders: Vec<Stored>, lines: Vec<StoredLine>) -> Result<Vec<Order>, StoreError> {
    let mut by_order: HashMap<OrderId, Vec<StoredLine>> = HashMap::new();
    for line in lines {
        by_order.entry(line.order_id).or_default().push(line);
    }
    let complete = |Stored { mut order, line_count }: Stored| {
        let lines = by_order.remove(&order.id).filter(|lines| lines.len() == line_count);
        let lines = lines.ok_or_else(|| StoreError::corrupt("orders", order.id, "lines are missing"))?;
        let currency = order.total.currency();
        let line = |line: StoredLine| OrderLine {
            product_id: line.product_id,
            sku: Sku::stored(line.sku),
            name: Words::stored(line.name),
            quantity: line.quantity,
            unit_price: Money::new(line.unit_price, currency),
            total: Money::new(line.total, currency),
        };
        order.lines = lines.into_iter().map(line).collect();
        Ok(order)
    };
    orders.into_iter().map(complete).collect()
}

/// Reads the lines of orders that were read without, in one statement.
pub(crate) async fn complete(store: &SqlStore, orders: Vec<Stored>) -> Result<Vec<OrderView>, StoreError> {
    if orders.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<_> = orders.iter().map(|stored| stored.order.id.uuid()).collect();
    let lines = store.list(&LIST_LINES, args![ids], read_line).await?;
    Ok(with_lines(orders, lines)?.iter().map(OrderView::from).collect())
}

#[async_trait]
impl OrderRepository for SqlUnit {
    async fn find(&mut self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let Some(order) = self.find(&FIND, args![id], read).await? else { return Ok(None) };
        let lines = self.list(&LIST_LINES, args![vec![id.uuid()]], read_line).await?;
        Ok(self.remember(with_lines(vec![order], lines))?.pop())
    }

    async fn insert(&mut self, order: &Order) -> Result<(), StoreError> {
        let currency = order.total.currency();
        let one_currency =
            order.lines.iter().all(|line| (line.unit_price.currency(), line.total.currency()) == (currency, currency));
        if !one_currency {
            // Only the order's currency is stored.
            return self.remember(Err(StoreError::corrupt("orders", order.id, "lines are in another currency")));
        }
        let args = args![
            order.id,
            order.number.as_str(),
            order.customer_id,
            order.progress.order.name(),
            order.progress.payment.name(),
            order.progress.fulfilment.name(),
            order.total.amount(),
            currency.code(),
            order.created_at,
            order.updated_at,
            order.version,
            i64::try_from(order.lines.len()).unwrap_or(i64::MAX),
        ];
        self.execute(&INSERT, args).await?;
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
        self.execute_many(&INSERT_LINES, rows.collect()).await?;
        Ok(())
    }

    async fn save(&mut self, order: &Order) -> Result<Version, StoreError> {
        let args = args![
            order.id,
            order.progress.order.name(),
            order.progress.payment.name(),
            order.progress.fulfilment.name(),
            order.updated_at,
            order.version,
        ];
        let saved = self.execute(&SAVE, args).await?;
        self.all_or_stale(saved, 1)?;
        Ok(order.version.next())
    }
}

#[async_trait]
impl OrderQueries for SqlStore {
    async fn find_order(&self, scope: Scope, id: OrderId) -> Result<Option<OrderView>, StoreError> {
        let order = match scope {
            Scope::None => None,
            Scope::All => self.find(&FIND, args![id], read).await?,
            Scope::OwnedBy(owner) => self.find(&FIND_OWNED, args![id, owner], read).await?,
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
}
