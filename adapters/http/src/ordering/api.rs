//! Orders.

use super::dto::{ORDERS, OrderBody, OrderListBody, PlaceOrderRequest};
use crate::{
    api::{Answer, ListParameters, SignedIn, State, etag, idempotency_key, list_request, path_of, refuse},
    body::Strict,
    problem::Problem,
};
use poem::web::Data;
use poem_openapi::{
    ApiResponse, OpenApi, Tags,
    param::{Header, Path, Query},
};
use skep_application::{
    kernel::Precondition,
    ordering::{CancelOrderCommand, OrderView},
};
use skep_domain::shared::OrderId;
use std::sync::Arc;

#[derive(Tags)]
enum Tag {
    /// Orders.
    Ordering,
}

pub(crate) struct OrderingApi;

#[derive(ApiResponse)]
enum Placed {
    /// The new order.
    #[oai(status = 201)]
    Created(Answer<OrderBody>, #[oai(header = "ETag")] String, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Shown {
    /// The order.
    #[oai(status = 200)]
    Ok(Answer<OrderBody>, #[oai(header = "ETag")] String),
}

#[derive(ApiResponse)]
enum Listed {
    /// A page of orders.
    #[oai(status = 200)]
    Ok(Answer<OrderListBody>),
}

fn shown(order: OrderView) -> Shown {
    let etag = etag(order.version);
    Shown::Ok(Answer(order.into()), etag)
}

/// An id that cannot be read names nothing; what the caller may do is judged first all the same.
fn order_id(text: &str) -> OrderId {
    text.parse().unwrap_or(OrderId::NIL)
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
        state: Data<&Arc<State>>,
        /// Makes the request safe to repeat: 1 to 255 printable characters, kept for 24 hours.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: Strict<PlaceOrderRequest>,
    ) -> Result<Placed, Problem> {
        let command = body.0.command(idempotency_key(key.0)?)?;
        let order = state.app.ordering.place_order.execute(&caller.0, command).await.map_err(refuse)?;
        let (etag, location) = (etag(order.version), path_of(ORDERS, order.id, ""));
        Ok(Placed::Created(Answer(order.into()), etag, location))
    }

    /// List orders
    ///
    /// One's own; an admin's list has everybody's. A page has no more than 1,000 lines in all, so it may be shorter than
    /// `limit`, though never without an order: whether more follow is told by `has_more` alone.
    #[oai(path = "/orders", method = "get", operation_id = "list_orders")]
    async fn list(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        /// The greatest number of orders, 20 unless given.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<i64>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// `created_at`; with `-` in front, descending. `-created_at` unless given.
        sort: Query<Option<String>>,
        /// `exact` counts all orders.
        count: Query<Option<String>>,
    ) -> Result<Listed, Problem> {
        let parameters = ListParameters { limit: limit.0, cursor: cursor.0, sort: sort.0, count: count.0 };
        let list = list_request(&state, &caller.0, ORDERS, &[("created_at", ())], parameters)?;
        let page =
            state.app.ordering.list_orders.execute(&caller.0, list.direction, &list.page).await.map_err(refuse)?;
        let (info, links) = list.describe(&state, &page);
        let data = page.items.into_iter().map(OrderBody::from).collect();
        Ok(Listed::Ok(Answer(OrderListBody { data, page: info, links })))
    }

    /// Show an order
    #[oai(path = "/orders/:id", method = "get", operation_id = "get_order")]
    async fn get(&self, caller: SignedIn, state: Data<&Arc<State>>, id: Path<String>) -> Result<Shown, Problem> {
        let id = order_id(&id.0);
        Ok(shown(state.app.ordering.get_order.execute(&caller.0, id).await.map_err(refuse)?))
    }

    /// Cancel an order
    ///
    /// What it had reserved goes back on the shelf. An order that is cancelled already is answered as it is.
    #[oai(path = "/orders/:id/cancel", method = "post", operation_id = "cancel_order")]
    async fn cancel(
        &self,
        caller: SignedIn,
        state: Data<&Arc<State>>,
        id: Path<String>,
        /// Makes the request safe to repeat.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Result<Shown, Problem> {
        let command = CancelOrderCommand {
            order_id: order_id(&id.0),
            precondition: Precondition::Missing,
            idempotency_key: idempotency_key(key.0)?,
        };
        Ok(shown(state.app.ordering.cancel_order.execute(&caller.0, command).await.map_err(refuse)?))
    }
}
