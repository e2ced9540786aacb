//! The bodies of ordering.

use crate::{
    body::at_most,
    parts::{Id, MoneyBody, SelfLink, path_of},
};
use poem_openapi::Object;
use serde::{Deserialize, Deserializer, Serialize};
use skep_application::ordering::{OrderLineInput, OrderLineView, OrderView, PlaceOrderCommand};
use skep_domain::{
    ordering::MAX_LINES,
    shared::{OrderId, ProductId},
};

/// The path of the orders.
pub(super) const ORDERS: &str = "/api/v1/orders";

/// A new order.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrderRequest {
    /// 1 to 200 lines, or another limit up to 1,000 that the server sets. The quantities of lines with the same product
    /// are added.
    #[serde(deserialize_with = "first_lines")]
    lines: Vec<OrderLineRequest>,
}

/// Reads one line more than an order can have, so that the use case refuses the others without their ids being read.
fn first_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OrderLineRequest>, D::Error> {
    at_most(MAX_LINES + 1, deserializer)
}

/// A line of a new order.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderLineRequest {
    /// The id of a product that is on sale.
    product_id: Id<ProductId>,
    /// The number of pieces: 1 to 1,000,000,000 for all lines of the product together.
    quantity: i64,
}

impl From<PlaceOrderRequest> for PlaceOrderCommand {
    fn from(request: PlaceOrderRequest) -> Self {
        let line = |line: OrderLineRequest| OrderLineInput { product_id: line.product_id.0, quantity: line.quantity };
        Self { lines: request.lines.into_iter().map(line).collect() }
    }
}

/// A line of an order, with the product as it was when the order was placed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderLine")]
pub(super) struct OrderLineBody {
    /// The id of the product that was ordered.
    product_id: Id<ProductId>,
    /// The SKU of the product when the order was placed.
    sku: String,
    /// The name of the product when the order was placed.
    name: String,
    /// The number of pieces.
    quantity: u32,
    /// The price of one piece when the order was placed.
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
    /// The id of the order.
    id: Id<OrderId>,
    /// The unique number that people use: 12 digits and capital letters.
    number: String,
    /// `pending` (placed, not paid), `paid`, `shipped`, `delivered`, `cancelled` (before it was shipped), `expired`
    /// (not paid in time) or `refunded`.
    status: String,
    /// The ordered products; each occurs once.
    lines: Vec<OrderLineBody>,
    /// The sum of the lines.
    total: MoneyBody,
    /// The time from which the order may end because it was not paid, and its pieces go to others. Missing if the order
    /// waits without a limit, or no longer waits for its payment.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The time at which the order was placed.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the order.
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
            expires_at: order.expires_at.map(|end| end.to_string()),
            created_at: order.created_at.to_string(),
            updated_at: order.updated_at.to_string(),
            links: SelfLink::to(path_of(ORDERS, order.id, "")),
        }
    }
}
