//! Requests of files.

use super::{Costs, World, with};
use serde_json::json;
use skep_budgets::Server;

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
    let link = server.send("POST", &format!("{path}/links"), &buyer, Some(&json!({}))).await;
    costs.add("POST /api/v1/files/{id}/links", &link);
    let signed = server.send("POST", &format!("{list}/upload-links"), &buyer, Some(&json!({}))).await;
    costs.add("POST /api/v1/files/upload-links", &signed);
    costs.add("POST /api/v1/files/linked", &server.send("POST", &signed.text("url"), &[], Some(&content)).await);
    let read = server.send("GET", &link.text("url"), &[], None).await;
    costs.add("GET /api/v1/files/{id}/content, by a link", &read);
    costs.add("GET /api/v1/files", &server.send("GET", list, &buyer, None).await);
    server.send("POST", list, &buyer, Some(&content)).await;
    costs.same("GET /api/v1/files", "3 rows", &server.send("GET", list, &buyer, None).await);
    costs.add("DELETE /api/v1/files/{id}", &server.send("DELETE", &path, &buyer, None).await);
    in_pieces(server, &buyer, costs).await;
}

async fn in_pieces(server: &Server, buyer: &[(&str, &str)], costs: &mut Costs) {
    let uploads = "/api/v1/uploads";
    let tus = |more: &[(&'static str, &'static str)]| {
        let more = [&[("tus-resumable", "1.0.0")], more].concat();
        buyer.iter().copied().chain(more).collect::<Vec<_>>()
    };
    let mut created = vec![];
    for _ in 0..2 {
        let reply = server.send("POST", uploads, &tus(&[("upload-length", "10")]), None).await;
        created.push(reply.location.clone().unwrap());
        if created.len() == 1 {
            costs.add("POST /api/v1/uploads", &reply);
        }
    }
    costs.add("GET /api/v1/uploads", &server.send("GET", uploads, &tus(&[]), None).await);
    server.send("POST", uploads, &tus(&[("upload-length", "10")]), None).await;
    costs.same("GET /api/v1/uploads", "3 rows", &server.send("GET", uploads, &tus(&[]), None).await);
    let piece = |offset| tus(&[("upload-offset", offset), ("content-type", "application/offset+octet-stream")]);
    // A piece is sent as it is, and `"hon"` with its quotation marks has five bytes.
    let content = json!("hon");
    let path = &created[0];
    costs.add("PATCH /api/v1/uploads/{id}", &server.send("PATCH", path, &piece("0"), Some(&content)).await);
    costs.add("GET /api/v1/uploads/{id}", &server.send("GET", path, &tus(&[]), None).await);
    let last = server.send("PATCH", path, &piece("5"), Some(&content)).await;
    costs.add("PATCH /api/v1/uploads/{id}, the last piece", &last);
    costs.add("DELETE /api/v1/uploads/{id}", &server.send("DELETE", &created[1], &tus(&[]), None).await);
    let complete = server.send("DELETE", path, &tus(&[]), None).await;
    costs.add("DELETE /api/v1/uploads/{id}, of a file", &complete);
}
