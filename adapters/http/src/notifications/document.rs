//! Examples of the bodies of templates of mails, for the OpenAPI document.

use crate::parts::{EXAMPLE_TIME, Schemas, line};
use serde_json::{Value, json};
use skep_application::Policies;
use skep_domain::notifications::{HTML_SOURCE_MAX, Locale, MailKind, SUBJECT_SOURCE_MAX, TEXT_SOURCE_MAX};

/// The keywords of a source of several lines, which has another character than white space.
fn source(max: usize) -> Value {
    let allowed = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]";
    let filled = r"[^\s\x00-\x1f\x7f-\x9f]";
    json!({ "minLength": 1, "maxLength": max, "pattern": format!("^{allowed}*{filled}{allowed}*$") })
}

pub(super) fn complete(schemas: &mut Schemas<'_>, _: &Policies) {
    let requests = ["CreateMailTemplateRequest", "ChangeMailTemplateRequest"];
    schemas.limit(&requests, "subject", &line(SUBJECT_SOURCE_MAX));
    schemas.limit(&requests, "text", &source(TEXT_SOURCE_MAX));
    schemas.limit(&requests, "html", &source(HTML_SOURCE_MAX));
    schemas.limit(&["ChangeMailTemplateRequest"], "html", &json!({ "nullable": true }));
    let locale = json!({ "minLength": 2, "maxLength": Locale::MAX, "pattern": Locale::PATTERN });
    schemas.limit(&["CreateMailTemplateRequest"], "locale", &locale);
    for schema in ["CreateMailTemplateRequest", "MailTemplate"] {
        schemas.values(schema, "kind", MailKind::NAMES.iter().copied());
    }
    let id = "019a9d3c-5a00-7000-8000-000000000006";
    let (subject, text) = ("Ihre Bestellung {{ order.number }}", "Danke für Ihre Bestellung, {{ customer.name }}!");
    let html = "<p>Danke für Ihre Bestellung, {{ customer.name }}!</p>";
    schemas.example(
        "MailTemplate",
        json!({
            "id": id, "kind": "order_placed", "locale": "de-AT", "subject": subject, "text": text, "html": html,
            "created_at": EXAMPLE_TIME, "updated_at": EXAMPLE_TIME,
            "links": { "self": format!("/api/v1/mail-templates/{id}") },
        }),
    );
    schemas.example(
        "CreateMailTemplateRequest",
        json!({ "kind": "order_placed", "locale": "de-AT", "subject": subject, "text": text, "html": html }),
    );
    schemas.example("ChangeMailTemplateRequest", json!({ "subject": "Bestellung {{ order.number }}", "html": null }));
    schemas.example("PreviewMailTemplateRequest", json!({}));
    schemas.example(
        "MailPreview",
        json!({
            "subject": "Ihre Bestellung K7QM-3XWA", "text": "Danke für Ihre Bestellung, Ada Lovelace!",
            "html": "<p>Danke für Ihre Bestellung, Ada Lovelace!</p>",
        }),
    );
}
