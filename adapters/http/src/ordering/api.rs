//! Orders.

use super::dto::{ORDERS, OrderBody, PlaceOrderRequest};
use crate::{
    body::Strict,
    parts::{Created, Id, IfMatch, List, Listed, RepeatKey, Sent, Shown, SignedIn, path_of},
    problem::Problem,
};
use poem_openapi::{OpenApi, Tags, param::Path};
use skep_application::ordering::{CancelOrderCommand, OrderView};
use skep_domain::shared::OrderId;

#[derive(Tags)]
enum Tag {
    /// Orders.
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
    /// Prices are those of now, and stay. Stock is reserved. Answers 409 `insufficient_stock` and changes nothing when
    /// something is short.
    #[oai(path = "/orders", method = "post", operation_id = "place_order")]
    async fn place(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<PlaceOrderRequest>,
    ) -> Result<Created<OrderBody>, Problem> {
        let place = &caller.app().ordering.place_order;
        let order = place.execute_once(&caller.actor, key.as_ref(), body.0.into()).await?;
        Ok(Created::at(path_of(ORDERS, order.id, ""), order.version, order))
    }

    /// List orders
    ///
    /// Your own; an admin's list has everybody's. A page has no more than 1,000 lines in all, so it may be shorter than
    /// `limit`, though never without an order: whether more follow is told by `has_more` alone.
    #[oai(path = "/orders", method = "get", operation_id = "list_orders")]
    async fn list(&self, caller: SignedIn, Sent(list): List<()>) -> Result<Listed<OrderBody>, Problem> {
        let list = list.open(&caller, ORDERS)?;
        let page = caller.app().ordering.list_orders.execute(&caller.actor, list.direction, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Show an order
    #[oai(path = "/orders/:id", method = "get", operation_id = "get_order")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<OrderId>>) -> Result<Shown<OrderBody>, Problem> {
        Ok(shown(caller.app().ordering.get_order.execute(&caller.actor, id.0).await?))
    }

    /// Cancel an order
    ///
    /// What it had reserved goes back on the shelf. An order that is cancelled already is answered as it is.
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
}
