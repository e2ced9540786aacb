//! The OpenAPI document as a contract: every answer has a status, a media type, headers and a schema that the document
//! describes, and every error is a problem document.

use crate::{Answer, schema};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Mutex};

/// The promises of an OpenAPI document, and those that a test has seen kept.
#[derive(Debug, Default)]
pub struct Contract {
    document: Value,
    seen: Mutex<BTreeSet<String>>,
}

impl Contract {
    /// The contract that an OpenAPI document makes.
    #[must_use]
    pub fn new(document: Value) -> Self {
        Self { document, seen: Mutex::default() }
    }

    /// The OpenAPI document.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation with each status of success that it documents, and one problem: `log_in 200`, `log_in default`.
    /// A problem that all operations share, such as 503, does not have to be seen for each of them.
    #[must_use]
    pub fn promised(&self) -> BTreeSet<String> {
        let items = self.document["paths"].as_object().into_iter().flat_map(|paths| paths.values());
        let operations = items.filter_map(Value::as_object).flat_map(|item| item.values());
        let responses = |operation: &Value| {
            let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
            let statuses = operation["responses"].as_object().cloned().unwrap_or_default();
            let promised = statuses.keys().filter(|status| *status == "default" || status.starts_with('2'));
            promised.map(|status| format!("{name} {status}")).collect::<Vec<_>>()
        };
        operations.flat_map(responses).collect()
    }

    /// The items of [`Self::promised`] that a server has answered.
    ///
    /// # Panics
    /// If another thread has panicked here.
    #[must_use]
    pub fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// Checks an answer.
    ///
    /// # Errors
    /// A text that says which promise is broken.
    ///
    /// # Panics
    /// If another thread has panicked here.
    pub fn check(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        if answer.header("x-request-id").is_none() {
            return Err("there is no request id".to_owned());
        }
        if method == "HEAD" {
            return if answer.body.is_empty() { Ok(()) } else { Err("an answer to HEAD has a body".to_owned()) };
        }
        if answer.status >= 400 {
            check_problem(answer)?;
        }
        let Some(operation) = self.operation(method, path) else { return Ok(()) };
        let responses = &operation["responses"];
        let status = answer.status.to_string();
        let key = if answer.status >= 400 { "default" } else { status.as_str() };
        let response = match &responses[&status] {
            Value::Null => &responses[key],
            response => response,
        };
        let response = match response["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
            None => response,
        };
        if response.is_null() {
            return Err(format!("the document has no response {status}"));
        }
        self.check_response(response, answer)?;
        let name = operation["operationId"].as_str().unwrap_or_default();
        self.seen.lock().expect("not poisoned").insert(format!("{name} {key}"));
        Ok(())
    }

    fn check_response(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        let reference = response["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        let response = reference.map_or(Some(response), |reference| self.document.pointer(reference));
        let response = response.ok_or("the response is not documented")?;
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if header["required"] == true && answer.header(&name.to_ascii_lowercase()).is_none() {
                return Err(format!("the header {name} is missing"));
            }
        }
        let Some(content) = response["content"].as_object() else {
            return if answer.body.is_empty() { Ok(()) } else { Err("a body is not documented".to_owned()) };
        };
        if content.contains_key("*/*") {
            return Ok(());
        }
        let media_type = answer.header("content-type").unwrap_or_default();
        let media = content.iter().find(|(known, _)| known.split(';').next() == media_type.split(';').next());
        let (_, media) = media.ok_or_else(|| format!("the media type {media_type:?} is not documented"))?;
        let faults = schema::faults(&self.document, &media["schema"], &answer.json());
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let paths = self.document["paths"].as_object()?;
        let (_, item) = paths.iter().find(|(template, _)| fits(template, path))?;
        item.get(method.to_ascii_lowercase())
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found || (wanted.starts_with('{') && !found.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Checks RFC 9457 and Skep's own members. The rules are the same for every error, whichever layer made it.
fn check_problem(answer: &Answer) -> Result<(), String> {
    if answer.header("content-type") != Some("application/problem+json") {
        return Err("an error is not a problem document".to_owned());
    }
    let body = answer.json();
    let code = body["code"].as_str().unwrap_or_default();
    if code.is_empty() || body["type"] != format!("urn:skep:problem:{code}") {
        return Err("the type of the problem does not match its code".to_owned());
    }
    if body["status"] != answer.status {
        return Err("the problem has another status".to_owned());
    }
    if body["request_id"].as_str() != answer.header("x-request-id") {
        return Err("the problem has another request id".to_owned());
    }
    if answer.status == 401 && answer.header("www-authenticate").is_none() {
        return Err("a 401 has no challenge".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contract() -> Contract {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] });
        let ok = json!({
            "headers": { "ETag": { "required": true } },
            "content": { "application/json; charset=utf-8": { "schema": schema } },
        });
        let get = json!({ "operationId": "get_thing", "responses": { "200": ok, "default": {} } });
        Contract::new(json!({ "paths": { "/things/{id}": { "get": get } } }))
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut answer = Answer::new(status, headers.chain([("x-request-id".to_owned(), "r".to_owned())]).collect());
        answer.body = body.as_bytes().to_vec();
        answer
    }

    const JSON: (&str, &str) = ("content-type", "application/json");
    const TAG: (&str, &str) = ("etag", "\"1\"");

    #[test]
    fn a_documented_answer_passes_and_is_seen() {
        let contract = contract();
        contract.check("GET", "/things/1", &answer(200, &[JSON, TAG], r#"{"a":1}"#)).unwrap();
        assert_eq!(contract.seen(), BTreeSet::from(["get_thing 200".to_owned()]));
        assert_eq!(contract.promised().len(), 2);
    }

    #[test]
    fn an_undocumented_answer_is_a_fault() {
        let broken = [
            answer(201, &[JSON, TAG], r#"{"a":1}"#),
            answer(200, &[JSON], r#"{"a":1}"#),
            answer(200, &[("content-type", "text/plain"), TAG], r#"{"a":1}"#),
            answer(200, &[JSON, TAG], r#"{"a":"1"}"#),
            answer(404, &[JSON], r#"{"code":"x"}"#),
        ];
        for answer in broken {
            assert!(contract().check("GET", "/things/1", &answer).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn an_error_is_a_problem_document_on_every_path() {
        let problem = ("content-type", "application/problem+json");
        let good = r#"{"type":"urn:skep:problem:gone","status":410,"code":"gone","request_id":"r"}"#;
        assert_eq!(contract().check("GET", "/elsewhere", &answer(410, &[problem], good)), Ok(()));
        for (from, to) in [("410", "409"), (":gone", ":other"), ("\"r\"", "\"s\"")] {
            let bad = answer(410, &[problem], &good.replace(from, to));
            assert!(contract().check("GET", "/elsewhere", &bad).is_err(), "{bad:?}");
        }
        assert!(contract().check("GET", "/elsewhere", &answer(410, &[JSON], good)).is_err());
    }
}
