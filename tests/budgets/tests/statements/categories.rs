//! Requests of categories.

use super::{World, with};
use serde_json::json;

pub(super) async fn ask(World { server, admin, costs, .. }: &mut World) {
    let list = "/api/v1/categories";
    let top = server.send("POST", list, &with(admin, &[]), Some(&json!({ "name": "Honey", "slug": "honey" }))).await;
    costs.add("POST /api/v1/categories", &top);
    let child = json!({ "name": "Linden", "slug": "linden", "parent_id": top.text("id") });
    let child = server.send("POST", list, &with(admin, &[]), Some(&child)).await;
    costs.add("POST /api/v1/categories, under another", &child);
    let path = format!("{list}/{}", child.text("id"));
    costs.add("GET /api/v1/categories/{id}", &server.send("GET", &path, &[], None).await);
    let renamed = json!({ "name": "Lime" });
    let reply = server.send("PATCH", &path, &with(admin, &[("if-match", "*")]), Some(&renamed)).await;
    costs.add("PATCH /api/v1/categories/{id}", &reply);
    let (to, top) = (format!("{path}/move"), json!({ "parent_id": top.text("id") }));
    let reply = server.send("POST", &to, &with(admin, &[]), Some(&json!({ "parent_id": null }))).await;
    costs.add("POST /api/v1/categories/{id}/move, to the top", &reply);
    costs.add("POST /api/v1/categories/{id}/move", &server.send("POST", &to, &with(admin, &[]), Some(&top)).await);
    costs.add("GET /api/v1/categories", &server.send("GET", &format!("{list}?limit=1"), &[], None).await);
    costs.same("GET /api/v1/categories", "2 rows", &server.send("GET", list, &[], None).await);
    costs.add("DELETE /api/v1/categories/{id}", &server.send("DELETE", &path, &with(admin, &[]), None).await);
}
