use crate::{
    Api,
    api::{Operation, status},
    edge::BodyLimits,
};
use serde_json::{Value, json};
use skep_domain::{
    access::{Resource, Subject, decide},
    catalog::{DESCRIPTION_MAX, NAME_MAX, Sku, Slug},
    identity::actions::{CHANGE_EMAIL, CHANGE_PASSWORD, DELETE_ACCOUNT},
    shared::{Audience, Email, Text},
};
use std::collections::BTreeSet;

fn document() -> Value {
    Api::document()
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Collects every `$ref` in the value.
fn references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = vec![];
    references(&document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

/// The kinds of resources in the document, singular: what a path names before an id.
fn nouns(document: &Value) -> BTreeSet<String> {
    let plurals = operations(document).filter_map(|(path, ..)| path.split_once("/{")?.0.rsplit('/').next());
    let singular = |plural: &str| match plural.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => plural.trim_end_matches('s').to_owned(),
    };
    // One uploads a file, so this noun is a verb, too.
    plurals.map(singular).filter(|noun| noun != "upload").collect()
}

/// Whether the operation is one of tus, where the offset is the version of an upload.
fn speaks_tus(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.into_iter().flatten().any(|parameter| parameter["name"] == "Tus-Resumable")
}

/// Whether the name is a verb with its object, such as `place_order`. An SDK makes a method of each operation.
fn is_verb_first(name: &str, method: &str, nouns: &BTreeSet<String>) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let (verb, is_read) = (words[0], method == "get");
    let is_noun = nouns.iter().any(|noun| verb.starts_with(noun.as_str()));
    words.len() > 1 && words.iter().all(is_word) && !is_noun && ["get", "list"].contains(&verb) == is_read
}

#[test]
fn a_name_without_a_verb_is_caught() {
    let nouns = nouns(&document());
    assert!(["order", "product", "category"].iter().all(|noun| nouns.contains(*noun)), "{nouns:?}");
    assert!(is_verb_first("place_order", "post", &nouns) && is_verb_first("list_orders", "get", &nouns));
    for name in ["orders", "order_place", "orders_place", "placeOrder", "place_", "place_Order", "get_order", ""] {
        assert!(!is_verb_first(name, "post", &nouns), "{name}");
    }
    assert!(!is_verb_first("fetch_order", "get", &nouns));
}

#[test]
fn operations_have_names_tags_summaries_and_problems() {
    let document = document();
    let nouns = nouns(&document);
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} twice");
        assert!(is_verb_first(name, method, &nouns), "{method} {name} is not a verb with its object");
        assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{name}");
        let answers = |status: &str| !operation["responses"][status].is_null();
        assert!(answers("default") && answers("429") && answers("503"), "{name}");
        // A profile is gone when its account is gone.
        let is_of_caller =
            ["get_profile", "change_profile", "change_password", "change_email", "delete_account"].contains(&name);
        assert_eq!(answers("404"), path.contains('{') || is_of_caller, "{name}");
        let needs_version = matches!(method, "put" | "patch") && !speaks_tus(operation);
        assert_eq!(answers("428"), needs_version, "{name}");
        let credentials = operation["security"] != json!([]) || ["log_in", "refresh_session"].contains(&name);
        assert_eq!(answers("401"), credentials, "{name}");
        for status in
            operation["responses"].as_object().unwrap().keys().filter(|status| !status.starts_with(['2', '3']))
        {
            let response = answer(&document, operation, status).unwrap();
            let content = &response["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{name} {status}");
            assert!(
                status == "default" || content["example"]["status"].as_u64() == status.parse().ok(),
                "{name} {status}"
            );
        }
    }
}

#[test]
fn every_operation_with_a_body_limits_it_and_says_so() {
    let document = document();
    let known: Vec<&Operation> = Api::operations().collect();
    for (_, _, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let limit = known.iter().find(|known| known.id == id).unwrap().body;
        assert_eq!(limit.is_some(), operation["requestBody"].is_object(), "{id}");
        let text = limit.map(|limit| json!(format!("At most {} KiB.", limit.bytes >> 10)));
        assert_eq!(operation["requestBody"].get("description"), text.as_ref(), "{id}");
        // The default budget holds several bodies of one network. Of a body that is passed on, it holds a part.
        let kept = limit.filter(|limit| limit.least_rate.is_none());
        assert!(kept.is_none_or(|limit| limit.bytes <= BodyLimits::default().memory_bytes / 16), "{id}");
    }
}

/// With `If-Match`, a client does not overwrite a version that it has not seen.
#[test]
fn every_change_of_an_existing_resource_takes_if_match() {
    let document = document();
    let mut changes = 0;
    for (path, method, operation) in operations(&document).filter(|(path, ..)| path.contains('{')) {
        let parameters = operation["parameters"].as_array().unwrap();
        let takes = parameters.iter().any(|parameter| parameter["name"] == "If-Match");
        // A session has no version: it does not change before it ends. A link changes nothing.
        let is_tus = speaks_tus(operation);
        let has_version = !path.ends_with("/sessions/{id}") && !path.ends_with("/sessions");
        let has_version = has_version && !path.ends_with("/links") && !is_tus;
        assert_eq!(takes, method != "get" && has_version, "{method} {path}");
        assert_eq!(!operation["responses"]["412"].is_null(), takes || is_tus, "{method} {path}");
        changes += u32::from(takes);
    }
    assert!(changes >= 5, "{changes}");
}

/// The document agrees with the access rules about tokens.
#[test]
fn an_operation_asks_for_a_token_if_its_action_needs_an_account() {
    let document = document();
    let known: Vec<&Operation> = Api::operations().collect();
    assert_eq!(known.len(), operations(&document).count(), "each operation has a line in its context");
    for (_, _, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let mut lines = known.iter().filter(|known| known.id == id);
        let (Some(known), None) = (lines.next(), lines.next()) else { panic!("{id} has not one line in its context") };
        let is_open = known.action.map(|action| decide(Subject::Visitor, action, Resource::Any).is_ok());
        // No way: a token is ignored. The empty way comes first: a token is optional.
        let ways = match is_open {
            None => json!([]),
            Some(true) => json!([{}, { "bearer": [] }, { "cookie": [] }]),
            Some(false) => json!([{ "bearer": [] }, { "cookie": [] }]),
        };
        assert_eq!(operation["security"], ways, "{id}");
        // A refresh token is no password: the use case counts wrong ones only.
        let has_password = id != "refresh_session"
            && known.action.is_none_or(|action| [CHANGE_PASSWORD, CHANGE_EMAIL, DELETE_ACCOUNT].contains(&action));
        assert_eq!(known.takes_credentials, has_password, "{id}");
    }
}

/// The description agrees with the access rules about the callers.
#[test]
fn the_description_of_an_operation_says_which_callers_may_call_it() {
    let document = document();
    for (_, _, operation) in operations(&document) {
        let known = Api::operations().find(|known| operation["operationId"] == known.id).unwrap();
        let expected = match known.action.map(|action| (action.own(), action.name())) {
            None | Some((Audience::Everyone, _)) => "Anyone ".to_owned(),
            Some((Audience::Account, _)) => "Needs an account.".to_owned(),
            Some((Audience::Roles, name)) => format!("Needs the permission `{name}`"),
        };
        let words: Vec<&str> = operation["description"].as_str().unwrap_or_default().split_whitespace().collect();
        assert!(words.join(" ").contains(&expected), "{}: {words:?}", known.id);
    }
}

/// The response of an operation, in the operation itself or in the components.
fn answer<'d>(document: &'d Value, operation: &'d Value, status: &str) -> Option<&'d Value> {
    let response = operation["responses"].get(status)?;
    match response["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')),
        None => Some(response),
    }
}

#[test]
fn every_refusal_of_an_operation_is_documented() {
    let document = document();
    let mut seen = 0;
    for (_, method, operation) in operations(&document) {
        let known = Api::operations().find(|known| operation["operationId"] == known.id).unwrap();
        for refusal in known.refusals {
            let Some(answer) = answer(&document, operation, status(refusal.kind).as_str()) else {
                // The refusal cannot occur: If-Match may be missing, or the action needs no role.
                let is_optional = refusal.code == "precondition_required" && !matches!(method, "put" | "patch");
                let needs_no_role = ["forbidden", "unauthenticated"].contains(&refusal.code)
                    && known.action.is_some_and(|action| action.own() <= Audience::Account);
                assert!(is_optional || needs_no_role, "{}: {}", known.id, refusal.code);
                continue;
            };
            let described = answer["description"].as_str().unwrap();
            assert!(described.contains(refusal.meaning), "{}: {} is not in {described}", known.id, refusal.code);
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// A use case declares a refusal of a header or a role exactly if its operation takes the header or needs the role.
#[test]
fn the_refusals_of_a_use_case_fit_the_headers_of_its_operation() {
    let document = document();
    for (path, _, operation) in operations(&document) {
        let known = Api::operations().find(|known| operation["operationId"] == known.id).unwrap();
        let asks = |header: &str| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            parameters.into_iter().any(|parameter| parameter["in"] == "header" && parameter["name"] == header)
        };
        let refuses = |code: &str| known.refusals.iter().any(|refusal| refusal.code == code);
        for (code, expected) in [
            ("forbidden", known.action.is_some()),
            ("idempotency_key_reused", asks("Idempotency-Key")),
            ("precondition_failed", asks("If-Match")),
        ] {
            assert_eq!(refuses(code), expected, "{}: {code}", known.id);
        }
        assert!(refuses("not_found") || !path.contains('{'), "{}: not_found", known.id);
    }
}

/// Every read with an entity tag can be conditional, and every change that takes `If-Match` takes `If-None-Match`, too.
#[test]
fn conditions_come_with_entity_tags() {
    let document = document();
    let (mut reads, mut changes) = (0, 0);
    for (_, method, operation) in operations(&document) {
        let parameters = || operation["parameters"].as_array().into_iter().flatten();
        let takes = |name: &str| parameters().find(|parameter| parameter["name"] == name);
        let is_tagged = operation["responses"]["200"]["headers"]["ETag"].is_object();
        let is_read = method == "get" && is_tagged;
        assert_eq!(operation["responses"]["304"]["headers"]["ETag"].is_object(), is_read, "{operation}");
        assert_eq!(takes("If-None-Match").is_some(), is_read || takes("If-Match").is_some(), "{operation}");
        let must = takes("If-Match").map(|parameter| parameter["required"] == true);
        let needs_version = matches!(method, "put" | "patch") && !speaks_tus(operation);
        assert_eq!(must == Some(true), needs_version, "{operation}");
        reads += u32::from(is_read);
        changes += u32::from(must.is_some());
    }
    assert!(reads >= 5 && changes >= 8, "{reads} {changes}");
}

/// The keywords of a field in a body.
fn keywords<'d>(document: &'d Value, schema: &str, field: &str) -> &'d Value {
    &document["components"]["schemas"][schema]["properties"][field]
}

/// Whether the keywords of the field allow the text.
fn allows(keywords: &Value, text: &str) -> bool {
    let length = text.chars().count();
    let fits = |name: &str, default: usize| keywords[name].as_u64().map_or(default, |n| usize::try_from(n).unwrap());
    let is_long = (fits("minLength", 0)..=fits("maxLength", usize::MAX)).contains(&length);
    let pattern = keywords["pattern"].as_str().map(|pattern| regex::Regex::new(pattern).unwrap());
    is_long && pattern.is_none_or(|pattern| pattern.is_match(text))
}

/// A client that checks its values against the document is refused nothing that is good, and sends nothing that is bad.
#[test]
fn the_document_and_the_domain_allow_the_same_texts() {
    let document = document();
    let sku = keywords(&document, "CreateProductRequest", "sku");
    let slug = keywords(&document, "CreateCategoryRequest", "slug");
    let name = keywords(&document, "CreateProductRequest", "name");
    let description = keywords(&document, "ChangeProductRequest", "description");
    let email = keywords(&document, "RegisterRequest", "email");
    let (long, longer) = ("a".repeat(64), "a".repeat(65));
    let texts = [
        "",
        "a",
        "A",
        "-",
        "-a",
        "a-",
        "a-b",
        "a--b",
        "a/b.c_d",
        "/a",
        "a b",
        " a",
        "a\n",
        "a\nb",
        "a\tb",
        "\u{7}",
        "\u{85}",
        "é",
        "🐝",
        "a@b.c",
        "a@b",
        "@b.c",
        "a@.c",
        "a@b..c",
        "a@-b.c",
        "a@b-.c",
        "a.b@c.d",
        ".a@c.d",
        "a.@c.d",
        "a..b@c.d",
        "\"a\"@b.c",
        "a@[1.2]",
        "a@b@c.d",
        "é@ü.de",
        "a+b@c-d.ef",
        "a@b_c.d",
        "  a@b.c ",
        "a @b.c",
        "a@ b.c",
        "a@b.c\t",
        "0",
        "a\0b",
        &long,
        &longer,
    ];
    for text in texts {
        assert_eq!(allows(sku, text), Sku::parse(text).is_ok(), "{text:?}");
        assert_eq!(allows(slug, text), Slug::parse(text).is_ok(), "{text:?}");
        assert_eq!(allows(email, text), Email::parse(text).is_ok(), "{text:?}");
        // White space at the ends is taken away, so the document does not have to allow it.
        if text.trim() == text {
            assert_eq!(allows(name, text), Text::line(text, NAME_MAX).is_ok(), "{text:?}");
            assert_eq!(allows(description, text), Text::block(text, DESCRIPTION_MAX).is_ok(), "{text:?}");
        }
    }
    for (keywords, max) in [(sku, Sku::MAX), (slug, Slug::MAX), (name, NAME_MAX), (description, DESCRIPTION_MAX)] {
        assert!(allows(keywords, &"a".repeat(max)) && !allows(keywords, &"a".repeat(max + 1)), "{keywords}");
    }
}

/// The schema of a JSON body. `None` for one that is bytes.
fn named<'d>(document: &'d Value, media: &Value) -> Option<&'d Value> {
    match media["schema"]["$ref"].as_str() {
        Some(reference) => Some(document.pointer(reference.trim_start_matches('#')).unwrap()),
        None => {
            assert_eq!(media["schema"], json!({ "type": "string", "format": "binary" }));
            None
        }
    }
}

#[test]
fn request_bodies_refuse_unknown_fields_and_answers_may_get_new_ones() {
    let document = document();
    for (_, _, operation) in operations(&document) {
        for (_, media) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let Some(schema) = named(&document, media) else { continue };
            let reference = &media["schema"]["$ref"];
            assert_eq!(schema["additionalProperties"], false, "{reference}");
            assert!(schema["example"].is_object(), "{reference}");
        }
    }
    assert!(document["components"]["schemas"]["Product"]["additionalProperties"].is_null());
}

/// Checks the example against the schema: types, required members and undocumented members.
fn judge(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = match schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str()) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    // A field that has any JSON value has no type.
    let Some(kind) = schema["type"].as_str() else { return };
    match (kind, value) {
        ("object", Value::Object(members)) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(members.contains_key(name.as_str().unwrap()), "{at}: {name} is missing");
            }
            for (name, member) in members {
                let property = &schema["properties"][name];
                assert!(!property.is_null(), "{at}: {name} is not documented");
                judge(document, property, member, &format!("{at}/{name}"));
            }
        }
        ("array", Value::Array(items)) => items.iter().for_each(|item| judge(document, &schema["items"], item, at)),
        (_, Value::Null) if schema["nullable"] == true => {}
        ("string", Value::String(_)) | ("integer", Value::Number(_)) | ("boolean", Value::Bool(_)) => {}
        (kind, value) => panic!("{at}: {value} is not of type {kind}"),
    }
}

#[test]
fn every_body_has_an_example_that_fits() {
    let document = document();
    let mut judged = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if !schema["example"].is_null() {
            judge(&document, schema, &schema["example"], name);
            judged += 1;
        }
    }
    assert!(judged > 15, "{judged}");
    for (path, _, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap().values();
        let bodies = answers.chain([&operation["requestBody"]]).flat_map(|body| body["content"].as_object());
        for media in bodies.flat_map(|content| content.values()) {
            let Some(schema) = named(&document, media) else { continue };
            let is_problem = media["schema"]["$ref"] == "#/components/schemas/Problem";
            assert!(is_problem || schema["example"].is_object(), "{path}: {} has no example", media["schema"]);
        }
    }
    let problems = document["components"]["responses"].as_object().unwrap();
    for (name, response) in problems {
        let content = &response["content"]["application/problem+json"];
        judge(&document, &content["schema"], &content["example"], name);
    }
}
