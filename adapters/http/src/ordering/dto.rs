//! The bodies of ordering.

use crate::parts::{Id, MoneyBody, SelfLink, path_of};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use skep_application::ordering::{OrderLineInput, OrderLineView, OrderView, PlaceOrderCommand};
use skep_domain::shared::{OrderId, ProductId};

/// The path of the orders.
pub(super) const ORDERS: &str = "/api/v1/orders";

/// A new order.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrderRequest {
    /// What to order: 1 to 1,000 lines; lines of one product are summed.
    lines: Vec<OrderLineRequest>,
}

/// A line of a new order.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderLineRequest {
    /// The product.
    product_id: Id<ProductId>,
    /// The number of pieces, at least 1.
    quantity: i64,
}

impl From<PlaceOrderRequest> for PlaceOrderCommand {
    fn from(request: PlaceOrderRequest) -> Self {
        let line = |line: OrderLineRequest| OrderLineInput { product_id: line.product_id.0, quantity: line.quantity };
        Self { lines: request.lines.into_iter().map(line).collect() }
    }
}

/// A line of an order: the product as it was when the order was placed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderLine")]
pub(super) struct OrderLineBody {
    /// The product.
    product_id: Id<ProductId>,
    /// Its code then.
    sku: String,
    /// Its name then.
    name: String,
    /// The number of pieces.
    quantity: u32,
    /// What one piece cost then.
    unit_price: MoneyBody,
    /// `quantity` times `unit_price`.
    total: MoneyBody,
}

impl From<OrderLineView> for OrderLineBody {
    fn from(line: OrderLineView) -> Self {
        Self {
            product_id: Id(line.product_id),
            sku: line.sku.into_string(),
            name: line.name.into_string(),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            total: line.total.into(),
        }
    }
}

/// An order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Order")]
pub(super) struct OrderBody {
    /// The identifier.
    id: Id<OrderId>,
    /// The number for people.
    number: String,
    /// `pending`, `paid`, `shipped`, `delivered`, `cancelled` or `refunded`.
    status: String,
    /// What was ordered.
    lines: Vec<OrderLineBody>,
    /// The sum of the lines.
    total: MoneyBody,
    /// When it was placed.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// Where it is.
    links: SelfLink,
}

impl From<OrderView> for OrderBody {
    fn from(order: OrderView) -> Self {
        Self {
            id: Id(order.id),
            number: order.number.as_str().to_owned(),
            status: order.status,
            lines: order.lines.into_iter().map(Into::into).collect(),
            total: order.total.into(),
            created_at: order.created_at.to_string(),
            updated_at: order.updated_at.to_string(),
            links: SelfLink::to(path_of(ORDERS, order.id, "")),
        }
    }
}
