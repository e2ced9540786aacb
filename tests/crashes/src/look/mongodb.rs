//! Reads the collections of MongoDB as rows of the SQL tables.

use crate::{context::tables, state::State};
use mongodb::{
    Client, ClientSession, Cursor,
    bson::{Bson, DateTime, Document, doc, spec::BinarySubtype},
    error::Result,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(super) async fn look(address: &str) -> Result<State> {
    let client = Client::with_uri_str(address).await?;
    // All reads below share one snapshot.
    let mut session = client.start_session().snapshot(true).await?;
    let mut state = State::default();
    for table in tables() {
        let documents = rows(&client, &mut session, table.collection).await?;
        (table.add)(&mut state, documents.into_iter().flat_map(table.rows).collect());
    }
    // Immediate, because it would otherwise wait for the session and cursors that are still in scope.
    client.shutdown().immediate(true).await;
    Ok(state)
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

pub(super) async fn age_uploads(address: &str) -> Result<()> {
    let client = Client::with_uri_str(address).await?;
    let files = client.default_database().expect("the address names a database").collection::<Document>("files");
    let first = DateTime::from_millis(0);
    files.update_many(doc! { "state": "uploading" }, doc! { "$set": { "created_at": first } }).await?;
    client.shutdown().immediate(true).await;
    Ok(())
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
