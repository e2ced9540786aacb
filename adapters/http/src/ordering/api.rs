//! The endpoints of orders.

use super::dto::{ORDERS, OrderBody, PlaceOrderRequest};
use crate::{
    body::Strict,
    parts::{Created, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, path_of},
    problem::Problem,
};
use poem_openapi::{OpenApi, Tags, param::Path};
use skep_application::ordering::{CancelOrderCommand, ConfirmPaymentCommand, OrderView, PlaceOrderCommand};
use skep_domain::shared::OrderId;

#[derive(Tags)]
enum Tag {
    /// Placing, reading and canceling orders, and confirming that they were paid.
    Ordering,
}

#[derive(Default)]
pub(super) struct OrderingApi;

fn shown(order: OrderView) -> Shown<OrderBody> {
    Shown::of(order.version, order)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Ordering")]
impl OrderingApi {
    /// Place an order
    ///
    /// Places an order for the caller at the present prices, which the order keeps, and reserves the stock. Needs an
    /// account. All products must be on sale and priced in one currency, and the server can have a minimum total per
    /// currency. If fewer pieces are available than a line asks for, the answer is 409 `insufficient_stock`, and
    /// nothing is reserved. An order that is not paid before `expires_at` ends with the status `expired`. Every call
    /// places another order, unless it repeats an `Idempotency-Key`.
    #[oai(path = "/orders", method = "post", operation_id = "place_order")]
    async fn place(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<PlaceOrderRequest>,
    ) -> Result<Created<OrderBody>, Problem> {
        let command: PlaceOrderCommand = body.0.into();
        caller.take_lines(command.lines.len()).await?;
        let place = &caller.app().ordering.place_order;
        let order = place.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Created::at(path_of(ORDERS, order.id, ""), order.version, order))
    }

    /// List orders
    ///
    /// Lists the caller's orders; an admin gets the orders of all users. Needs an account. A page has at most 1,000
    /// order lines in total, so it can have fewer orders than `limit`. Only `has_more` says whether more orders follow.
    #[oai(path = "/orders", method = "get", operation_id = "list_orders")]
    async fn list(&self, caller: SignedIn, Sent(list): List<()>) -> Result<Listed<OrderBody>, Problem> {
        let list = list.open(&caller, ORDERS)?;
        let page = caller.app().ordering.list_orders.execute(&caller.actor, list.direction, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Get an order
    ///
    /// Returns the order with its lines. Needs an account. Callers get their own orders, and admins get every order.
    /// For an order of another user, the answer is 404, as if it did not exist.
    #[oai(path = "/orders/:id", method = "get", operation_id = "get_order")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<OrderId>>) -> Result<Shown<OrderBody>, Problem> {
        Ok(shown(caller.app().ordering.get_order.execute(&caller.actor, id.0).await?))
    }

    /// Cancel an order
    ///
    /// Cancels the order and makes its reserved pieces available again. Needs an account. Callers cancel their own
    /// orders, and admins cancel every order. For an order of another user, the answer is 404. If the order was shipped
    /// or delivered, the answer is 409 `invalid_transition`. An order that is already cancelled, expired or refunded is
    /// returned unchanged.
    #[oai(path = "/orders/:id/cancel", method = "post", operation_id = "cancel_order")]
    async fn cancel(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<OrderId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<OrderBody>, Problem> {
        let command = CancelOrderCommand { order_id: id.0, precondition };
        Ok(shown(caller.app().ordering.cancel_order.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Confirm the payment of an order
    ///
    /// Records that the whole total of the order was paid, for example by a bank transfer. Needs the permission
    /// `ordering.payment.confirm`. The order then no longer expires. An order that is already paid is returned
    /// unchanged. If the order was cancelled or has expired before, its status stays the same, and the event
    /// `ordering.order_paid.v1` says that the customer must get the money back. If the time to pay is over and other
    /// orders have got the pieces, but the order has not ended yet, the answer is 409 `reservation_expired`.
    #[oai(path = "/orders/:id/confirm-payment", method = "post", operation_id = "confirm_payment")]
    async fn confirm_payment(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<OrderId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<OrderBody>, Problem> {
        let command = ConfirmPaymentCommand { order_id: id.0, precondition };
        Ok(shown(caller.app().ordering.confirm_payment.execute_once(&caller.actor, key.as_ref(), command).await?))
    }
}
