//! An example of every body that is answered. Those of requests are beside their types.

use serde_json::{Value, json};

const ORDER: &str = "019a9d3c-5a00-7000-8000-000000000002";
const PRODUCT: &str = "019a9d3c-5a00-7000-8000-000000000001";
const WHEN: &str = "2026-11-21T09:30:00.000Z";

fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn product() -> Value {
    let path = format!("/api/v1/products/{PRODUCT}");
    json!({
        "id": PRODUCT, "sku": "HONEY-500", "name": "Linden honey", "description": "500 g", "price": money(1999),
        "created_at": WHEN, "updated_at": WHEN, "links": { "self": path, "stock": format!("{path}/stock") },
    })
}

fn order_line() -> Value {
    json!({
        "product_id": PRODUCT, "sku": "HONEY-500", "name": "Linden honey", "quantity": 2, "unit_price": money(1999),
        "total": money(3998),
    })
}

fn order() -> Value {
    json!({
        "id": ORDER, "number": "7K3QW9TZ2M4V", "status": "pending", "lines": [order_line()], "total": money(3998),
        "created_at": WHEN, "updated_at": WHEN, "links": { "self": format!("/api/v1/orders/{ORDER}") },
    })
}

/// A last page with one thing.
fn list(path: &str, thing: &Value) -> Value {
    let links = json!({ "self": format!("{path}?limit=20&sort=-created_at") });
    json!({ "data": [thing], "page": { "has_more": false }, "links": links })
}

pub(super) fn add(document: &mut Value) {
    let stock = json!({ "available": 98, "links": { "self": format!("/api/v1/products/{PRODUCT}/stock") } });
    let user = json!({
        "id": "019a9d3c-5a00-7000-8000-000000000003", "email": "ada@example.com", "display_name": "Ada",
        "roles": ["user"], "created_at": WHEN, "updated_at": WHEN, "links": { "self": "/api/v1/users/me" },
    });
    let token = json!({ "access_token": "eyJhbGciOiJFZERTQSJ9.e30.c2ln", "token_type": "Bearer", "expires_in": 3600 });
    let examples = [
        ("Money", money(1999)),
        ("MoneyChange", json!({ "amount": 1799 })),
        ("Product", product()),
        ("ProductList", list("/api/v1/products", &product())),
        ("Stock", stock),
        ("OrderLine", order_line()),
        ("Order", order()),
        ("OrderList", list("/api/v1/orders", &order())),
        ("User", user),
        ("AccessToken", token),
    ];
    for (name, example) in examples {
        if let Some(schema) = document["components"]["schemas"].get_mut(name) {
            schema["example"] = example;
        }
    }
}
