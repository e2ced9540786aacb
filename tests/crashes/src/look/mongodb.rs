//! Reads the collections of MongoDB as rows of the SQL tables.

use crate::state::State;
use mongodb::{
    Client, ClientSession, Cursor,
    bson::{Bson, Document, doc, spec::BinarySubtype},
    error::Result,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(super) async fn look(address: &str) -> Result<State> {
    let client = Client::with_uri_str(address).await?;
    // All reads below share one snapshot.
    let mut session = client.start_session().snapshot(true).await?;
    let (mut orders, mut lines) = (vec![], vec![]);
    for order in rows(&client, &mut session, "orders").await? {
        lines.extend(lines_of(&order));
        orders.push(row_of(order));
    }
    let mut others = vec![];
    for name in ["reservations", "stock_levels", "stock_movements", "outbox", "idempotency_keys"] {
        let found = rows(&client, &mut session, name).await?;
        others.push(found.into_iter().map(row_of).collect());
    }
    // Immediate, because it would otherwise wait for the session and cursors that are still in scope.
    client.shutdown().immediate(true).await;
    let [reservations, levels, movements, events, keys] = others.try_into().expect("one list for each collection");
    Ok(State::read([orders, lines, reservations, levels, movements, events, keys]))
}

async fn rows(client: &Client, session: &mut ClientSession, name: &str) -> Result<Vec<Value>> {
    let database = client.default_database().expect("the address names a database");
    let mut cursor = database.collection::<Document>(name).find(doc! {}).session(&mut *session).await?;
    let mut found = vec![];
    while let Some(document) = cursor.next(session).await {
        found.push(value_of(&Bson::Document(document?)));
    }
    Ok(found)
}

/// Turns a document into a row with the columns of the SQL table.
fn row_of(document: Value) -> Value {
    let Value::Object(mut fields) = document else { return document };
    match fields.remove("_id") {
        // The id of an idempotency key is a document.
        Some(Value::Object(id)) => fields.extend(id),
        // The id of a stock level is its product. In other rows, no check reads this column.
        Some(id) => {
            fields.entry("product_id").or_insert_with(|| id.clone());
            fields.insert("id".to_owned(), id);
        }
        None => {}
    }
    if let Some(total) = fields.remove("total") {
        fields.insert("total_amount".to_owned(), total["amount"].clone());
        fields.insert("currency".to_owned(), total["currency"].clone());
    }
    Value::Object(fields)
}

fn lines_of(order: &Value) -> Vec<Value> {
    let line = |line: &Value| {
        json!({
            "order_id": order["_id"],
            "product_id": line["product_id"],
            "sku": line["sku"],
            "quantity": line["quantity"],
            "unit_price": line["unit_price"]["amount"],
            "total": line["total"]["amount"],
        })
    };
    order["lines"].as_array().into_iter().flatten().map(line).collect()
}

fn value_of(value: &Bson) -> Value {
    match value {
        Bson::Binary(binary) if binary.subtype == BinarySubtype::Uuid => {
            Uuid::from_slice(&binary.bytes).map_or(Value::Null, |id| json!(id))
        }
        Bson::DateTime(time) => json!(time.timestamp_millis()),
        Bson::Document(document) => {
            let members = document.iter().map(|(name, value)| (name.clone(), value_of(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Bson::Array(items) => items.iter().map(value_of).collect(),
        Bson::String(text) => json!(text),
        Bson::Int64(number) => json!(number),
        Bson::Boolean(value) => json!(value),
        _ => Value::Null,
    }
}

/// Ends the transactions that a killed process has left open. The local ports of its connections identify them. The
/// server would end them by itself when they reach their maximum age, a minute by default.
///
/// # Errors
/// If the server does not answer.
pub(super) async fn end_abandoned(address: &str, ports: &[u16]) -> Result<()> {
    let client = Client::with_uri_str(address).await?;
    let admin = client.database("admin");
    let clients: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let theirs = doc! { "$match": { "client": { "$in": clients }, "transaction": { "$exists": true } } };
    let all = doc! { "$currentOp": { "allUsers": true, "idleSessions": true } };
    let mut open: Cursor<Document> = admin.aggregate([all, theirs]).await?;
    let mut sessions = vec![];
    while open.advance().await? {
        if let Ok(session) = open.deserialize_current()?.get_document("lsid") {
            sessions.push(doc! { "id": session.get("id") });
        }
    }
    if !sessions.is_empty() {
        admin.run_command(doc! { "killSessions": sessions }).await?;
    }
    client.shutdown().immediate(true).await;
    Ok(())
}
