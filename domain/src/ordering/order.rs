//! An order: a snapshot of the products that were bought, and the progress of the order.

use super::{InvalidTransition, OrderNumber, OrderStatus, Progress, Trigger};
use crate::{
    catalog::Sku,
    shared::{Money, MoneyError, ProductId, Text, Timestamp, UserId, Version, typed_id},
};

typed_id! {
    /// Identifies an order.
    OrderId
}

/// A line of an order: the product as it was when the order was placed (C1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The ordered product.
    pub product_id: ProductId,
    /// The code of the product at that time.
    pub sku: Sku,
    /// The name of the product at that time.
    pub name: Text,
    /// The number of pieces, at least 1.
    pub quantity: u32,
    /// The price of one piece at that time.
    pub unit_price: Money,
    /// `quantity` times `unit_price`.
    pub total: Money,
}

/// An order: its lines, their total, and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The identifier.
    pub id: OrderId,
    /// The number that people use.
    pub number: OrderNumber,
    /// The account that placed it.
    pub customer_id: UserId,
    /// The lines. Each product occurs once. The list is never empty (O5) and never changes (C1).
    pub lines: Vec<OrderLine>,
    /// The sum of the lines (M5).
    pub total: Money,
    /// How far it has come.
    pub progress: Progress,
    /// From this time on it may end because it was not paid (O10); `None` if it waits without a limit, or no longer
    /// waits for its payment.
    pub expires_at: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

/// A change of an order's progress. Each is reported in exactly one event (O3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// What happened.
    pub trigger: Trigger,
    /// How far the order had come before.
    pub from: Progress,
    /// How far it has come now.
    pub to: Progress,
    /// When it happened.
    pub at: Timestamp,
}

impl OrderLine {
    /// The sum of the lines; `None` if the list is empty.
    ///
    /// # Errors
    /// [`MoneyError`] if the lines have several currencies or the sum is out of range.
    pub fn sum(lines: &[Self]) -> Result<Option<Money>, MoneyError> {
        let Some((first, rest)) = lines.split_first() else { return Ok(None) };
        rest.iter().try_fold(first.total, |sum, line| sum.plus(line.total)).map(Some)
    }
}

impl Order {
    /// A new order of the lines that [`super::Basket::price`] made. It waits for its payment without a limit. Returns
    /// `None` if there are no lines or their sum is out of range.
    #[must_use]
    pub fn place(
        id: OrderId,
        number: OrderNumber,
        customer_id: UserId,
        lines: Vec<OrderLine>,
        now: Timestamp,
    ) -> Option<Self> {
        let total = OrderLine::sum(&lines).ok().flatten()?;
        Some(Self {
            id,
            number,
            customer_id,
            lines,
            total,
            progress: Progress::PLACED,
            expires_at: None,
            created_at: now,
            updated_at: now,
            version: Version::FIRST,
        })
    }

    /// The status that people see.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        self.progress.status()
    }

    /// Ends the order if its time to pay is over, and returns `None` otherwise (O10).
    pub fn expire(&mut self, now: Timestamp) -> Option<StatusChange> {
        if self.expires_at.is_none_or(|end| now < end) {
            return None;
        }
        self.apply(Trigger::ReservationExpired, now).ok().flatten()
    }

    /// Applies a trigger to the order. Returns `None` if it changes nothing. The order no longer expires once it is
    /// paid or has ended.
    ///
    /// # Errors
    /// [`InvalidTransition`]; the order is unchanged (O6).
    pub fn apply(&mut self, trigger: Trigger, now: Timestamp) -> Result<Option<StatusChange>, InvalidTransition> {
        let Some(to) = self.progress.after(trigger)? else { return Ok(None) };
        let from = std::mem::replace(&mut self.progress, to);
        self.updated_at = now.not_before(self.updated_at);
        self.expires_at = self.expires_at.filter(|_| to.status() == OrderStatus::Pending);
        Ok(Some(StatusChange { trigger, from, to, at: self.updated_at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ordering::{Basket, MAX_LINES};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }
    fn product(n: u128, amount: i64) -> crate::catalog::Product {
        let price = Money::new(amount, "EUR".parse().unwrap());
        let (sku, name) = (Sku::parse(&format!("sku-{n}")).unwrap(), Text::line("Honey", 99).unwrap());
        crate::catalog::Product::create(
            ProductId::new(Uuid::from_u128(n)),
            sku,
            name,
            Text::block("", 9).unwrap(),
            price,
            at(0),
        )
        .unwrap()
    }
    fn order(prices: &[i64], quantity: i64, now: Timestamp) -> Order {
        let products: Vec<_> = prices.iter().zip(1u128..).map(|(price, n)| product(n, *price)).collect();
        let asked: Vec<_> = products.iter().map(|p| (p.id, quantity)).collect();
        let lines = Basket::new(&asked, MAX_LINES).unwrap().price(&products).unwrap();
        Order::place(OrderId::new(Uuid::nil()), OrderNumber::from_random(1), UserId::new(Uuid::nil()), lines, now)
            .unwrap()
    }

    #[test]
    fn an_order_without_lines_is_refused() {
        assert_eq!(
            Order::place(
                OrderId::new(Uuid::nil()),
                OrderNumber::from_random(1),
                UserId::new(Uuid::nil()),
                vec![],
                at(0)
            ),
            None
        );
    }

    /// O5: the total may be zero.
    #[test]
    fn a_free_order_is_an_order() {
        assert_eq!(order(&[0], 1, at(0)).total.amount(), 0);
    }

    proptest! {
        /// M5: the lines add up to the total.
        #[test]
        fn lines_add_up_to_the_total(prices in prop::collection::vec(0i64..1_000_000, 1..30), quantity in 1i64..1000) {
            let order = order(&prices, quantity, at(0));
            let sum: i64 = order.lines.iter().map(|line| line.unit_price.amount() * i64::from(line.quantity)).sum();
            prop_assert_eq!(order.total.amount(), sum);
            prop_assert_eq!(order.lines.iter().map(|line| line.total.amount()).sum::<i64>(), sum);
        }

        /// O3, O6, O8: each change is reported once, the reported changes add up to the stored progress, a refusal
        /// changes nothing, and times never go back even if the clock does.
        #[test]
        fn reported_changes_add_up_to_the_progress(steps in prop::collection::vec((prop::sample::select(Trigger::ALL), -50i64..50), 0..20)) {
            let mut order = order(&[100], 1, at(1_000));
            let (mut reported, mut now) = (vec![], 1_000);
            for (trigger, wait) in steps {
                now += wait;
                let before = order.clone();
                match order.apply(trigger, at(now)) {
                    Ok(Some(change)) => reported.push(change),
                    Ok(None) | Err(_) => prop_assert_eq!(&order, &before),
                }
            }
            let mut folded = Progress::PLACED;
            let mut last = order.created_at;
            for change in reported {
                prop_assert_eq!(change.from, folded);
                prop_assert!(change.at >= last);
                (folded, last) = (change.to, change.at);
            }
            prop_assert_eq!((folded, last), (order.progress, order.updated_at));
        }

        /// O10: only an order that is not paid expires, once, and not before its time.
        #[test]
        fn only_an_unpaid_order_expires_and_not_before_its_time(
            end in prop::option::of(0i64..100),
            steps in prop::collection::vec((prop::option::weighted(0.4, prop::sample::select(Trigger::ALL)), -20i64..40), 0..12),
        ) {
            let mut order = order(&[100], 1, at(0));
            order.expires_at = end.map(at);
            let mut now = 0;
            for (trigger, wait) in steps {
                now += wait;
                let before = order.clone();
                match trigger {
                    // The reservation expires through `expire` alone.
                    Some(Trigger::ReservationExpired) | None => {
                        let is_due = before.status() == OrderStatus::Pending && end.is_some_and(|end| end <= now);
                        let change = order.expire(at(now));
                        prop_assert_eq!(change.is_some(), is_due);
                        if is_due {
                            prop_assert_eq!(order.status(), OrderStatus::Expired);
                        } else {
                            prop_assert_eq!(&order, &before);
                        }
                    }
                    Some(trigger) => {
                        let _ = order.apply(trigger, at(now));
                    }
                }
                let waits = order.status() == OrderStatus::Pending;
                prop_assert_eq!(order.expires_at, end.map(at).filter(|_| waits));
            }
        }
    }
}
