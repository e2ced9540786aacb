//! Requests of schedules.

use super::{World, with};
use serde_json::json;

pub(super) async fn ask(World { server, admin, costs, .. }: &mut World) {
    let list = "/api/v1/schedules";
    let admin = with(admin, &[]);
    let body = |name| json!({ "name": name, "timing": { "cron": "@yearly" }, "kind": "operations.sweep" });
    let first = server.send("POST", list, &admin, Some(&body("one"))).await;
    costs.add("POST /api/v1/schedules", &first);
    let path = format!("{list}/{}", first.text("id"));
    costs.add("GET /api/v1/schedules/{id}", &server.send("GET", &path, &admin, None).await);
    let changed = [&admin[..], &[("if-match", "*")]].concat();
    let reply = server.send("PATCH", &path, &changed, Some(&json!({ "overlap": "cancel_previous" }))).await;
    costs.add("PATCH /api/v1/schedules/{id}", &reply);
    let post = async |change: &str| server.send("POST", &format!("{path}/{change}"), &admin, None).await;
    costs.add("POST /api/v1/schedules/{id}/run", &post("run").await);
    costs.add("POST /api/v1/schedules/{id}/run, which cancels the last job", &post("run").await);
    costs.add("POST /api/v1/schedules/{id}/pause", &post("pause").await);
    costs.add("POST /api/v1/schedules/{id}/resume", &post("resume").await);
    costs.add("GET /api/v1/schedules", &server.send("GET", list, &admin, None).await);
    server.send("POST", list, &admin, Some(&body("two"))).await;
    costs.same("GET /api/v1/schedules", "2 rows", &server.send("GET", list, &admin, None).await);
    let filtered = server.send("GET", &format!("{list}?kind=operations.sweep"), &admin, None).await;
    costs.add("GET /api/v1/schedules, with a filter", &filtered);
    costs.add("DELETE /api/v1/schedules/{id}", &server.send("DELETE", &path, &admin, None).await);
}
