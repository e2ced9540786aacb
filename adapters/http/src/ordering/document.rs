//! Examples of the bodies of ordering, and the values of closed sets, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas, example_money};
use serde_json::json;
use skep_application::Policies;
use skep_domain::{
    catalog::MAX_QUANTITY,
    ordering::{MAX_LINES, OrderStatus},
};

pub(super) fn complete(schemas: &mut Schemas<'_>, policies: &Policies) {
    let lines = json!({ "minItems": 1, "maxItems": policies.orders.max_lines.min(MAX_LINES) });
    schemas.limit(&["PlaceOrderRequest"], "lines", &lines);
    schemas.limit(&["OrderLineRequest"], "quantity", &json!({ "minimum": 1, "maximum": MAX_QUANTITY }));
    schemas.values("Order", "status", OrderStatus::ALL.iter().map(|status| status.name()));
    let (id, product) = ("019a9d3c-5a00-7000-8000-000000000002", "019a9d3c-5a00-7000-8000-000000000001");
    schemas.example("PlaceOrderRequest", json!({ "lines": [{ "product_id": product, "quantity": 2 }] }));
    let line = json!({
        "product_id": product, "sku": "HONEY-500", "name": "Linden honey",
        "quantity": 2, "unit_price": example_money(1999), "total": example_money(3998),
    });
    let order = json!({
        "id": id, "number": "7K3QW9TZ2M4V", "status": "pending", "lines": [line], "total": example_money(3998),
        "expires_at": EXAMPLE_TIME, "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
        "links": { "self": format!("/api/v1/orders/{id}") },
    });
    schemas.example("OrderLine", line);
    schemas.example("Order", order);
}
