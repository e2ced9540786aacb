//! The problems that operations answer with. Which ones follows from what an operation asks for; only conflicts are its
//! own.

use super::operations_mut;
use crate::problem::{MEDIA_TYPE, Problem, code};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// A status that operations share: the name of the response, the status, a code that goes with it, and what it means.
const SHARED: &[(&str, u16, &str, &str)] = &[
    ("BadRequest", 400, "malformed_json", "The request cannot be read: its body is no JSON, or a parameter is wrong."),
    ("Unauthorized", 401, "invalid_token", "There is no access token, or none that is good."),
    ("Forbidden", 403, "forbidden", "No role of the account allows it."),
    ("NotFound", 404, "not_found", "There is no such thing, or none that the caller may know of."),
    ("Conflict", 409, "conflict", "The state of things does not allow it."),
    ("PreconditionFailed", 412, "precondition_failed", "It was changed since the version in If-Match."),
    ("BodyTooLarge", 413, "body_too_large", "The body is larger than 1 MiB."),
    ("UnsupportedMediaType", 415, "unsupported_media_type", "The body is not of a documented media type."),
    (
        "Unprocessable",
        422,
        "validation_failed",
        "A value is refused: errors names each place. Or the Idempotency-Key was used for another command.",
    ),
    ("PreconditionRequired", 428, "precondition_required", "If-Match is missing."),
    ("TooManyRequests", 429, "rate_limited", "Too many requests; Retry-After says when to come back."),
    (
        "Unavailable",
        503,
        "store_unavailable",
        "The store is away, or too many passwords are being checked; Retry-After says when to come back.",
    ),
];

/// Conflicts, and other problems of one operation alone: the operation, the status, the code, and what it means.
const OWN: &[(&str, u16, &str, &str)] = &[
    ("register_user", 409, "email_taken", "The e-mail address has an account."),
    ("log_in", 401, "invalid_credentials", "The e-mail address or the password is wrong."),
    (
        "set_up",
        403,
        "setup_token_invalid",
        "The token is wrong or has expired; every start without an admin prints a new one.",
    ),
    ("set_up", 409, "setup_closed", "There is an admin already."),
    ("create_product", 409, "sku_taken", "Another product has this SKU."),
    ("replace_product", 409, "sku_taken", "Another product has this SKU."),
    ("change_product", 409, "sku_taken", "Another product has this SKU."),
    ("set_stock", 409, "stock_below_reserved", "Orders have reserved more pieces than that."),
    ("place_order", 409, "insufficient_stock", "Something is short; errors names each line. Nothing was changed."),
    ("cancel_order", 409, "invalid_transition", "The order has come too far to be called off."),
];

/// Operations that a role alone may forbid.
const FOR_ADMINS: &[&str] = &["create_product", "replace_product", "change_product", "archive_product", "set_stock"];

pub(super) fn describe(document: &mut Value) {
    let shared: Map<String, Value> = SHARED
        .iter()
        .map(|(name, status, code, meaning)| ((*name).to_owned(), problem(*status, code, meaning)))
        .collect();
    document["components"]["responses"] = Value::Object(shared);
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                let statuses = statuses(path, method, operation);
                answers(operation, &statuses);
            }
        }
    }
    let any = json!({
        "description": "Any other error: a problem document (RFC 9457)",
        "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for operation in operations_mut(document) {
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.insert("default".to_owned(), any.clone());
        }
    }
}

/// What this operation can be answered, by what it asks for.
fn statuses(path: &str, method: &str, operation: &Map<String, Value>) -> Vec<u16> {
    let asks = |place: &str, name: Option<&str>| {
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let mut places = parameters.filter(|parameter| parameter["in"] == place);
        places.any(|parameter| name.is_none_or(|name| parameter["name"] == name))
    };
    let has_body = operation.contains_key("requestBody");
    let key = asks("header", Some("Idempotency-Key"));
    let if_match = asks("header", Some("If-Match"));
    let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let mut statuses = vec![429, 503];
    for (status, answered) in [
        (400, has_body || key || asks("query", None)),
        (401, operation.contains_key("security")),
        (403, FOR_ADMINS.contains(&name)),
        (404, path.contains('{')),
        (412, if_match),
        (413, has_body),
        (415, has_body),
        (422, has_body || key),
        (428, if_match && method != "delete"),
    ] {
        if answered {
            statuses.push(status);
        }
    }
    statuses
}

fn answers(operation: &mut Map<String, Value>, statuses: &[u16]) {
    let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (shared, status, ..) in SHARED.iter().filter(|(_, status, ..)| statuses.contains(status)) {
        let reference = format!("#/components/responses/{shared}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    for (_, status, code, meaning) in OWN.iter().filter(|(operation, ..)| *operation == name) {
        responses.insert(status.to_string(), problem(*status, code, meaning));
    }
}

/// The response of a problem, with an example of it.
fn problem(status: u16, code: &'static str, meaning: &str) -> Value {
    let known = StatusCode::from_u16(status).unwrap_or(code::INTERNAL.status);
    let problem = Problem::new(known, code);
    let example = serde_json::to_value(problem.document(Some("019a9d3c-5a00-7000-8000-00000000000a")));
    let mut response = json!({
        "description": meaning,
        "content": { MEDIA_TYPE: {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": example.unwrap_or_default(),
        } },
    });
    let header = match status {
        401 => {
            Some(("WWW-Authenticate", json!({ "description": "The scheme: Bearer.", "schema": { "type": "string" } })))
        }
        429 | 503 => Some((
            "Retry-After",
            json!({ "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 1 } }),
        )),
        _ => None,
    };
    if let Some((name, header)) = header {
        response["headers"] = json!({ name: header });
    }
    response
}
