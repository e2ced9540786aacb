//! The OpenAPI document as it is served: poem-openapi's, with what it leaves out.

use serde_json::{Map, Value, json};

/// Finishes the document that poem-openapi made.
pub(crate) fn finish(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).expect("poem-openapi writes json");
    close_requests(&mut document);
    default_problems(&mut document);
    document
}

/// Request bodies refuse unknown fields: say so.
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

/// Every operation can fail: each has a `default` problem response.
fn default_problems(document: &mut Value) {
    let problem = json!({
        "description": "Any error: a problem document (RFC 9457)",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for operation in operations_mut(document) {
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.entry("default").or_insert_with(|| problem.clone());
        }
    }
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
