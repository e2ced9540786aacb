//! Requests of templates of mails.

use super::{World, with};
use serde_json::json;

pub(super) async fn ask(World { server, admin, costs, .. }: &mut World) {
    let list = "/api/v1/mail-templates";
    let admin = with(admin, &[]);
    let body = |locale| json!({ "kind": "order_placed", "locale": locale, "subject": "Order", "text": "Thank you" });
    let first = server.send("POST", list, &admin, Some(&body("de"))).await;
    costs.add("POST /api/v1/mail-templates", &first);
    let path = format!("{list}/{}", first.text("id"));
    costs.add("GET /api/v1/mail-templates/{id}", &server.send("GET", &path, &admin, None).await);
    let changed = [&admin[..], &[("if-match", "*")]].concat();
    let reply = server.send("PATCH", &path, &changed, Some(&json!({ "text": "Thanks" }))).await;
    costs.add("PATCH /api/v1/mail-templates/{id}", &reply);
    let reply = server.send("POST", &format!("{path}/preview"), &admin, Some(&json!({}))).await;
    costs.add("POST /api/v1/mail-templates/{id}/preview", &reply);
    costs.add("GET /api/v1/mail-templates", &server.send("GET", list, &admin, None).await);
    server.send("POST", list, &admin, Some(&body("fr"))).await;
    costs.same("GET /api/v1/mail-templates", "2 rows", &server.send("GET", list, &admin, None).await);
    costs.add("DELETE /api/v1/mail-templates/{id}", &server.send("DELETE", &path, &admin, None).await);
}
