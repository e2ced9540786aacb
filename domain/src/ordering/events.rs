//! The events of orders.

use super::{Order, OrderStatus, PaymentState, StatusChange, Trigger};
use crate::shared::{Money, OrderId, ProductId, UserId, events};

events! {
    /// A line of a placed order.
    PlacedLine {
        /// The ordered product.
        product_id: ProductId,
        /// The number of pieces, at least 1.
        quantity: u32,
        /// The price of one piece when the order was placed.
        unit_price: Money,
    }
}

events! {
    /// An order was placed, and its pieces were reserved.
    OrderPlaced = "ordering.order_placed.v1" of order_id {
        /// The new order.
        order_id: OrderId,
        /// The account that placed the order.
        customer_id: UserId,
        /// The sum of the lines.
        total: Money,
        /// The lines, at least one. Each product occurs once.
        lines: Vec<PlacedLine>,
    }

    /// An order was cancelled, and the pieces that it still held are available again.
    OrderCancelled = "ordering.order_cancelled.v1" of order_id {
        /// The cancelled order.
        order_id: OrderId,
        /// The account that placed the order.
        customer_id: UserId,
        /// The cause of the cancellation.
        trigger: Trigger,
        /// The status before the cancellation.
        from: OrderStatus,
        /// The status now.
        to: OrderStatus,
        /// Whether the customer has paid and must get the money back.
        refund_due: bool,
    }

    /// An order was not paid in time, and the pieces that it still held are available again.
    OrderExpired = "ordering.order_expired.v1" of order_id {
        /// The order that ended.
        order_id: OrderId,
        /// The account that placed the order.
        customer_id: UserId,
    }

    /// The whole total of an order was paid.
    OrderPaid = "ordering.order_paid.v1" of order_id {
        /// The order that was paid.
        order_id: OrderId,
        /// The account that placed the order.
        customer_id: UserId,
        /// The amount that was paid, which is the sum of the lines.
        total: Money,
        /// The status before the payment.
        from: OrderStatus,
        /// The status now. It stays the same if the order had ended before the payment.
        to: OrderStatus,
        /// Whether the order had ended before the payment, so that the customer must get the money back.
        refund_due: bool,
    }
}

impl OrderPlaced {
    /// The event of this new order.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        let lines = order.lines.iter().map(|line| PlacedLine {
            product_id: line.product_id,
            quantity: line.quantity,
            unit_price: line.unit_price,
        });
        Self { order_id: order.id, customer_id: order.customer_id, total: order.total, lines: lines.collect() }
    }
}

impl OrderCancelled {
    /// The event of this order, which `change` cancelled.
    #[must_use]
    pub fn of(order: &Order, change: &StatusChange) -> Self {
        Self {
            order_id: order.id,
            customer_id: order.customer_id,
            trigger: change.trigger,
            from: change.from.status(),
            to: change.to.status(),
            refund_due: change.to.payment == PaymentState::RefundDue,
        }
    }
}

impl OrderExpired {
    /// The event of this order.
    #[must_use]
    pub const fn of(order: &Order) -> Self {
        Self { order_id: order.id, customer_id: order.customer_id }
    }
}

impl OrderPaid {
    /// The event of this order, whose payment is `change`.
    #[must_use]
    pub fn of(order: &Order, change: &StatusChange) -> Self {
        Self {
            order_id: order.id,
            customer_id: order.customer_id,
            total: order.total,
            from: change.from.status(),
            to: change.to.status(),
            refund_due: change.to.payment == PaymentState::RefundDue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Sku,
        ordering::{OrderLine, OrderNumber},
        shared::{Text, Timestamp, assert_payload},
    };
    use serde_json::json;
    use uuid::Uuid;

    fn order() -> Order {
        let unit_price = Money::new(500, "EUR".parse().unwrap());
        let line = OrderLine {
            product_id: ProductId::new(Uuid::from_u128(3)),
            sku: Sku::parse("honey").unwrap(),
            name: Text::line("Honey", 9).unwrap(),
            quantity: 2,
            unit_price,
            total: unit_price.times(2).unwrap(),
        };
        let (id, customer) = (OrderId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        Order::place(id, OrderNumber::from_random(1), customer, vec![line], Timestamp::MIN).unwrap()
    }

    #[test]
    fn the_payload_of_a_placed_order_does_not_change() {
        let event = OrderPlaced::of(&order());
        let payload = json!({
            "order_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "00000000-0000-0000-0000-000000000002",
            "total": { "amount": 1000, "currency": "EUR" },
            "lines": [{
                "product_id": "00000000-0000-0000-0000-000000000003",
                "quantity": 2,
                "unit_price": { "amount": 500, "currency": "EUR" },
            }],
        });
        assert_payload(&event, Uuid::from_u128(1), &payload);
    }

    #[test]
    fn the_payload_of_a_cancelled_order_does_not_change() {
        let mut order = order();
        order.apply(Trigger::PaymentCaptured, Timestamp::MIN).unwrap();
        let change = order.apply(Trigger::Cancel, Timestamp::MIN).unwrap().unwrap();
        let event = OrderCancelled::of(&order, &change);
        let payload = json!({
            "order_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "00000000-0000-0000-0000-000000000002",
            "trigger": "cancel",
            "from": "paid",
            "to": "cancelled",
            "refund_due": true,
        });
        assert_payload(&event, Uuid::from_u128(1), &payload);
    }

    #[test]
    fn the_payload_of_an_expired_order_does_not_change() {
        let payload = json!({
            "order_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "00000000-0000-0000-0000-000000000002",
        });
        assert_payload(&OrderExpired::of(&order()), Uuid::from_u128(1), &payload);
    }

    #[test]
    fn the_payload_of_a_paid_order_does_not_change() {
        let mut order = order();
        let change = order.apply(Trigger::PaymentCaptured, Timestamp::MIN).unwrap().unwrap();
        let payload = json!({
            "order_id": "00000000-0000-0000-0000-000000000001",
            "customer_id": "00000000-0000-0000-0000-000000000002",
            "total": { "amount": 1000, "currency": "EUR" },
            "from": "pending",
            "to": "paid",
            "refund_due": false,
        });
        assert_payload(&OrderPaid::of(&order, &change), Uuid::from_u128(1), &payload);
    }

    #[test]
    fn a_payment_after_the_cancellation_is_due_for_a_refund() {
        let mut order = self::order();
        order.apply(Trigger::Cancel, Timestamp::MIN).unwrap();
        let change = order.apply(Trigger::PaymentCaptured, Timestamp::MIN).unwrap().unwrap();
        let event = OrderPaid::of(&order, &change);
        assert_eq!((event.from, event.to, event.refund_due), (OrderStatus::Cancelled, OrderStatus::Cancelled, true));
    }
}
