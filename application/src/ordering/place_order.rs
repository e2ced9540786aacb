//! Placing an order. The order keeps the prices of the moment and reserves stock. One commit stores the order, the
//! reservations, the event and the idempotency key.

use super::{OrderPolicy, OrderView, OrderingTx, constraints};
use crate::{
    catalog::list_expired,
    kernel::{
        Authorized, Call, Command, Denied, FieldError, Invalid, KeyReused, StoreError, account, refusal, use_case_error,
    },
};
use skep_domain::{
    catalog::{Claim, Shortage, StockChanges, StockLevel, StockRefusal, shortages},
    ordering::{Basket, BasketRefusal, Order, OrderNumber, OrderRefusal, actions, events::OrderPlaced},
    shared::{Action, Money, OrderId, ProductId, Timestamp, UserId},
};

/// The products to order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceOrderCommand {
    /// At least one line, and at most as many as an order may have. Lines of the same product are added up.
    pub lines: Vec<OrderLineInput>,
}

/// A product and a quantity to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrderLineInput {
    /// The product to order.
    pub product_id: ProductId,
    /// The number of pieces, at least 1.
    pub quantity: i64,
}

refusal! {
    /// Fewer pieces are available than the order asks for; `errors` names the lines. Nothing was changed.
    InsufficientStock {
        /// One entry for each product with too few pieces. It names the first line of the product.
        pub lines: Vec<FieldError>,
    } = Conflict, "insufficient_stock", "{}", Self::REFUSALS[0];
    fn fields(&self) -> &[FieldError] {
        &self.lines
    }
}

refusal! {
    /// The orders of the account that wait for their payment would have too many lines. Pay or cancel some of them
    /// first.
    TooManyOpenLines {
        /// The lines of the orders that wait for their payment.
        pub open: u64,
        /// The greatest number of such lines.
        pub most: u64,
    } = Conflict, "too_many_open_lines", "{open} lines wait for payment and at most {most} may; pay or cancel an order";
}

use_case_error! {
    /// Why the order was not placed.
    PlaceOrderError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        InsufficientStock(InsufficientStock),
        TooManyOpenLines(TooManyOpenLines),
    }
}

/// Places orders. The actor becomes the customer.
#[derive(Debug, Default)]
pub struct PlaceOrder {
    policy: OrderPolicy,
}

/// A basket, with the id of the order that it becomes.
pub struct PlaceOrderPlan {
    order_id: OrderId,
    customer: UserId,
    basket: Basket,
    products: Vec<ProductId>,
}

impl Command for PlaceOrder {
    type Unit = dyn OrderingTx;
    type Input = PlaceOrderCommand;
    type Plan = PlaceOrderPlan;
    type Target = UserId;
    type Answer = OrderView;
    type Error = PlaceOrderError;

    const NAME: &'static str = "ordering.place_order";
    const ACTION: Action = actions::PLACE_ORDER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let customer = account(call.actor, Self::ACTION)?;
        let lines: Vec<(ProductId, i64)> = input.lines.iter().map(|line| (line.product_id, line.quantity)).collect();
        let basket = Basket::new(&lines, self.policy.max_lines).map_err(invalid_basket)?;
        let products = basket.product_ids();
        call.contend(products.iter().map(|product| product.uuid()));
        Ok(PlaceOrderPlan { order_id: OrderId::new(call.new_id()), customer, products, basket })
    }

    async fn load(&self, plan: &Self::Plan, _: &mut Self::Unit) -> Result<UserId, Self::Error> {
        Ok(plan.customer)
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, UserId>,
    ) -> Result<OrderView, Self::Error> {
        // Find the stock first: from then on no other unit can change a price or archive a product.
        let levels = unit.stock().find_many(&plan.products).await?;
        let products = unit.products().find_many(&plan.products).await?;
        let lines = plan.basket.price(&products).map_err(invalid_order)?;
        let number = OrderNumber::from_random(authorized.random_bits());
        let order = Order::place(plan.order_id, number, *authorized, lines, authorized.now());
        let mut order = order.ok_or_else(|| StoreError::corrupt("orders", plan.order_id, "its lines do not add up"))?;
        order.expires_at = self.policy.expiry(authorized.now());
        self.check_minimum(&order)?;
        self.check_open_lines(unit, &order, authorized.now()).await?;
        let stock = reserve(unit, &plan.basket, &order, levels, &authorized).await?;
        unit.orders().insert(&order).await.map_err(draw_again)?;
        unit.stock().save_many(&stock.levels).await?;
        if !stock.ended.is_empty() {
            unit.stock().end_reservations(&stock.ended).await?;
        }
        unit.stock().insert_reservations(&stock.reservations).await?;
        unit.stock().append_movements(&stock.movements).await?;
        authorized.record(unit.outbox(), &OrderPlaced::of(&order), order.version, order.created_at).await?;
        Ok(OrderView::from(&order))
    }
}

impl PlaceOrder {
    /// Places orders by these rules.
    #[must_use]
    pub const fn new(policy: OrderPolicy) -> Self {
        Self { policy }
    }

    fn check_minimum(&self, order: &Order) -> Result<(), Invalid> {
        let is_above =
            |minimum: &&Money| minimum.currency() == order.total.currency() && minimum.amount() > order.total.amount();
        let Some(minimum) = self.policy.minimums.iter().find(is_above) else { return Ok(()) };
        Err(Invalid::one("/lines", "below_minimum", format!("the total must be at least {minimum}")))
    }
}

impl PlaceOrder {
    /// Refuses an order with which its customer would hold too many reservations without having paid (O11).
    async fn check_open_lines(
        &self,
        unit: &mut dyn OrderingTx,
        order: &Order,
        now: Timestamp,
    ) -> Result<(), PlaceOrderError> {
        let Some(most) = self.policy.open_lines else { return Ok(()) };
        let open = unit.orders().count_open_lines(order.customer_id, now).await?;
        let all = open.saturating_add(u64::try_from(order.lines.len()).unwrap_or(u64::MAX));
        if all > most { Err(TooManyOpenLines { open, most }.into()) } else { Ok(()) }
    }
}

/// Reserves all lines or none (I3). If a product has too few pieces, its expired reservations are ended first. Writes
/// nothing yet.
async fn reserve(
    unit: &mut dyn OrderingTx,
    basket: &Basket,
    order: &Order,
    levels: Vec<StockLevel>,
    authorized: &Authorized<'_, UserId>,
) -> Result<StockChanges, PlaceOrderError> {
    let lines: Vec<_> = order.lines.iter().map(|line| (line.product_id, line.quantity)).collect();
    let short: Vec<_> = shortages(&levels, &lines).into_iter().map(|shortage| shortage.product_id).collect();
    let expired = list_expired(unit.stock(), &short, authorized.now()).await?;
    let claim = Claim { order_id: order.id, lines: &lines, expires_at: order.expires_at };
    let reserved = StockChanges::reserve(levels, expired, claim, authorized.now(), &mut || authorized.new_id());
    Ok(reserved.map_err(|short| insufficient(&short.0, basket))?)
}

/// Reports each product with too few pieces at its first line in the request.
fn insufficient(short: &[Shortage], basket: &Basket) -> InsufficientStock {
    let field = |shortage: &Shortage| {
        let place = basket.line_of(shortage.product_id).unwrap_or_default();
        let refusal = StockRefusal::Insufficient { requested: shortage.requested, available: shortage.available };
        FieldError::new(format!("/lines/{place}/quantity"), "insufficient_stock", refusal)
    };
    InsufficientStock { lines: short.iter().map(field).collect() }
}

/// Repeats the attempt if another order has the same number; the next attempt draws another one.
fn draw_again(error: StoreError) -> StoreError {
    match error {
        StoreError::Duplicate { constraint: constraints::ORDER_NUMBER } => StoreError::Retry(error.into()),
        error => error,
    }
}

fn invalid_basket(refusal: BasketRefusal) -> Invalid {
    match refusal {
        BasketRefusal::Empty => Invalid::one("/lines", "too_few", refusal),
        BasketRefusal::TooManyLines { .. } => Invalid::one("/lines", "too_many", refusal),
        BasketRefusal::Quantity { line } => Invalid::one(format!("/lines/{line}/quantity"), "out_of_range", refusal),
    }
}

fn invalid_order(refusal: OrderRefusal) -> Invalid {
    let at = |line: usize| format!("/lines/{line}/product_id");
    match refusal {
        OrderRefusal::NotOnSale { line } => Invalid::one(at(line), "unknown_product", refusal),
        OrderRefusal::MixedCurrencies { line, .. } => Invalid::one(at(line), "currency_mismatch", refusal),
        OrderRefusal::TotalOutOfRange { line } => Invalid::one(format!("/lines/{line}"), "out_of_range", refusal),
    }
}

#[cfg(test)]
mod tests;
