//! Requests of orders.

use super::{World, with};
use serde_json::Value;
use skep_budgets::{Reply, order};

pub(super) async fn ask(World { server, admin, buyer, products, costs, .. }: &mut World) {
    let (server, admin, buyer, products) = (&*server, &*admin, &*buyer, &*products);
    let list = "/api/v1/orders";
    let place = |headers: Vec<(&'static str, &'static str)>, lines: usize| async move {
        let body: Value = order(&products[..lines]);
        let headers = with(buyer, &headers);
        server.send("POST", list, &headers, Some(&body)).await
    };
    let few = place(vec![], 1).await;
    costs.add("POST /api/v1/orders", &few);
    let many = place(vec![], 20).await;
    costs.same("POST /api/v1/orders", "20 lines", &many);
    let keyed = "POST /api/v1/orders, with a key";
    costs.add(keyed, &place(vec![("idempotency-key", "one")], 1).await);
    costs.same(keyed, "20 lines", &place(vec![("idempotency-key", "two")], 20).await);
    costs.add("POST /api/v1/orders, with a key, again", &place(vec![("idempotency-key", "two")], 20).await);

    let path = |reply: &Reply| format!("{list}/{}", reply.text("id"));
    let read = server.send("GET", &path(&few), &with(buyer, &[]), None).await;
    costs.add("GET /api/v1/orders/{id}", &read);
    let read = server.send("GET", &path(&many), &with(buyer, &[]), None).await;
    costs.same("GET /api/v1/orders/{id}", "20 lines", &read);
    for number in 0..16 {
        place(vec![], 1 + number % 3).await;
    }
    let page = |limit: usize| format!("{list}?limit={limit}");
    costs.add("GET /api/v1/orders", &server.send("GET", &page(1), &with(buyer, &[]), None).await);
    let read = server.send("GET", &page(20), &with(buyer, &[]), None).await;
    assert_eq!(read.json()["data"].as_array().unwrap().len(), 20);
    costs.same("GET /api/v1/orders", "20 rows", &read);
    let confirm = |reply: &Reply| format!("{}/confirm-payment", path(reply));
    let reply = server.send("POST", &confirm(&place(vec![], 1).await), &with(admin, &[]), None).await;
    costs.add("POST /api/v1/orders/{id}/confirm-payment", &reply);
    let reply = server.send("POST", &confirm(&place(vec![], 20).await), &with(admin, &[]), None).await;
    costs.same("POST /api/v1/orders/{id}/confirm-payment", "20 lines", &reply);
    let cancel = |reply: &Reply| format!("{}/cancel", path(reply));
    let reply = server.send("POST", &cancel(&few), &with(buyer, &[]), None).await;
    costs.add("POST /api/v1/orders/{id}/cancel", &reply);
    let reply = server.send("POST", &cancel(&many), &with(buyer, &[]), None).await;
    costs.same("POST /api/v1/orders/{id}/cancel", "20 lines", &reply);
}
