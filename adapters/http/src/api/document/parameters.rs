//! The parameters of operations. Their extractors describe them.

use crate::parts::list_parameters;
use serde_json::{Map, Value, json};

/// Names and describes the parameters of an operation.
pub(super) fn describe(operation: &mut Map<String, Value>) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let described = std::mem::take(parameters).into_iter().flat_map(|parameter| match list_parameters(&parameter) {
        Some(parameters) => parameters.to_vec(),
        None => vec![described(parameter)],
    });
    parameters.extend(described);
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
