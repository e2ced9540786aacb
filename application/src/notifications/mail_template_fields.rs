//! The fields of a template of mails, as callers give them.

use super::{Renderer, TemplatePart, rendering, sample_data};
use crate::kernel::{Invalid, refusal};
use serde_json::Value;
use skep_domain::{
    notifications::{Locale, MailKind, TemplateSources},
    shared::{InvalidText, Text},
};

refusal! {
    /// A template of this kind and locale exists already; change it instead.
    MailTemplateExists = Conflict, "mail_template_exists";
}

/// Parses the name of a kind, or adds an error to `invalid`.
pub(super) fn kind(invalid: &mut Invalid, name: &str) -> Option<MailKind> {
    let unknown = || format!("must be one of {}", MailKind::NAMES.join(", "));
    invalid.check("/kind", "unknown_mail_kind", MailKind::from_name(name).ok_or_else(unknown))
}

/// Parses a locale, or adds an error to `invalid`.
pub(super) fn locale(invalid: &mut Invalid, text: &str) -> Option<Locale> {
    invalid.check("/locale", "invalid_locale", Locale::parse(text))
}

/// Parses a source, or adds an error to `invalid`.
pub(super) fn source(invalid: &mut Invalid, part: TemplatePart, text: &str) -> Option<Text> {
    let parse: fn(&str) -> Result<Text, InvalidText> = match part {
        TemplatePart::Subject => TemplateSources::subject,
        TemplatePart::Text => TemplateSources::text,
        TemplatePart::Html => TemplateSources::html,
    };
    invalid.check(part.pointer(), "invalid_text", parse(text))
}

/// Checks sources that were parsed by the rules of the template language.
pub(super) fn check(renderer: &dyn Renderer, kind: MailKind, sources: &TemplateSources) -> Result<(), Invalid> {
    let (mut invalid, sample): (_, Value) = (Invalid::default(), sample_data(kind));
    let mut check = |part, source: &Text| {
        rendering::check(renderer, &mut invalid, part, source.as_str(), &sample);
    };
    check(TemplatePart::Subject, &sources.subject);
    check(TemplatePart::Text, &sources.text);
    if let Some(html) = &sources.html {
        check(TemplatePart::Html, html);
    }
    invalid.finish(())
}
