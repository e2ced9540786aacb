//! Orders in the model.

use super::{Answer, Claim, Command, Sold, Stored, expiry::LIFETIME};
use crate::{
    call::{Failure, Now, Outcome, Refusal},
    catalog::{self, pieces},
    model::{Faults, Model, Right, check, has, not_found, page, same_kind, total, unauthenticated},
};
use serde_json::json;
use skep_application::{
    kernel::{Actor, ErrorKind, Page, PageRequest, Position, SortValue},
    ordering::{
        CancelOrderCommand, ConfirmPaymentCommand, OrderLineInput, OrderLineView, OrderView, PlaceOrderCommand,
    },
};
use skep_domain::{
    catalog::{MovementKind, StockRefusal},
    ordering::{BasketRefusal, OrderNumber, OrderRefusal},
    shared::{Direction, Money, OrderId, ProductId, Timestamp, UserId, Version},
};

/// Whether the actor may see the orders of this customer.
fn sees_order(actor: &Actor, customer: UserId) -> bool {
    has(actor, Right::Manage) || actor.user_id() == Some(customer)
}

/// A product of a basket: the number of pieces and the first line with this product.
struct Item {
    product: ProductId,
    quantity: u32,
    line: usize,
}

fn basket(lines: &[OrderLineInput]) -> Outcome<Vec<Item>> {
    if lines.is_empty() {
        return Err(Faults::one("/lines", "too_few", BasketRefusal::Empty));
    }
    if lines.len() > 200 {
        return Err(Faults::one("/lines", "too_many", BasketRefusal::TooManyLines { most: 200 }));
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
    fn priced(&self, items: &[Item]) -> Outcome<(Vec<OrderLineView>, Money)> {
        let mut lines: Vec<OrderLineView> = vec![];
        let mut sum: Option<Money> = None;
        for item in items {
            let (line, at) = (item.line, format!("/lines/{}/product_id", item.line));
            let shelf = self
                .stored
                .get::<catalog::Stored>()
                .shelves
                .get(&item.product)
                .filter(|shelf| shelf.product.archived_at.is_none());
            let Some(shelf) = shelf else {
                return Err(Faults::one(at, "unknown_product", OrderRefusal::NotOnSale { line }));
            };
            let (unit_price, found) = (shelf.product.price, shelf.product.price.currency());
            if let Some(expected) = sum.map(Money::currency).filter(|expected| *expected != found) {
                let refusal = OrderRefusal::MixedCurrencies { line, expected, found };
                return Err(Faults::one(at, "currency_mismatch", refusal));
            }
            // The greatest total is 2^53 - 1.
            let fits = |total: &i64| *total < 1 << 53;
            let total = unit_price.amount().checked_mul(i64::from(item.quantity)).filter(fits);
            let together = total.map(|total| sum.map_or(0, Money::amount) + total).filter(fits);
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

    /// Checks that enough pieces of every product are available. If too few are, the claims that no longer hold their
    /// pieces give them up first. Returns the products of which they do.
    fn suffices(&self, items: &[Item], at: Timestamp) -> Outcome<Vec<ProductId>> {
        let shelves = &self.stored.get::<catalog::Stored>().shelves;
        let (mut fields, mut freed) = (vec![], vec![]);
        for item in items {
            let mut available = shelves.get(&item.product).map_or(0, |shelf| shelf.stock.available);
            if item.quantity <= available {
                continue;
            }
            available += self.expired_pieces(item.product, at);
            freed.push(item.product);
            if item.quantity > available {
                let refusal = StockRefusal::Insufficient { requested: item.quantity, available };
                let field = (format!("/lines/{}/quantity", item.line), "insufficient_stock", refusal.to_string());
                fields.push(field);
            }
        }
        if fields.is_empty() {
            return Ok(freed);
        }
        Err(Failure::Refused(Refusal { kind: ErrorKind::Conflict, code: "insufficient_stock", fields }))
    }

    pub(super) fn place_order(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &PlaceOrderCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Shop)?;
        let customer_id = now.actor.user_id().ok_or_else(unauthenticated)?;
        let items = basket(&command.lines)?;
        self.once(now, whole, |model| {
            let (lines, total) = model.priced(&items)?;
            let freed = model.suffices(&items, now.at)?;
            let id = OrderId::new(now.fresh.id);
            let number = OrderNumber::stored(now.fresh.text.clone());
            let orders = &model.stored.get::<Stored>().orders;
            let is_taken = orders.contains_key(&id) || orders.values().any(|sold| sold.order.number == number);
            if is_taken || now.fresh.text.is_empty() {
                return Err(Failure::Unknown(format!("an order, but {id} or its number is not new")));
            }
            freed.into_iter().for_each(|product| model.free_expired(product, now.at));
            let expires_at = Some(now.at.plus_millis(LIFETIME));
            let order = OrderView {
                id,
                number,
                customer_id,
                status: "pending".to_owned(),
                lines,
                total,
                expires_at,
                created_at: now.at,
                updated_at: now.at,
                version: Version::FIRST,
            };
            let mut claims = vec![];
            for Item { product, quantity, .. } in &items {
                let (product, quantity) = (*product, *quantity);
                if let Some(shelf) = model.stored.get_mut::<catalog::Stored>().shelves.get_mut(&product) {
                    shelf.moved(MovementKind::Allocation, (0, i64::from(quantity)), Some(id), now.at);
                }
                let (state, made_at) = ("active", now.at);
                claims.push(Claim { product, quantity, state, made_at, expires_at, ended_at: None });
            }
            claims.sort();
            let lines = order.lines.iter().map(|line| {
                json!({ "product_id": line.product_id, "quantity": line.quantity, "unit_price": line.unit_price })
            });
            let lines: Vec<_> = lines.collect();
            let payload = json!({ "order_id": id, "customer_id": customer_id, "total": total, "lines": lines });
            model.tell(now, "ordering.order_placed.v1", (id.uuid(), Version::FIRST), now.at, &payload);
            model.stored.get_mut::<Stored>().orders.insert(id, Sold { order: order.clone(), payment: "none", claims });
            Ok(Answer::Order(order))
        })
    }

    pub(super) fn cancel_order(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &CancelOrderCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Shop)?;
        self.once(now, whole, |model| {
            let sold = model.stored.get_mut::<Stored>().orders.get_mut(&command.order_id);
            let sold = sold.filter(|sold| sees_order(now.actor, sold.order.customer_id)).ok_or_else(not_found)?;
            if ["cancelled", "expired"].contains(&sold.order.status.as_str()) {
                return Ok(Answer::Order(sold.order.clone()));
            }
            let is_paid = sold.payment == "captured";
            if is_paid {
                sold.payment = "refund_due";
            }
            let order = &mut sold.order;
            let from = std::mem::replace(&mut order.status, "cancelled".to_owned());
            order.updated_at = now.at.max(order.updated_at);
            order.version = order.version.next();
            order.expires_at = None;
            let order = order.clone();
            model.give_back(order.id, "released", now.at);
            let payload = json!({
                "order_id": order.id,
                "customer_id": order.customer_id,
                "trigger": "cancel",
                "from": from,
                "to": "cancelled",
                "refund_due": is_paid,
            });
            let of = (order.id.uuid(), order.version);
            model.tell(now, "ordering.order_cancelled.v1", of, order.updated_at, &payload);
            Ok(Answer::Order(order))
        })
    }

    pub(super) fn confirm_payment(
        &mut self,
        now: &Now<'_>,
        whole: &Command,
        command: &ConfirmPaymentCommand,
    ) -> Outcome<Answer> {
        check(now.actor, Right::Manage)?;
        self.once(now, whole, |model| {
            let sold = model.stored.get_mut::<Stored>().orders.get_mut(&command.order_id).ok_or_else(not_found)?;
            if sold.payment != "none" {
                return Ok(Answer::Order(sold.order.clone()));
            }
            let from = sold.order.status.clone();
            let is_late = from != "pending";
            if !is_late && sold.order.expires_at.is_some() {
                if sold.claims.iter().any(|claim| claim.state != "active") {
                    return Err(Failure::refusal(ErrorKind::Conflict, "reservation_expired"));
                }
                sold.claims.iter_mut().for_each(|claim| claim.expires_at = None);
                sold.claims.sort();
            }
            sold.payment = if is_late { "refund_due" } else { "captured" };
            let order = &mut sold.order;
            if !is_late {
                order.status = "paid".to_owned();
                order.expires_at = None;
            }
            order.updated_at = now.at.max(order.updated_at);
            order.version = order.version.next();
            let order = order.clone();
            let payload = json!({
                "order_id": order.id,
                "customer_id": order.customer_id,
                "total": order.total,
                "from": from,
                "to": order.status,
                "refund_due": is_late,
            });
            let of = (order.id.uuid(), order.version);
            model.tell(now, "ordering.order_paid.v1", of, order.updated_at, &payload);
            Ok(Answer::Order(order))
        })
    }

    pub(super) fn get_order(&self, now: &Now<'_>, id: OrderId) -> Outcome<Answer> {
        check(now.actor, Right::Shop)?;
        let sold =
            self.stored.get::<Stored>().orders.get(&id).filter(|sold| sees_order(now.actor, sold.order.customer_id));
        sold.map(|sold| Answer::Order(sold.order.clone())).ok_or_else(not_found)
    }

    pub(super) fn list_orders(&self, now: &Now<'_>, direction: Direction, request: &PageRequest) -> Outcome<Answer> {
        check(now.actor, Right::Shop)?;
        if !same_kind(&request.after, &SortValue::Time(Timestamp::MIN)) {
            return Ok(Answer::Orders(Page { items: vec![], next: None, total: total(0, request) }));
        }
        let all = has(now.actor, Right::Manage);
        let seen = |sold: &&Sold| all || now.actor.user_id() == Some(sold.order.customer_id);
        let orders = self.stored.get::<Stored>().orders.values().filter(seen);
        let rows = orders.map(|sold| {
            let place = Position { key: SortValue::Time(sold.order.created_at), id: sold.order.id.uuid() };
            (place, sold.order.clone())
        });
        Ok(Answer::Orders(page(rows.collect(), direction, request)))
    }
}
