//! Generates the Rust client from the committed OpenAPI document.

use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;
use std::{env, error::Error, fs, path::Path};

const DOCUMENT: &str = "../../docs/api/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(DOCUMENT)?)?;
    adapt(&mut document);
    let document: openapiv3::OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder);
    let client = Generator::new(&settings).generate_tokens(&document)?;
    let client = prettyplease::unparse(&syn::parse2(client)?);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("skep.rs"), client)?;
    Ok(())
}

/// Simplifies what progenitor does not understand: all errors get one type, a 202 beside a 201 is left out, a problem
/// document is plain JSON, and a body has one media type, which for any content is that of bytes. It cannot send the media
/// type of tus, so there is no method for pieces of uploads.
fn adapt(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            if let Some(problem) = fields.remove("application/problem+json") {
                fields.insert("application/json".to_owned(), problem);
            }
            if let Some(any) = fields.remove("*/*") {
                fields.insert("application/octet-stream".to_owned(), any);
            }
            let piece =
                fields.get("patch").map(|patch| &patch["requestBody"]["content"]["application/offset+octet-stream"]);
            if piece.is_some_and(|piece| !piece.is_null()) {
                fields.remove("patch");
            }
            if fields.contains_key("application/json") {
                fields.remove("application/merge-patch+json");
            }
            if let Some(responses) = fields.get_mut("responses").and_then(Value::as_object_mut)
                && let Some(error) = responses.remove("default")
            {
                responses.retain(|status, _| status.starts_with('2'));
                if responses.contains_key("201") {
                    responses.remove("202");
                }
                responses.insert("4XX".to_owned(), error.clone());
                responses.insert("5XX".to_owned(), error);
            }
            fields.values_mut().for_each(adapt);
        }
        Value::Array(items) => items.iter_mut().for_each(adapt),
        _ => {}
    }
}
