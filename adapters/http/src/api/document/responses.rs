//! The problems that operations answer with. Most follow from the parameters, the body and the action of an operation.
//! The others are the refusals that its use case declares.

use super::{of, operations_mut};
use crate::{
    parts::{Operation, status},
    problem::{
        MEDIA_TYPE, Problem,
        code::{self, Code},
    },
};
use serde_json::{Map, Value, json};
use skep_application::{
    identity::{CsrfTokenInvalid, InvalidToken},
    kernel::{Denied, ErrorKind, Invalid, KeyReused, NotFound, Refusal, StoreError, TooManyAttempts, Unmet},
};
use skep_domain::shared::{Action, Audience};

/// The responses that operations share: the name of each and its codes. The first code is in its example.
const SHARED: &[(&str, &[Code])] = &[
    ("BadRequest", &[code::MALFORMED_JSON, code::DUPLICATE_KEY, code::INVALID_PARAMETER]),
    ("Unauthorized", &[declared(InvalidToken::REFUSALS, 0), declared(Denied::REFUSALS, 0)]),
    ("Forbidden", &[declared(Denied::REFUSALS, 1), code::CROSS_SITE_REQUEST, declared(CsrfTokenInvalid::REFUSALS, 0)]),
    ("NotFound", &[declared(NotFound::REFUSALS, 0)]),
    ("Conflict", &[code::CONFLICT]),
    ("PreconditionFailed", &[declared(Unmet::REFUSALS, 1)]),
    ("BodyTooLarge", &[code::BODY_TOO_LARGE]),
    ("UnsupportedMediaType", &[code::UNSUPPORTED_MEDIA_TYPE]),
    ("Unprocessable", &[declared(Invalid::REFUSALS, 0), declared(KeyReused::REFUSALS, 0)]),
    ("PreconditionRequired", &[declared(Unmet::REFUSALS, 0)]),
    ("TooManyRequests", &[declared(TooManyAttempts::REFUSALS, 0)]),
    ("Unavailable", &[declared(StoreError::REFUSALS, 0), declared(StoreError::REFUSALS, 1)]),
];

/// A declared refusal as a code with its status.
const fn declared(refusals: &[Refusal], index: usize) -> Code {
    let Refusal { code, kind, meaning } = refusals[index];
    Code { name: code, status: status(kind), meaning }
}

pub(super) fn describe(document: &mut Value) {
    let shared: Map<String, Value> =
        SHARED.iter().map(|(name, codes)| ((*name).to_owned(), problem(codes.iter().copied()))).collect();
    document["components"]["responses"] = Value::Object(shared);
    let paths = document["paths"].as_object_mut();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                describe_not_modified(method, operation);
                let statuses = statuses(path, method, operation);
                answers(operation, &statuses);
            }
        }
    }
    let any = json!({
        "description": "Any other error, as a problem document (RFC 9457)",
        "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    for operation in operations_mut(document) {
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.insert("default".to_owned(), any.clone());
        }
    }
}

/// Adds the answer 304 to a read with an entity tag.
fn describe_not_modified(method: &str, operation: &mut Map<String, Value>) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let etag = responses.get("200").map(|answer| answer["headers"]["ETag"].clone()).filter(Value::is_object);
    if let Some(etag) = etag.filter(|_| method == "get") {
        let description = "The version in `If-None-Match` is still current. The answer has no body.";
        responses.insert("304".to_owned(), json!({ "description": description, "headers": { "ETag": etag } }));
    }
}

/// The statuses of problems that follow from the parameters, the body and the action of an operation.
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
    let refuses = |refusal: &Refusal| known.is_some_and(|known| known.refusals.contains(refusal));
    let mut statuses = vec![429, 503];
    for (status, answered) in [
        (400, has_body || key || asks("query", None)),
        (401, operation.get("security").and_then(Value::as_array).is_some_and(|ways| !ways.is_empty())),
        (403, known.is_some_and(|known| may_be_denied(known, method))),
        (404, path.contains('{') || refuses(&NotFound::REFUSALS[0])),
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

/// Whether the action needs a role, even for the caller's own things, or a caller may see a resource and not change it,
/// or the use case has another refusal of this kind, or a cookie may stand for the caller of a change.
fn may_be_denied(operation: &Operation, method: &str) -> bool {
    let is_other = |refusal: &Refusal| refusal.kind == ErrorKind::Denied && !Denied::REFUSALS.contains(refusal);
    let denies = |action: Action| {
        method != "get"
            || action.own() > Audience::Account
            || operation.seen_by.is_some()
            || operation.refusals.iter().any(is_other)
    };
    operation.action.is_some_and(denies)
}

fn answers(operation: &mut Map<String, Value>, statuses: &[u16]) {
    let refusals = operation.get("operationId").and_then(of).map_or(&[][..], |operation| operation.refusals);
    let mut parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let version =
        parameters.any(|parameter| parameter["name"] == "Tus-Resumable").then_some(code::TUS_VERSION_UNSUPPORTED);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let shared = || SHARED.iter().filter(|(_, codes)| statuses.contains(&codes[0].status.as_u16()));
    for (name, codes) in shared() {
        let reference = format!("#/components/responses/{name}");
        responses.insert(codes[0].status.as_str().to_owned(), json!({ "$ref": reference }));
    }
    let own = (0..refusals.len()).map(|index| declared(refusals, index)).filter(|code| !is_shared(code));
    let own: Vec<Code> = own.chain(version).collect();
    for Code { status, .. } in &own {
        let shared = shared().flat_map(|(_, codes)| *codes);
        let codes = own.iter().chain(shared).filter(|code| code.status == *status);
        responses.insert(status.as_str().to_owned(), problem(codes.copied()));
    }
}

fn is_shared(code: &Code) -> bool {
    SHARED.iter().flat_map(|(_, codes)| *codes).any(|shared| shared.name == code.name)
}

/// The response with these codes, all of one status. Its example has the first code.
fn problem(codes: impl Iterator<Item = Code>) -> Value {
    let codes: Vec<Code> = codes.collect();
    let status = codes[0].status;
    let problem = Problem::new(status, codes[0].name);
    let example = serde_json::to_value(problem.document(Some("019a9d3c-5a00-7000-8000-00000000000a")));
    let described = match &codes[..] {
        [code] => code.meaning.to_owned(),
        codes => codes.iter().map(|code| format!("- `{}`: {}\n", code.name, code.meaning)).collect(),
    };
    let mut response = json!({
        "description": described.trim_end(),
        "content": { MEDIA_TYPE: {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": example.unwrap_or_default(),
        } },
    });
    let header = match status.as_u16() {
        401 => Some((
            "WWW-Authenticate",
            json!({
                "description": "The scheme, `Bearer`, and `error=\"invalid_token\"` if a token was sent (RFC 6750).",
                "schema": { "type": "string" },
            }),
        )),
        429 | 503 => Some((
            "Retry-After",
            json!({ "description": "The seconds to wait.", "schema": { "type": "integer", "minimum": 1 } }),
        )),
        _ => None,
    };
    if let Some((name, header)) = header {
        response["headers"] = json!({ name: header });
    }
    response
}
