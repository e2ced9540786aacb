//! Requests of identity, and the users for the other contexts.

use super::{Costs, World, with};
use serde_json::json;
use skep_budgets::{PASSWORD, Server};

pub(super) async fn ask(server: Server) -> World {
    let mut costs = Costs::default();
    costs.add("POST /api/v1/setup", &server.set_up().await);
    costs.add("POST /api/v1/auth/register", &server.register().await);
    let (reply, admin) = server.log_in("admin@example.com").await;
    costs.add("POST /api/v1/auth/login", &reply);
    let (_, buyer) = server.log_in("bob@example.com").await;
    let token = json!({ "refresh_token": reply.text("refresh_token") });
    for name in ["POST /api/v1/auth/refresh", "POST /api/v1/auth/refresh, again"] {
        costs.add(name, &server.send("POST", "/api/v1/auth/refresh", &[], Some(&token)).await);
    }
    let path = "/api/v1/users/me";
    costs.add("GET /api/v1/users/me", &server.send("GET", path, &with(&buyer, &[]), None).await);
    let (_, other) = server.log_in("bob@example.com").await;
    let sessions = "/api/v1/users/me/sessions";
    let listed = server.send("GET", sessions, &with(&other, &[]), None).await;
    costs.add("GET /api/v1/users/me/sessions", &listed);
    let (_, third) = server.log_in("bob@example.com").await;
    let newest = server.send("GET", sessions, &with(&third, &[]), None).await.json()["data"][0]["id"].clone();
    let path = format!("{sessions}/{}", newest.as_str().unwrap());
    let reply = server.send("DELETE", &path, &with(&other, &[]), None).await;
    costs.add("DELETE /api/v1/users/me/sessions/{id}", &reply);
    costs.add("POST /api/v1/auth/logout", &server.send("POST", "/api/v1/auth/logout", &with(&other, &[]), None).await);
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    let path = "/api/v1/users/me/password";
    let reply = server.send("POST", path, &with(&buyer, &[]), Some(&change)).await;
    costs.add("POST /api/v1/users/me/password", &reply);
    server.log_in("bob@example.com").await;
    let (_, buyer) = server.log_in("bob@example.com").await;
    costs.add("DELETE /api/v1/users/me/sessions", &server.send("DELETE", sessions, &with(&buyer, &[]), None).await);
    World { server, admin, buyer, products: vec![], costs }
}
