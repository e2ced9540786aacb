//! Requests of files.

use super::{World, with};
use serde_json::json;

pub(super) async fn ask(World { server, buyer, costs, .. }: &mut World) {
    let list = "/api/v1/files";
    let buyer = with(buyer, &[]);
    let content = json!("honey");
    // The first upload of a user inserts the usage, and so has as many statements.
    server.send("POST", list, &buyer, Some(&content)).await;
    let file = server.send("POST", list, &buyer, Some(&content)).await;
    costs.add("POST /api/v1/files", &file);
    let path = format!("{list}/{}", file.text("id"));
    costs.add("GET /api/v1/files/{id}", &server.send("GET", &path, &buyer, None).await);
    let read = server.send("GET", &format!("{path}/content"), &buyer, None).await;
    costs.add("GET /api/v1/files/{id}/content", &read);
    costs.add("GET /api/v1/files", &server.send("GET", list, &buyer, None).await);
    server.send("POST", list, &buyer, Some(&content)).await;
    costs.same("GET /api/v1/files", "3 rows", &server.send("GET", list, &buyer, None).await);
    costs.add("DELETE /api/v1/files/{id}", &server.send("DELETE", &path, &buyer, None).await);
}
