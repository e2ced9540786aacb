//! The parameters of operations. Their extractors describe them.

use crate::parts::{if_none_match, list_parameters};
use serde_json::{Map, Value, json};

/// Names and describes the parameters of an operation.
pub(super) fn describe(operation: &mut Map<String, Value>) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let described = std::mem::take(parameters).into_iter().flat_map(|parameter| match list_parameters(&parameter) {
        Some(parameters) => parameters,
        None => vec![described(parameter)],
    });
    parameters.extend(described);
}

/// Completes the conditions: `If-None-Match` of operations with an entity tag, and the `If-Match` that PUT and PATCH
/// require.
pub(super) fn describe_conditions(document: &mut Value) {
    let items = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for (method, operation) in items.filter_map(Value::as_object_mut).flatten() {
        let is_read = method == "get";
        let is_tagged = !operation["responses"]["200"]["headers"]["ETag"].is_null();
        let parameters = operation.as_object_mut().map(|operation| operation.entry("parameters").or_insert(json!([])));
        let Some(parameters) = parameters.and_then(Value::as_array_mut) else { continue };
        let if_match = parameters.iter_mut().find(|parameter| parameter["name"] == "If-Match");
        let takes_if_match = if_match.is_some();
        if let Some(if_match) = if_match.filter(|_| matches!(&**method, "put" | "patch")) {
            if_match["required"] = json!(true);
        }
        if takes_if_match || (is_read && is_tagged) {
            parameters.push(if_none_match(is_read));
        }
        if parameters.is_empty() {
            operation.as_object_mut().map(|operation| operation.remove("parameters"));
        }
    }
}

/// Moves name, description and example from the schema to the parameter. poem-openapi would name the parameter after
/// the argument of the endpoint.
fn described(mut parameter: Value) -> Value {
    if parameter["in"] == "path" && parameter["name"] == "id" {
        parameter["description"] =
            json!("The id of the resource. An id that does not exist, or is not a UUID, is answered 404.");
    }
    for (of_schema, of_parameter) in [("title", "name"), ("description", "description"), ("example", "example")] {
        if let Some(said) = parameter["schema"].as_object_mut().and_then(|schema| schema.remove(of_schema)) {
            parameter[of_parameter] = said;
        }
    }
    parameter
}
