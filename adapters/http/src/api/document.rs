//! The OpenAPI document as it is served: the one that poem-openapi makes, corrected and completed.

mod examples;
mod parameters;
mod responses;

use super::contexts;
use crate::parts::{Operation, OperationsByPath};
use serde_json::{Map, Value, json};
use skep_application::Policies;

/// The rules that hold for every operation.
const DESCRIPTION: &str = "\
The whole backend of a product: accounts, catalog, orders.

- **Errors** are problem documents (RFC 9457). `code` is stable. `errors` lists the fields and parameters that are \
wrong. `request_id` finds the request in the log of the server.
- **Money** is a whole number of minor units: 1999 EUR is 19.99 €. **Times** are UTC with milliseconds (RFC 3339).
- **Lists** come in pages. Follow `links.next` until it is absent. A cursor works only for the caller and the query \
that it was made for.
- **Changes**: the `ETag` of a resource stands for its version. Send it back in `If-Match`, and a change that another \
client has made in between is not overwritten. PUT and PATCH require the header. In `If-None-Match`, it makes a read \
answer 304 while nothing has changed.
- **Repeats** are safe with an `Idempotency-Key`: for 24 hours, a repeat with the same key gets the first answer and \
changes nothing.
- **Limits** count units per address and per user. A request takes one unit, unless its operation says otherwise. \
The server can also limit how often a client uses one operation. \
`RateLimit` headers report the limits and the units that are left. 429 and 503 have a `Retry-After` header with the seconds to wait.";

/// The headers of answers: as poem-openapi writes them, and as HTTP does.
const HEADERS: [(&str, &str); 5] = [
    ("CACHE-CONTROL", "Cache-Control"),
    ("CLEAR-SITE-DATA", "Clear-Site-Data"),
    ("ETAG", "ETag"),
    ("LOCATION", "Location"),
    ("SET-COOKIE", "Set-Cookie"),
];

/// Corrects and completes the document that poem-openapi made. The rules are those of a deployment with these policies.
pub(crate) fn finish(text: &str, policies: &Policies) -> Value {
    let mut document: Value = serde_json::from_str(text).expect("poem-openapi writes json");
    document["openapi"] = json!("3.0.3");
    document["info"]["description"] = json!(DESCRIPTION);
    document["info"]["license"] = json!({ "name": "MIT OR Apache-2.0" });
    document["servers"] = json!([{ "url": "/", "description": "The server that serves this document" }]);
    if let Some(tags) = document["tags"].as_array_mut() {
        // A new client needs an account before anything else.
        tags.sort_by_key(|tag| tag["name"] != "Identity");
    }
    for operation in operations_mut(&mut document) {
        parameters::describe(operation);
        describe_answers(operation);
        describe_limit(operation);
        describe_cost(operation);
        put_open_way_first(operation);
        operation.entry("security").or_insert_with(|| json!([]));
    }
    tidy(&mut document);
    parameters::describe_conditions(&mut document);
    close_requests(&mut document);
    describe_fields(&mut document);
    responses::describe(&mut document);
    contexts::complete(&mut document["components"]["schemas"], policies);
    examples::add(&mut document);
    document
}

/// Removes and renames what poem-openapi writes in an unusual way.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_choice = fields.contains_key("oneOf");
            let is_object = fields.get("type").is_some_and(|kind| kind == "object");
            fields.retain(|name, value| match name.as_str() {
                // poem-openapi writes these defaults of query parameters, and it writes them for headers as well.
                "deprecated" => *value != json!(false),
                "explode" => false,
                // Each of the schemas has a type.
                "type" => !is_choice,
                // The key of a schema is its name.
                "title" => !(is_object && value.is_string()),
                _ => true,
            });
            if let Some(parts) = fields.get_mut("allOf").and_then(Value::as_array_mut) {
                // The other part repeats the description that stands beside `allOf`.
                parts.retain(|part| part.get("$ref").is_some());
            }
            for name in ["minimum", "maximum"] {
                if let Some(bound) = fields.get_mut(name) {
                    whole(bound);
                }
            }
            // OpenAPI has no unsigned formats.
            if fields
                .get("format")
                .is_some_and(|format| ["uint16", "uint32", "uint64"].map(|f| json!(f)).contains(format))
            {
                fields.insert("format".to_owned(), json!("int64"));
                fields.insert("minimum".to_owned(), json!(0));
            }
            for (shouted, name) in HEADERS {
                if let Some(header) = fields.remove(shouted) {
                    fields.insert(name.to_owned(), header);
                }
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Writes a bound such as 100.0 as 100.
fn whole(bound: &mut Value) {
    if let Some(number) = bound.as_f64().filter(|number| number.fract() == 0.0) {
        *bound = serde_json::from_str(&format!("{number:.0}")).unwrap_or(json!(number));
    }
}

/// States that request bodies and the schemas within them refuse unknown fields.
fn close_requests(document: &mut Value) {
    let mut names = vec![];
    for operation in operations(document) {
        let content = operation["requestBody"]["content"].as_object().cloned().unwrap_or_default();
        names.extend(content.values().filter_map(|media| name_of(&media["schema"])));
    }
    let schemas = &mut document["components"]["schemas"];
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        at += 1;
        let Some(schema) = schemas.get_mut(&name).and_then(Value::as_object_mut) else { continue };
        schema.insert("additionalProperties".to_owned(), json!(false));
        let mut inner = vec![];
        references(&Value::Object(schema.clone()), &mut inner);
        names.extend(inner.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
    }
}

/// Gives fields a format by their name, because a name means the same everywhere.
fn describe_fields(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
    let fields = schemas.filter_map(|(_, schema)| schema.get_mut("properties")?.as_object_mut()).flatten();
    for (name, field) in fields.filter(|(_, field)| field["type"] == "string") {
        match name.as_str() {
            "email" => field["format"] = json!("email"),
            "password" => field["format"] = json!("password"),
            name if name.ends_with("_at") => field["format"] = json!("date-time"),
            _ => {}
        }
    }
}

/// Replaces the word "resource" in the descriptions of answers by the name of the schema.
fn describe_answers(operation: &mut Map<String, Value>) {
    for (_, answer) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(name) = name_of(&answer["content"]["application/json"]["schema"]) else { continue };
        if let Some(text) = answer["description"].as_str() {
            answer["description"] = json!(text.replace("resource", &name.to_ascii_lowercase()));
        }
    }
}

/// States the limit of the body.
fn describe_limit(operation: &mut Map<String, Value>) {
    let limit = operation.get("operationId").and_then(of).and_then(|operation| operation.body);
    if let (Some(limit), Some(body)) = (limit, operation.get_mut("requestBody")) {
        body["description"] = json!(format!("At most {} KiB.", limit.bytes / 1024));
    }
}

/// States the cost, unless it is one unit.
fn describe_cost(operation: &mut Map<String, Value>) {
    let cost = operation.get("operationId").and_then(of).and_then(|operation| operation.cost.described());
    if let (Some(cost), Some(Value::String(description))) = (cost, operation.get_mut("description")) {
        description.push(' ');
        description.push_str(&cost);
    }
}

/// Lists the way without a token first where there is one: a reader that takes the first way then sees an open
/// operation.
fn put_open_way_first(operation: &mut Map<String, Value>) {
    if let Some(ways) = operation.get_mut("security").and_then(Value::as_array_mut) {
        ways.sort_by_key(|way| *way != json!({}));
    }
}

/// The declarations of the operations at each path.
pub(super) fn operations_by_path(document: &Value) -> OperationsByPath {
    let declared = |(method, operation): (&String, &Value)| {
        Some((method.to_ascii_uppercase().parse().ok()?, of(&operation["operationId"])?))
    };
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = |item: &Value| item.as_object().into_iter().flatten().filter_map(declared).collect();
    paths.map(|(path, item)| (path.clone(), operations(item))).collect()
}

/// The declaration of the operation with this `operationId`.
fn of(id: &Value) -> Option<&'static Operation> {
    contexts::operations().find(|operation| *id == operation.id)
}

fn references(schema: &Value, names: &mut Vec<String>) {
    names.extend(name_of(schema));
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| references(field, names)),
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}

fn name_of(schema: &Value) -> Option<String> {
    Some(schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")?.to_owned())
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let items = document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
    items.filter_map(Value::as_object).flat_map(|item| item.values()).filter(|operation| operation.is_object())
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut);
    items.flat_map(|item| item.values_mut()).filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests;
