use super::*;
use http::Method;
use poem::{IntoEndpoint, test::TestClient};
use poem_openapi::{Object, OpenApi, OpenApiService, payload::Json, types::MaybeUndefined};
use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Order {
    lines: Vec<Line>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: u8,
}

/// The status, the code, the pointer and the field's code of the problem.
fn refusal(text: impl AsRef<[u8]>) -> (u16, &'static str, String, String) {
    let problem = parse::<Order>(text.as_ref()).unwrap_err();
    let error = problem.errors().first();
    (
        problem.status().as_u16(),
        problem.code(),
        error.and_then(|e| e.pointer.clone()).unwrap_or_default(),
        error.map(|e| e.code.clone()).unwrap_or_default(),
    )
}

fn misfit(text: &str, pointer: &str, code: &str) {
    assert_eq!(refusal(text), (422, "validation_failed", pointer.to_owned(), code.to_owned()), "{text}");
}

fn malformed(text: impl AsRef<[u8]>) {
    assert_eq!(refusal(text), (400, "malformed_json", String::new(), String::new()));
}

#[test]
fn a_body_that_fits_the_type_is_parsed() {
    let order: Order = parse(br#" {"lines":[{"sku":"a","quantity":1}],"note":null} "#).unwrap();
    assert_eq!(order, Order { lines: vec![Line { sku: "a".into(), quantity: 1 }], note: None });
}

#[test]
fn texts_that_are_not_json_are_400() {
    malformed("");
    malformed("  ");
    malformed("{");
    malformed("{\"lines\":[]} x");
    malformed("{\"lines\":[],}");
    malformed("{'lines':[]}");
    malformed("{\"note\":NaN}");
    malformed("\u{feff}{\"lines\":[]}");
    malformed(r#"{"note":"\ud800"}"#);
    malformed(b"{\"note\":\"\xff\"}");
    malformed("{\"note\":\"a\nb\"}");
}

#[test]
fn a_syntax_error_names_line_and_column() {
    let problem = parse::<Order>(b"{\n  \"lines\": ]\n}").unwrap_err();
    assert_eq!(problem.detail(), Some("expected value at line 2 column 12"));
}

#[test]
fn a_duplicate_key_is_400_at_any_depth() {
    let duplicate = |text: &str, pointer: &str| {
        let expected = (400, "duplicate_key", pointer.to_owned(), "duplicate_key".to_owned());
        assert_eq!(refusal(text), expected, "{text}");
    };
    duplicate(r#"{"lines":[],"lines":[]}"#, "/lines");
    duplicate(r#"{"lines":[{"sku":"a"},{"sku":"a","sk\u0075":"b"}]}"#, "/lines/1/sku");
    duplicate(r#"{"unknown":{"a/b":{"~":1,"~":2}}}"#, "/unknown/a~1b/~0");
    let keys: String = (0..1000).map(|n| format!("\"k{n}\":0,")).collect();
    duplicate(&format!("{{{keys}\"k999\":1}}"), "/k999");
    duplicate(&format!("{{{keys}\"k3\":1}}"), "/k3");
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal(nested(MAX_DEPTH)).1, "validation_failed");
    assert_eq!(refusal(nested(MAX_DEPTH + 1)).1, "json_too_deep");
    assert_eq!(refusal("[".repeat(200_000)).1, "json_too_deep");
}

#[test]
fn values_that_do_not_fit_are_422_with_their_place() {
    misfit(r#"{}"#, "/lines", "missing_field");
    misfit(r#"{"lines":[{"sku":"a"}]}"#, "/lines/0/quantity", "missing_field");
    misfit(r#"{"lines":[],"nope":1}"#, "/nope", "unknown_field");
    misfit(r#"{"lines":[],"a/b":1}"#, "/a~1b", "unknown_field");
    misfit(r#"{"lines":[{"sku":"a","quantity":1,"x":1}]}"#, "/lines/0/x", "unknown_field");
    misfit(r#"{"lines":7}"#, "/lines", "invalid_type");
    misfit(r#"[]"#, "", "invalid_type");
    misfit(r#"[[], null]"#, "", "invalid_type");
    misfit(r#"{"lines":[["a",1]]}"#, "/lines/0", "invalid_type");
    misfit(r#"null"#, "", "invalid_type");
    misfit(r#"{"lines":[{"sku":1,"quantity":1}]}"#, "/lines/0/sku", "invalid_type");
    misfit(r#"{"lines":[{"sku":"a","quantity":1.5}]}"#, "/lines/0/quantity", "invalid_type");
    misfit(r#"{"lines":[{"sku":"a","quantity":300}]}"#, "/lines/0/quantity", "out_of_range");
    misfit(r#"{"lines":[{"sku":"a","quantity":-1}]}"#, "/lines/0/quantity", "out_of_range");
    misfit(r#"{"lines":[{"sku":"a","quantity":1e999}]}"#, "/lines/0/quantity", "out_of_range");
}

#[test]
fn numbers_are_values_and_details_speak_of_json() {
    let quantity =
        |number: &str| parse::<Order>(format!(r#"{{"lines":[{{"sku":"-0","quantity":{number}}}]}}"#).as_bytes());
    for zero in ["0", "-0", " -0 "] {
        let order = quantity(zero).unwrap();
        assert_eq!((order.lines[0].quantity, order.lines[0].sku.as_str()), (0, "-0"), "{zero}");
    }
    for number in ["-0.0", "-0e1", "0e-0", "-01", "--0"] {
        assert!(quantity(number).is_err(), "{number}");
    }
    let nines = "9".repeat(26);
    for number in ["256", "-1", "9223372036854775808", "18446744073709551616", &nines, &format!("-{nines}"), "1e30"] {
        let problem = quantity(number).unwrap_err();
        let error = &problem.errors()[0];
        assert_eq!((&*error.code, &*error.detail), ("out_of_range", "the number is out of range"), "{number}");
    }
    for (value, detail) in [("1.5", "expected a whole number"), ("\"1\"", "expected a whole number")] {
        let problem = quantity(value).unwrap_err();
        assert_eq!((&*problem.errors()[0].code, &*problem.errors()[0].detail), ("invalid_type", detail), "{value}");
    }
}

/// `-0` inside of a text, and after an escaped quote, is not a number.
#[test]
fn a_text_with_a_negative_zero_stays_as_it_is() {
    let order = parse::<Order>(br#"{"lines":[{"sku":"a\"-0\\","quantity":-0}],"note":"x-0"}"#).unwrap();
    assert_eq!((order.lines[0].sku.as_str(), order.lines[0].quantity), ("a\"-0\\", 0));
}

#[test]
fn nul_in_a_string_is_422_unless_the_text_is_not_json() {
    misfit(r#"{"lines":[{"sku":"a\u0000","quantity":1}]}"#, "/lines/0/sku", "invalid_value");
    misfit(r#"{"a\u0000b":1,"lines":[]}"#, "/a\u{0}b", "invalid_value");
    malformed(r#"{"note":"\u0000""#);
}

#[test]
fn details_never_repeat_values_of_the_body() {
    let problem = parse::<Order>(br#"{"lines":"hunter2, expected"}"#).unwrap_err();
    assert_eq!(problem.errors()[0].detail, "expected a list");
    let problem = parse::<Order>(b"7").unwrap_err();
    assert_eq!(problem.errors()[0].detail, "expected an object");
}

#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    name: MaybeUndefined<String>,
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/change", method = "post")]
    async fn post(&self, body: Strict<Change>) -> Result<Json<String>, Problem> {
        Ok(Json(format!("{:?}", body.0.name)))
    }

    #[oai(path = "/change", method = "patch")]
    async fn patch(&self, body: MergePatch<Change>) -> Result<Json<String>, Problem> {
        Ok(Json(format!("{:?}", body.0.name)))
    }
}

fn service() -> OpenApiService<Api, ()> {
    OpenApiService::new(Api, "test", "1")
}

async fn send(method: Method, media_type: Option<&str>, body: &'static str) -> (u16, String) {
    let client = TestClient::new(crate::problem::catch_all(service().into_endpoint()));
    let mut request = client.request(method, "/change").body(body);
    if let Some(media_type) = media_type {
        request = request.header(CONTENT_TYPE, media_type);
    }
    let response = request.send().await.0;
    let status = response.status().as_u16();
    (status, response.into_body().into_string().await.unwrap())
}

async fn status(method: Method, media_type: Option<&str>) -> u16 {
    send(method, media_type, r#"{"name":"a"}"#).await.0
}

#[tokio::test]
async fn media_types_other_than_json_are_415() {
    for media_type in [JSON, "Application/JSON; charset=UTF-8", "application/json;v=1"] {
        assert_eq!(status(Method::POST, Some(media_type)).await, 200, "{media_type}");
    }
    for media_type in [
        None,
        Some("text/plain"),
        Some("application/jsonx"),
        Some("application/json; charset=latin1"),
        Some(MERGE_PATCH),
    ] {
        assert_eq!(status(Method::POST, media_type).await, 415, "{media_type:?}");
    }
    assert_eq!(status(Method::PATCH, Some(MERGE_PATCH)).await, 200);
    assert_eq!(status(Method::PATCH, Some(JSON)).await, 200);
}

#[tokio::test]
async fn an_encoded_body_is_415() {
    let client = TestClient::new(crate::problem::catch_all(service().into_endpoint()));
    let request = client.post("/change").header(CONTENT_TYPE, JSON).header(CONTENT_ENCODING, "gzip").body("{}");
    request.send().await.assert_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_without_an_edge_too() {
    let client = TestClient::new(crate::problem::catch_all(service().into_endpoint()));
    let size = usize::try_from(Limits::default().max_body_bytes).unwrap() + 1;
    let request = client.post("/change").header(CONTENT_TYPE, JSON).body(vec![b' '; size]);
    request.send().await.assert_status(http::StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn absent_null_and_a_value_are_distinguished() {
    for (body, meaning) in
        [("{}", "\"Undefined\""), (r#"{"name":null}"#, "\"Null\""), (r#"{"name":"a"}"#, r#""Value(\"a\")""#)]
    {
        assert_eq!(send(Method::PATCH, Some(MERGE_PATCH), body).await, (200, meaning.to_owned()));
    }
}

#[tokio::test]
async fn a_misfit_reaches_the_client_as_a_problem() {
    let (status, body) = send(Method::PATCH, Some(JSON), r#"{"name":1}"#).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 422);
    assert_eq!(body["errors"][0]["pointer"], "/name");
}

#[test]
fn the_document_has_the_media_types_and_the_default_problem() {
    let document: serde_json::Value = serde_json::from_str(&service().spec()).unwrap();
    let path = &document["paths"]["/change"];
    let types = |method: &str| -> Vec<String> {
        let content = &path[method]["requestBody"]["content"];
        content.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(types("post"), [JSON]);
    assert_eq!(types("patch"), [JSON, MERGE_PATCH]);
    assert_eq!(
        path["post"]["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"],
        "#/components/schemas/Problem"
    );
    let problem = &document["components"]["schemas"]["Problem"];
    assert_eq!(problem["required"], serde_json::json!(["type", "title", "status", "code"]));
}
