//! Validates JSON against the part of the OpenAPI 3.0 schema language that our document uses. An unknown keyword is a
//! fault, so that the document cannot use one that this check ignores. A member that is not documented is a fault too.

use regex::Regex;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

/// Keywords that do not restrict a value.
const NOTES: &[&str] = &["title", "description", "example", "default", "nullable"];

/// The places where the value does not match the schema, one text each.
#[must_use]
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Faults { document, list: vec![] };
    found.check(schema, value, "");
    found.list
}

struct Faults<'d> {
    document: &'d Value,
    list: Vec<String>,
}

impl<'d> Faults<'d> {
    fn add(&mut self, at: &str, text: impl std::fmt::Display) {
        self.list.push(format!("{at:?}: {text}"));
    }

    fn check(&mut self, schema: &'d Value, value: &Value, at: &str) {
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let mut parts = vec![];
        self.flatten(schema, &mut parts, at);
        for part in &parts {
            self.check_part(part, value, at);
        }
        if parts.iter().all(|part| part["type"].is_null() && part["properties"].is_null()) {
            return; // A schema without a type has any value.
        }
        let documented = |name: &String| parts.iter().any(|part| !part["properties"][name].is_null());
        for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
            if !documented(name) {
                self.add(at, format_args!("the member {name} is not documented"));
            }
        }
    }

    /// Collects the schemas that the value must match, all of them.
    fn flatten(&mut self, schema: &'d Value, parts: &mut Vec<&'d Value>, at: &str) {
        let Some(reference) = schema["$ref"].as_str() else {
            parts.push(schema);
            schema["allOf"].as_array().into_iter().flatten().for_each(|part| self.flatten(part, parts, at));
            return;
        };
        match self.document.pointer(reference.trim_start_matches('#')) {
            Some(schema) => self.flatten(schema, parts, at),
            None => self.add(at, format_args!("{reference} leads nowhere")),
        }
    }

    fn check_part(&mut self, schema: &'d Value, value: &Value, at: &str) {
        for (keyword, rule) in schema.as_object().into_iter().flatten() {
            match keyword.as_str() {
                "allOf" | "additionalProperties" | "nullable" => {}
                "type" if value.is_null() && schema["nullable"] == true => {}
                "type" if !has_type(value, rule) => self.add(at, format_args!("{value} is not of type {rule}")),
                "type" => {}
                "format" if !has_format(value, rule) => self.add(at, format_args!("{value} is not of format {rule}")),
                "format" => {}
                "minimum" if value.as_f64() < rule.as_f64() => self.add(at, format_args!("{value} is below {rule}")),
                "minimum" => {}
                "maximum" if value.as_f64() > rule.as_f64() => self.add(at, format_args!("{value} is above {rule}")),
                "maximum" => {}
                "minLength" if length(value) < rule.as_u64() => self.add(at, format_args!("shorter than {rule}")),
                "minLength" => {}
                "maxLength" if length(value) > rule.as_u64() => self.add(at, format_args!("longer than {rule}")),
                "maxLength" => {}
                "minItems" if items(value) < rule.as_u64() => self.add(at, format_args!("fewer items than {rule}")),
                "minItems" => {}
                "maxItems" if items(value) > rule.as_u64() => self.add(at, format_args!("more items than {rule}")),
                "maxItems" => {}
                "enum" if !rule.as_array().is_some_and(|known| known.contains(value)) => {
                    self.add(at, format_args!("{value} is not one of {rule}"));
                }
                "enum" => {}
                "pattern" if !matches(value, rule) => self.add(at, format_args!("{value} does not match {rule}")),
                "pattern" => {}
                "required" => {
                    for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                        if value.get(name).is_none() {
                            self.add(at, format_args!("the member {name} is missing"));
                        }
                    }
                }
                "properties" => {
                    for (name, schema) in rule.as_object().into_iter().flatten() {
                        if let Some(member) = value.get(name) {
                            self.check(schema, member, &format!("{at}/{name}"));
                        }
                    }
                }
                "oneOf" => {
                    let branches = rule.as_array().into_iter().flatten();
                    let fitting = branches.filter(|branch| faults(self.document, branch, value).is_empty()).count();
                    if fitting != 1 {
                        self.add(at, format_args!("{fitting} of the schemas in oneOf fit, not one"));
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{index}"));
                    }
                }
                note if NOTES.contains(&note) => {}
                other => self.add(at, format_args!("the keyword {other} is not known to this check")),
            }
        }
    }
}

fn items(value: &Value) -> Option<u64> {
    value.as_array().and_then(|items| u64::try_from(items.len()).ok())
}

fn has_type(value: &Value, rule: &Value) -> bool {
    match rule.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => false,
    }
}

fn has_format(value: &Value, rule: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match rule.as_str() {
        Some("int64") => value.is_i64(),
        Some("uuid") => text.len() == 36 && text.parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => is_like(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"),
        Some("email") => is_like(text, r"^[^@ ]+@[^@ ]+$"),
        Some("password") => value.is_string(),
        _ => false,
    }
}

/// The number of characters.
fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

/// The patterns of the documents. To compile one takes milliseconds in an unoptimized build, and each answer has many.
static PATTERNS: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);

fn is_like(text: &str, pattern: &str) -> bool {
    let mut patterns = PATTERNS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !patterns.contains_key(pattern) {
        patterns.insert(pattern.to_owned(), Regex::new(pattern).ok());
    }
    let compiled = patterns.get(pattern).cloned().flatten();
    drop(patterns);
    compiled.is_some_and(|pattern| pattern.is_match(text))
}

fn matches(value: &Value, rule: &Value) -> bool {
    rule.as_str().is_some_and(|pattern| value.as_str().is_some_and(|text| is_like(text, pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({ "components": { "schemas": {
            "Money": {
                "type": "object",
                "title": "Money",
                "properties": {
                    "amount": { "type": "integer", "format": "int64", "minimum": 0.0 },
                    "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
                },
                "required": ["amount", "currency"],
            },
            "Order": {
                "type": "object",
                "properties": {
                    "total": { "allOf": [{ "$ref": "#/components/schemas/Money" }, { "description": "Sum." }] },
                    "lines": { "type": "array", "items": { "type": "integer", "maximum": 65535 } },
                    "id": { "type": "string", "format": "uuid" },
                    "at": { "type": "string", "format": "date-time", "nullable": true },
                    "status": { "type": "string", "enum": ["paid"], "minLength": 4, "maxLength": 4 },
                },
                "required": ["total"],
            },
        } } })
    }

    fn judge(value: &Value) -> Vec<String> {
        faults(&document(), &json!({ "$ref": "#/components/schemas/Order" }), value)
    }

    #[test]
    fn a_value_that_fits_has_no_fault() {
        let value =
            json!({ "total": { "amount": 5, "currency": "EUR" }, "lines": [0, 65535], "at": null, "status": "paid" });
        assert_eq!(judge(&value), Vec::<String>::new());
        for any in [json!({ "x": [1] }), json!(1), Value::Null] {
            assert_eq!(faults(&document(), &json!({ "description": "Any value." }), &any), Vec::<String>::new());
        }
    }

    #[test]
    fn each_rule_finds_its_fault() {
        let total = json!({ "amount": 5, "currency": "EUR" });
        let broken = [
            (json!([]), "not of type"),
            (json!({}), "total is missing"),
            (json!({ "total": { "amount": 5 } }), "currency is missing"),
            (json!({ "total": { "amount": -5, "currency": "EUR" } }), "below"),
            (json!({ "total": { "amount": 5.5, "currency": "EUR" } }), "not of type"),
            (json!({ "total": { "amount": 5, "currency": "eur" } }), "does not match"),
            (json!({ "total": { "amount": 5, "currency": "EUR", "x": 1 } }), "x is not documented"),
            (json!({ "total": total, "lines": [1, 65536] }), "/lines/1"),
            (json!({ "total": total, "lines": null }), "not of type"),
            (json!({ "total": total, "id": "019a9d3c5a0070008000000000000001" }), "not of format"),
            (json!({ "total": total, "at": "2026-01-01T00:00:00Z" }), "not of format"),
            (json!({ "total": total, "status": "gone" }), "not one of"),
            (json!({ "total": total, "status": "pay" }), "shorter"),
            (json!({ "total": total, "status": "payed" }), "longer"),
            (json!({ "total": total, "note": "x" }), "note is not documented"),
        ];
        for (value, text) in broken {
            assert!(judge(&value).iter().any(|fault| fault.contains(text)), "{value}: {:?}", judge(&value));
        }
    }

    #[test]
    fn an_unknown_keyword_is_a_fault() {
        assert_eq!(faults(&json!({}), &json!({ "$ref": "#/nowhere" }), &json!(1)).len(), 1);
        assert_eq!(faults(&json!({}), &json!({ "oneOf": [] }), &json!(1)).len(), 1);
    }
}
