//! Orders.

use super::{
    Faults, Model, Now, Step,
    access::{Right, check, has, sees_order, unauthenticated},
    catalog::pieces,
    lists, not_found,
};
use crate::{
    call::{Answer, Call, Refusal},
    state::{Claim, Sold},
};
use serde_json::json;
use skep_application::{
    kernel::{ErrorKind, Page, PageRequest, Position, SortValue},
    ordering::{CancelOrderCommand, OrderLineInput, OrderLineView, OrderView, PlaceOrderCommand},
};
use skep_domain::{
    catalog::{MovementKind, StockRefusal},
    ordering::{BasketRefusal, OrderRefusal},
    shared::{Direction, Money, OrderId, ProductId, Timestamp, Version},
};

/// A product of a basket: the number of pieces and the first line with this product.
struct Item {
    product: ProductId,
    quantity: u32,
    line: usize,
}

fn basket(lines: &[OrderLineInput]) -> Step<Vec<Item>> {
    if lines.is_empty() {
        return Err(Faults::one("/lines", "too_few", BasketRefusal::Empty));
    }
    if lines.len() > 1_000 {
        return Err(Faults::one("/lines", "too_many", BasketRefusal::TooManyLines));
    }
    let mut items: Vec<Item> = vec![];
    for (line, input) in lines.iter().enumerate() {
        let refusal =
            || Faults::one(format!("/lines/{line}/quantity"), "out_of_range", BasketRefusal::Quantity { line });
        let quantity = pieces(input.quantity).filter(|quantity| *quantity > 0).ok_or_else(refusal)?;
        match items.iter_mut().find(|item| item.product == input.product_id) {
            Some(item) => {
                item.quantity = pieces(i64::from(item.quantity) + i64::from(quantity)).ok_or_else(refusal)?;
            }
            None => items.push(Item { product: input.product_id, quantity, line }),
        }
    }
    Ok(items)
}

impl Model {
    /// Prices the lines and returns them with their sum.
    fn priced(&self, items: &[Item]) -> Step<(Vec<OrderLineView>, Money)> {
        let mut lines: Vec<OrderLineView> = vec![];
        let mut sum: Option<Money> = None;
        for item in items {
            let (line, at) = (item.line, format!("/lines/{}/product_id", item.line));
            let shelf = self.stored.shelves.get(&item.product).filter(|shelf| shelf.product.archived_at.is_none());
            let Some(shelf) = shelf else {
                return Err(Faults::one(at, "unknown_product", OrderRefusal::NotOnSale { line }));
            };
            let (unit_price, found) = (shelf.product.price, shelf.product.price.currency());
            if let Some(expected) = sum.map(Money::currency).filter(|expected| *expected != found) {
                let refusal = OrderRefusal::MixedCurrencies { line, expected, found };
                return Err(Faults::one(at, "currency_mismatch", refusal));
            }
            let total = unit_price.amount().checked_mul(i64::from(item.quantity));
            let together = total.and_then(|total| sum.map_or(0, Money::amount).checked_add(total));
            let (Some(total), Some(together)) = (total, together) else {
                let refusal = OrderRefusal::TotalOutOfRange { line };
                return Err(Faults::one(format!("/lines/{line}"), "out_of_range", refusal));
            };
            sum = Some(Money::new(together, found));
            lines.push(OrderLineView {
                product_id: item.product,
                sku: shelf.product.sku.clone(),
                name: shelf.product.name.clone(),
                quantity: item.quantity,
                unit_price,
                total: Money::new(total, found),
            });
        }
        sum.map(|sum| (lines, sum)).ok_or_else(not_found)
    }

    /// Checks that enough pieces of every product are available.
    fn suffices(&self, items: &[Item]) -> Step<()> {
        let short = items.iter().filter_map(|item| {
            let available = self.stored.shelves.get(&item.product).map_or(0, |shelf| shelf.stock.available);
            let refusal = StockRefusal::Insufficient { requested: item.quantity, available };
            let field = (format!("/lines/{}/quantity", item.line), "insufficient_stock", refusal.to_string());
            (item.quantity > available).then_some(field)
        });
        let fields: Vec<_> = short.collect();
        if fields.is_empty() {
            return Ok(());
        }
        Err(Answer::Refused(Refusal { kind: ErrorKind::Conflict, code: "insufficient_stock", fields }))
    }

    pub(super) fn place_order(&mut self, now: &Now<'_>, call: &Call, command: &PlaceOrderCommand) -> Step {
        check(now.actor, Right::Shop)?;
        let customer_id = now.actor.user_id().ok_or_else(unauthenticated)?;
        let items = basket(&command.lines)?;
        self.once(now, call, |model| {
            let (lines, total) = model.priced(&items)?;
            model.suffices(&items)?;
            let id = OrderId::new(now.fresh.id);
            let number = now.fresh.number.clone();
            let taken = model.stored.orders.values().any(|sold| Some(&sold.order.number) == number.as_ref());
            let Some(number) = number.filter(|_| !taken && !model.stored.orders.contains_key(&id)) else {
                return Err(Answer::Unknown(format!("an order, but {id} or its number is not new")));
            };
            let order = OrderView {
                id,
                number,
                customer_id,
                status: "pending".to_owned(),
                lines,
                total,
                created_at: now.at,
                updated_at: now.at,
                version: Version::FIRST,
            };
            let mut claims = vec![];
            for Item { product, quantity, .. } in &items {
                let (product, quantity) = (*product, *quantity);
                if let Some(shelf) = model.stored.shelves.get_mut(&product) {
                    shelf.moved(MovementKind::Allocation, (0, i64::from(quantity)), Some(id), now.at);
                }
                claims.push(Claim { product, quantity, state: "active", made_at: now.at, ended_at: None });
            }
            claims.sort();
            let lines = order.lines.iter().map(|line| {
                json!({ "product_id": line.product_id, "quantity": line.quantity, "unit_price": line.unit_price })
            });
            let lines: Vec<_> = lines.collect();
            let payload = json!({ "order_id": id, "customer_id": customer_id, "total": total, "lines": lines });
            model.tell(now, "ordering.order_placed.v1", (id.uuid(), Version::FIRST), now.at, &payload);
            model.stored.orders.insert(id, Sold { order: order.clone(), claims });
            Ok(Answer::Order(order))
        })
    }

    pub(super) fn cancel_order(&mut self, now: &Now<'_>, call: &Call, command: &CancelOrderCommand) -> Step {
        check(now.actor, Right::Shop)?;
        self.once(now, call, |model| {
            let sold = model.stored.orders.get_mut(&command.order_id);
            let sold = sold.filter(|sold| sees_order(now.actor, sold.order.customer_id)).ok_or_else(not_found)?;
            if sold.order.status == "cancelled" {
                return Ok(Answer::Order(sold.order.clone()));
            }
            let order = &mut sold.order;
            order.status = "cancelled".to_owned();
            order.updated_at = now.at.max(order.updated_at);
            order.version = order.version.next();
            let order = order.clone();
            for claim in &mut sold.claims {
                claim.state = "released";
                claim.ended_at = Some(now.at.max(claim.made_at));
                if let Some(shelf) = model.stored.shelves.get_mut(&claim.product) {
                    shelf.moved(MovementKind::Release, (0, -i64::from(claim.quantity)), Some(order.id), now.at);
                }
            }
            sold.claims.sort();
            let payload = json!({
                "order_id": order.id,
                "customer_id": order.customer_id,
                "trigger": "cancel",
                "from": "pending",
                "to": "cancelled",
                "refund_due": false,
            });
            let of = (order.id.uuid(), order.version);
            model.tell(now, "ordering.order_cancelled.v1", of, order.updated_at, &payload);
            Ok(Answer::Order(order))
        })
    }

    pub(super) fn get_order(&self, now: &Now<'_>, id: OrderId) -> Step {
        check(now.actor, Right::Shop)?;
        let sold = self.stored.orders.get(&id).filter(|sold| sees_order(now.actor, sold.order.customer_id));
        sold.map(|sold| Answer::Order(sold.order.clone())).ok_or_else(not_found)
    }

    pub(super) fn list_orders(&self, now: &Now<'_>, direction: Direction, request: &PageRequest) -> Step {
        check(now.actor, Right::Shop)?;
        if !lists::same_kind(&request.after, &SortValue::Time(Timestamp::MIN)) {
            return Ok(Answer::Orders(Page { items: vec![], next: None, total: request.count.then_some(0) }));
        }
        let all = has(now.actor, Right::Manage);
        let seen = |sold: &&Sold| all || now.actor.user_id() == Some(sold.order.customer_id);
        let orders = self.stored.orders.values().filter(seen);
        let rows = orders.map(|sold| {
            let place = Position { key: SortValue::Time(sold.order.created_at), id: sold.order.id.uuid() };
            (place, sold.order.clone())
        });
        Ok(Answer::Orders(lists::page(rows.collect(), direction, request)))
    }
}
