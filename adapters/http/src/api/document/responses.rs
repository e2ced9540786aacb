//! The problems that operations answer with. Most follow from what an operation asks for; the others are those that its
//! context states.

use super::{of, operations_mut};
use crate::problem::{MEDIA_TYPE, Problem, code};
use http::StatusCode;
use serde_json::{Map, Value, json};
use skep_domain::shared::Audience;

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
    let known = operation.get("operationId").and_then(of);
    let mut statuses = vec![429, 503];
    for (status, answered) in [
        (400, has_body || key || asks("query", None)),
        (401, operation.contains_key("security")),
        // An account alone is not enough, not even for one's own things.
        (403, known.and_then(|known| known.action).is_some_and(|action| action.own() > Audience::Account)),
        (404, path.contains('{')),
        (412, if_match),
        (413, has_body),
        (415, has_body),
        (422, has_body || key),
        (428, if_match && matches!(method, "put" | "patch")),
    ] {
        if answered {
            statuses.push(status);
        }
    }
    statuses
}

fn answers(operation: &mut Map<String, Value>, statuses: &[u16]) {
    let own = operation.get("operationId").and_then(of).map_or(&[][..], |operation| operation.refusals);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (shared, status, ..) in SHARED.iter().filter(|(_, status, ..)| statuses.contains(status)) {
        let reference = format!("#/components/responses/{shared}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    for refusal in own {
        responses.insert(refusal.status.to_string(), problem(refusal.status, refusal.code, refusal.meaning));
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
