//! Requests of products and stock.

use super::{World, with};
use serde_json::json;
use skep_budgets::product;

pub(super) async fn ask(World { server, admin, buyer, products, costs }: &mut World) {
    let list = "/api/v1/products";
    let reply = server.send("POST", list, &with(admin, &[]), Some(&product(900_000))).await;
    costs.add("POST /api/v1/products", &reply);
    let keyed = with(admin, &[("idempotency-key", "create")]);
    let reply = server.send("POST", list, &keyed, Some(&product(900_001))).await;
    costs.add("POST /api/v1/products, with a key", &reply);
    let reply = server.send("POST", list, &keyed, Some(&product(900_001))).await;
    costs.add("POST /api/v1/products, with a key, again", &reply);
    let path = format!("{list}/{}", reply.text("id"));

    let reply = server.send("GET", &path, &[], None).await;
    costs.add("GET /api/v1/products/{id}", &reply);
    let (reply, etag) = (server.send("GET", &path, &with(buyer, &[]), None).await, reply.etag.unwrap());
    costs.add("GET /api/v1/products/{id}, with a token", &reply);
    let changed = json!({ "name": "Wax" });
    let reply = server.send("PATCH", &path, &with(admin, &[("if-match", &etag)]), Some(&changed)).await;
    costs.add("PATCH /api/v1/products/{id}", &reply);
    let keyed = with(admin, &[("if-match", "*"), ("idempotency-key", "change")]);
    let whole = json!({
        "sku": "wax", "name": "Wax", "description": "", "price": { "amount": 5, "currency": "EUR" }
    });
    let reply = server.send("PUT", &path, &with(admin, &[("if-match", "*")]), Some(&whole)).await;
    costs.add("PUT /api/v1/products/{id}", &reply);
    let reply = server.send("PATCH", &path, &keyed, Some(&json!({ "name": "Pollen" }))).await;
    costs.add("PATCH /api/v1/products/{id}, with a key", &reply);

    let image = server.image(admin).await;
    let pictures = json!({ "pictures": [{ "file_id": image, "alt": "A jar" }] });
    let reply =
        server.send("PUT", &format!("{path}/pictures"), &with(admin, &[("if-match", "*")]), Some(&pictures)).await;
    costs.add("PUT /api/v1/products/{id}/pictures", &reply);

    let stock = format!("{path}/stock");
    costs.add("GET /api/v1/products/{id}/stock", &server.send("GET", &stock, &[], None).await);
    let count = json!({ "on_hand": 7 });
    let reply = server.send("PUT", &stock, &with(admin, &[("if-match", "*")]), Some(&count)).await;
    costs.add("PUT /api/v1/products/{id}/stock", &reply);
    costs.add("DELETE /api/v1/products/{id}", &server.send("DELETE", &path, &with(admin, &[]), None).await);

    for number in 0..20 {
        products.push(server.product(admin, number).await);
    }
    let page = |limit: usize, more: &str| format!("{list}?limit={limit}{more}");
    let first = server.send("GET", &page(1, ""), &[], None).await;
    costs.add("GET /api/v1/products", &first);
    costs.same("GET /api/v1/products", "20 rows", &server.send("GET", &page(20, ""), &[], None).await);
    let counted = server.send("GET", &page(1, "&count=exact"), &[], None).await;
    costs.add("GET /api/v1/products, counted", &counted);
    let counted = server.send("GET", &page(20, "&count=exact"), &[], None).await;
    costs.same("GET /api/v1/products, counted", "20 rows", &counted);
    let cursor = first.json()["page"]["next_cursor"].as_str().unwrap().to_owned();
    let next = server.send("GET", &page(1, &format!("&cursor={cursor}")), &[], None).await;
    costs.add("GET /api/v1/products, next page", &next);
    let found = server.send("GET", &page(1, "&q=honey"), &[], None).await;
    costs.add("GET /api/v1/products, of one word", &found);
    let found = server.send("GET", &page(20, "&q=honey"), &[], None).await;
    costs.same("GET /api/v1/products, of one word", "20 rows", &found);
    let found = server.send("GET", &page(1, "&q=honey+hills"), &[], None).await;
    costs.add("GET /api/v1/products, of two words", &found);
    let found = server.send("GET", &page(1, "&q=honey&facets=currency&currency=EUR"), &[], None).await;
    costs.add("GET /api/v1/products, of one word, with a facet and a filter", &found);
    let found = server.send("GET", &page(1, "&q=hoeny"), &[], None).await;
    costs.add("GET /api/v1/products, of a mistyped word", &found);
    costs.add("GET /api/v1/search", &server.send("GET", "/api/v1/search?q=honey", &[], None).await);
}
