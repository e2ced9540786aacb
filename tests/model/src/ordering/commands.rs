//! The use cases of orders.

use super::steps::Seen;
use crate::{
    call::{Answers, Commands, Failure, Fresh, Now, Outcome},
    desk::{Desk, Mark},
    model::{Model, skip_first},
};
use async_trait::async_trait;
use skep_application::{
    App,
    kernel::{Actor, IdempotencyKey, Page, PageRequest},
    ordering::{CancelOrderCommand, ConfirmPaymentCommand, OrderView, PlaceOrderCommand},
};
use skep_domain::{
    ordering::OrderNumber,
    shared::{Direction, OrderId},
};

/// A use case with its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Orders products.
    PlaceOrder(PlaceOrderCommand),
    /// Cancels an order and releases its stock.
    CancelOrder(CancelOrderCommand),
    /// Records that an order was paid.
    ConfirmPayment(ConfirmPaymentCommand),
    /// Reads an order.
    GetOrder(OrderId),
    /// Reads a page of the orders that the caller may see.
    ListOrders(Direction, PageRequest),
}

/// The result of a use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The order that was placed, cancelled, paid or read.
    Order(OrderView),
    /// A page of the orders that the caller may see.
    Orders(Page<OrderView>),
}

impl Answers for Answer {
    fn fresh(&self) -> Fresh {
        match self {
            Self::Order(order) => Fresh { id: order.id.uuid(), text: order.number.to_string() },
            Self::Orders(_) => Fresh::default(),
        }
    }
}

#[async_trait]
impl Commands for Command {
    type Answer = Answer;

    fn use_case(&self) -> Option<&'static str> {
        match self {
            Self::PlaceOrder(_) => Some("place_order"),
            Self::CancelOrder(_) => Some("cancel_order"),
            Self::ConfirmPayment(_) => Some("confirm_payment"),
            Self::GetOrder(_) | Self::ListOrders(..) => None,
        }
    }

    fn reads(&self) -> bool {
        matches!(self, Self::GetOrder(_) | Self::ListOrders(..))
    }

    async fn execute(self, app: &App, actor: &Actor, key: Option<&IdempotencyKey>) -> Outcome<Answer> {
        let ordering = &app.ordering;
        match self {
            Self::PlaceOrder(command) => {
                ordering.place_order.execute_once(actor, key, command).await.map(Answer::Order).map_err(Failure::of)
            }
            Self::CancelOrder(command) => {
                ordering.cancel_order.execute_once(actor, key, command).await.map(Answer::Order).map_err(Failure::of)
            }
            Self::ConfirmPayment(command) => {
                ordering.confirm_payment.execute_once(actor, key, command).await.map(Answer::Order).map_err(Failure::of)
            }
            Self::GetOrder(id) => ordering.get_order.execute(actor, id).await.map(Answer::Order).map_err(Failure::of),
            Self::ListOrders(direction, page) => {
                ordering.list_orders.execute(actor, direction, &page).await.map(Answer::Orders).map_err(Failure::of)
            }
        }
    }

    fn step(&self, model: &mut Model, now: &Now<'_>) -> Outcome<Answer> {
        match self {
            Self::PlaceOrder(command) => model.place_order(now, self, command),
            Self::CancelOrder(command) => model.cancel_order(now, self, command),
            Self::ConfirmPayment(command) => model.confirm_payment(now, self, command),
            Self::GetOrder(id) => model.get_order(now, *id),
            Self::ListOrders(direction, page) => model.list_orders(now, *direction, page),
        }
    }

    fn draw(&self, _model: &Model, now: &Now<'_>) -> String {
        u64::try_from(now.fresh.id.as_u128()).map(|bits| OrderNumber::from_random(bits).to_string()).unwrap_or_default()
    }

    fn note(&self, answer: &Answer, desk: &mut Desk) {
        let seen = desk.seen_mut::<Seen>();
        match (self, answer) {
            (_, Answer::Order(order)) if !seen.orders.contains(&order.id) => seen.orders.push(order.id),
            (Self::ListOrders(direction, _), Answer::Orders(page)) => {
                seen.marks.insert(0, Mark { sort: *direction, after: page.next.clone() });
            }
            _ => {}
        }
    }

    fn skip_row(&self, answer: &mut Answer) {
        if let (Self::ListOrders(_, request), Answer::Orders(page)) = (self, answer) {
            skip_first(request, page);
        }
    }
}
