//! Requests of identity, and the users for the other contexts.

use super::{Costs, World, with};
use skep_budgets::Server;

pub(super) async fn ask(server: Server) -> World {
    let mut costs = Costs::default();
    costs.add("POST /api/v1/setup", &server.set_up().await);
    costs.add("POST /api/v1/auth/register", &server.register().await);
    let (reply, admin) = server.log_in("admin@example.com").await;
    costs.add("POST /api/v1/auth/login", &reply);
    let (_, buyer) = server.log_in("bob@example.com").await;
    let path = "/api/v1/users/me";
    costs.add("GET /api/v1/users/me", &server.send("GET", path, &with(&buyer, &[]), None).await);
    World { server, admin, buyer, products: vec![], costs }
}
