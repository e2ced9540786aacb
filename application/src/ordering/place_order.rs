//! Placing an order: prices are snapshotted, stock is reserved, and order, event and idempotency key are stored in one
//! commit, or none of it.

use super::{OrderView, OrderingTx};
use crate::{
    catalog::StockRepository,
    kernel::{
        Actor, AppError, Attempt, Authorized, Begin, Denied, ErrorKind, FieldError, Fingerprints, IdempotencyClaim,
        IdempotencyKey, Invalid, Key, KeyReused, Mark, OutboxEvent, Runtime, StoreError, TxMode, authorize, once,
        permit, run, use_case_error,
    },
};
use serde_json::json;
use skep_domain::{
    access::{Denial, Resource},
    catalog::{Reservation, ReservationState, StockLevel, StockMovement, StockRefusal},
    ordering::{Basket, BasketRefusal, Order, OrderLine, OrderNumber, OrderRefusal, actions},
    shared::{EventId, Money, MovementId, OrderId, ProductId, ReservationId, Timestamp, UserId},
};
use std::{collections::BTreeMap, sync::Arc};

const USE_CASE: &str = "ordering.place_order";
/// How many expired reservations one order clears away at most.
const EXPIRED_AT_ONCE: u32 = 1_000;

/// What to order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlaceOrderCommand {
    /// The lines, 1 to 1,000; lines of one product are summed.
    pub lines: Vec<OrderLineInput>,
    /// Makes the command happen once, however often it is sent.
    #[serde(skip)]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A line of what to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct OrderLineInput {
    /// The product.
    pub product_id: ProductId,
    /// The number of pieces, at least 1.
    pub quantity: i64,
}

/// Fewer pieces are there than were asked for. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not enough in stock")]
pub struct InsufficientStock {
    /// A field for each line that is short.
    pub lines: Vec<FieldError>,
}

impl AppError for InsufficientStock {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
    fn code(&self) -> &'static str {
        "insufficient_stock"
    }
    fn fields(&self) -> &[FieldError] {
        &self.lines
    }
}

use_case_error! {
    /// Why no order was placed.
    PlaceOrderError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        InsufficientStock(InsufficientStock),
    }
}

/// Places orders.
pub struct PlaceOrder {
    store: Arc<dyn Begin<dyn OrderingTx>>,
    fingerprints: Arc<dyn Fingerprints>,
    runtime: Runtime,
    minimums: Vec<Money>,
}

/// All that is made before the first attempt, so that every attempt is the same unit of work.
struct Plan {
    order_id: OrderId,
    mark: Mark,
    customer: UserId,
    basket: Basket,
    products: Vec<ProductId>,
    contended: Vec<Key>,
    now: Timestamp,
}

/// What an order does to the stock.
#[derive(Default)]
struct StockChanges {
    levels: Vec<StockLevel>,
    movements: Vec<StockMovement>,
    expired: Vec<Reservation>,
    reservations: Vec<Reservation>,
}

impl PlaceOrder {
    /// Places orders in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn OrderingTx>>, fingerprints: Arc<dyn Fingerprints>, runtime: Runtime) -> Self {
        Self { store, fingerprints, runtime, minimums: vec![] }
    }

    /// Refuses orders below these totals, one per currency; currencies that are not named have no minimum.
    #[must_use]
    pub fn with_minimums(mut self, minimums: Vec<Money>) -> Self {
        self.minimums = minimums;
        self
    }

    /// Places an order for the actor.
    ///
    /// # Errors
    /// [`PlaceOrderError`]; nothing was changed, unless the store's error is `OutcomeUnknown`.
    pub async fn execute(&self, actor: &Actor, command: PlaceOrderCommand) -> Result<OrderView, PlaceOrderError> {
        permit(actor, actions::PLACE_ORDER)?;
        let needs_account = Denied { action: actions::PLACE_ORDER, denial: Denial::NeedsAccount };
        let customer = actor.user_id().ok_or(needs_account)?;
        let lines: Vec<(ProductId, i64)> = command.lines.iter().map(|line| (line.product_id, line.quantity)).collect();
        let basket = Basket::new(&lines).map_err(invalid_basket)?;
        let now = self.runtime.clock.now();
        let key = command.idempotency_key.as_ref();
        let claim = IdempotencyClaim::of(actor, USE_CASE, key, &command, &*self.fingerprints, now)?;
        let products = basket.product_ids();
        let plan = Plan {
            order_id: OrderId::new(self.runtime.ids.next()),
            mark: Mark { claim, event_id: EventId::new(self.runtime.ids.next()) },
            customer,
            contended: products.iter().copied().map(Key::from).collect(),
            products,
            basket,
            now,
        };
        run(&self.runtime, actor.deadline, |attempt| self.attempt(actor, &plan, attempt)).await
    }

    async fn attempt(&self, actor: &Actor, plan: &Plan, attempt: Attempt) -> Result<OrderView, PlaceOrderError> {
        let tx = self.store.begin(TxMode::Write, &plan.contended).await?;
        once(
            tx,
            &attempt,
            &plan.mark,
            |mut tx, landed| async move { (self.place(&mut *tx, actor, plan, landed).await, tx) },
        )
        .await
    }

    async fn place(
        &self,
        tx: &mut dyn OrderingTx,
        actor: &Actor,
        plan: &Plan,
        landed: bool,
    ) -> Result<OrderView, PlaceOrderError> {
        if landed {
            let order = tx.orders().find(plan.order_id).await?;
            let order =
                order.ok_or_else(|| StoreError::corrupt("orders", plan.order_id, "its event exists without it"))?;
            return Ok(OrderView::from(&order));
        }
        // The stock comes first: while this unit has it, nobody changes a price or archives a product.
        let levels = tx.stock().find_many(&plan.products).await?;
        let products = tx.products().find_many(&plan.products).await?;
        let lines = plan.basket.price(&products).map_err(invalid_order)?;
        let number = OrderNumber::from_random(self.runtime.random.bits());
        let order = Order::place(plan.order_id, number, plan.customer, lines, plan.now);
        let order = order.ok_or_else(|| StoreError::corrupt("orders", plan.order_id, "its lines do not add up"))?;
        self.check_minimum(&order)?;
        let authorized = authorize(actor, actions::PLACE_ORDER, Resource::OwnedBy(order.customer_id))?;
        let stock = self.reserve(tx.stock(), plan, &order, levels).await?;
        store_order(tx, actor, plan, &order, &stock, authorized).await?;
        Ok(OrderView::from(&order))
    }

    fn check_minimum(&self, order: &Order) -> Result<(), Invalid> {
        let minimum = self.minimums.iter().find(|minimum| minimum.currency() == order.total.currency());
        match minimum {
            Some(minimum) if order.total.amount() < minimum.amount() => {
                Err(Invalid::one("/lines", "below_minimum", format_args!("the total must be at least {minimum}")))
            }
            _ => Ok(()),
        }
    }

    /// Claims every line, or none (I3). Where some are short, reservations that have expired give up their pieces first.
    /// Nothing is written yet.
    async fn reserve(
        &self,
        stock: &mut dyn StockRepository,
        plan: &Plan,
        order: &Order,
        levels: Vec<StockLevel>,
    ) -> Result<StockChanges, PlaceOrderError> {
        let mut changes = StockChanges { levels, ..Default::default() };
        changes.levels.sort_by_key(|level| level.product_id);
        let short = short_lines(order, &changes.levels);
        if !short.is_empty() {
            let mut ids: Vec<ProductId> = short.iter().map(|(line, _)| line.product_id).collect();
            ids.sort();
            let expired = stock.list_expired(&ids, plan.now, EXPIRED_AT_ONCE).await?;
            self.expire(expired, plan, &mut changes);
        }
        let short = short_lines(order, &changes.levels);
        if !short.is_empty() {
            return Err(insufficient(&short, &plan.basket).into());
        }
        for line in &order.lines {
            let id = MovementId::new(self.runtime.ids.next());
            let level = changes.levels.iter_mut().find(|level| level.product_id == line.product_id);
            let moved = level.map(|level| level.reserve(id, order.id, line.quantity, plan.now));
            let Some(Ok(movement)) = moved else {
                return Err(StoreError::corrupt("stock_levels", line.product_id, "changed under its own unit").into());
            };
            changes.movements.push(movement);
            let id = ReservationId::new(self.runtime.ids.next());
            changes.reservations.push(Reservation::new(id, order.id, line.product_id, line.quantity, None, plan.now));
        }
        Ok(changes)
    }

    fn expire(&self, expired: Vec<Reservation>, plan: &Plan, changes: &mut StockChanges) {
        for mut reservation in expired {
            let level = changes.levels.iter_mut().find(|level| level.product_id == reservation.product_id);
            let id = MovementId::new(self.runtime.ids.next());
            let ended = level.and_then(|level| level.end(id, &mut reservation, ReservationState::Expired, plan.now));
            if let Some(movement) = ended {
                changes.movements.push(movement);
                changes.expired.push(reservation);
            }
        }
    }
}

/// The lines of which fewer pieces can be had than are asked for, each with how many can.
fn short_lines<'a>(order: &'a Order, levels: &[StockLevel]) -> Vec<(&'a OrderLine, u32)> {
    let available: BTreeMap<ProductId, u32> =
        levels.iter().map(|level| (level.product_id, level.available())).collect();
    let lines = order.lines.iter().map(|line| (line, available.get(&line.product_id).copied().unwrap_or(0)));
    lines.filter(|(line, available)| line.quantity > *available).collect()
}

/// Names each short line by the first line of its product, as sent.
fn insufficient(short: &[(&OrderLine, u32)], basket: &Basket) -> InsufficientStock {
    let field = |(line, available): &(&OrderLine, u32)| {
        let place = basket.line_of(line.product_id).unwrap_or_default();
        let refusal = StockRefusal::Insufficient { requested: line.quantity, available: *available };
        FieldError::new(format!("/lines/{place}/quantity"), "insufficient_stock", refusal)
    };
    InsufficientStock { lines: short.iter().map(field).collect() }
}

async fn store_order(
    tx: &mut dyn OrderingTx,
    actor: &Actor,
    plan: &Plan,
    order: &Order,
    stock: &StockChanges,
    _authorized: Authorized,
) -> Result<(), StoreError> {
    tx.orders().insert(order).await.map_err(draw_again)?;
    tx.stock().save_many(&stock.levels).await?;
    if !stock.expired.is_empty() {
        tx.stock().end_reservations(&stock.expired).await?;
    }
    tx.stock().insert_reservations(&stock.reservations).await?;
    tx.stock().append_movements(&stock.movements).await?;
    let lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| json!({ "product_id": line.product_id, "quantity": line.quantity, "unit_price": line.unit_price }))
        .collect();
    let payload =
        json!({ "order_id": order.id, "customer_id": order.customer_id, "total": order.total, "lines": lines });
    let of = (order.id.uuid(), order.version);
    let event = OutboxEvent::new(plan.mark.event_id, "ordering.order_placed.v1", of, actor, plan.now, &payload);
    tx.outbox().append(&event).await
}

/// A number that another order has already: the next attempt draws another.
fn draw_again(error: StoreError) -> StoreError {
    match error {
        StoreError::Duplicate { constraint: crate::ordering::constraints::ORDER_NUMBER } => {
            StoreError::Retry(error.into())
        }
        error => error,
    }
}

fn invalid_basket(refusal: BasketRefusal) -> Invalid {
    match refusal {
        BasketRefusal::Empty => Invalid::one("/lines", "too_few", refusal),
        BasketRefusal::TooManyLines => Invalid::one("/lines", "too_many", refusal),
        BasketRefusal::Quantity { line } => Invalid::one(format!("/lines/{line}/quantity"), "out_of_range", refusal),
    }
}

fn invalid_order(refusal: OrderRefusal) -> Invalid {
    match refusal {
        OrderRefusal::NotOnSale { line } => {
            Invalid::one(format!("/lines/{line}/product_id"), "unknown_product", refusal)
        }
        OrderRefusal::MixedCurrencies { line, .. } => {
            Invalid::one(format!("/lines/{line}/product_id"), "currency_mismatch", refusal)
        }
        OrderRefusal::TotalOutOfRange { line } => Invalid::one(format!("/lines/{line}"), "out_of_range", refusal),
    }
}

#[cfg(test)]
mod tests;
