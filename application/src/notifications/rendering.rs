//! Making a mail's subject, text and HTML from a template.

use super::Renderer;
use crate::kernel::Invalid;
use serde_json::Value;
use skep_domain::notifications::{MailPart, Subject, TemplateSources};

/// A part of a template. Its name is that of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePart {
    /// The subject, which is one line.
    Subject,
    /// The plain text.
    Text,
    /// The HTML.
    Html,
}

impl TemplatePart {
    /// The place of the part in a command, as a JSON pointer.
    #[must_use]
    pub const fn pointer(self) -> &'static str {
        match self {
            Self::Subject => "/subject",
            Self::Text => "/text",
            Self::Html => "/html",
        }
    }
}

/// The reasons why no mail can be made from a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateFaultKind {
    /// The source is not in the template language, or uses a part of it that templates of mails do not have.
    Syntax,
    /// A variable, or a field of one, does not exist.
    UnknownVariable,
    /// A filter does not exist.
    UnknownFilter,
    /// The source can be read, but no mail can be made from it.
    Unusable,
}

impl TemplateFaultKind {
    /// The stable code of an invalid field.
    #[must_use]
    pub const fn field_code(self) -> &'static str {
        match self {
            Self::Syntax => "invalid_template",
            Self::UnknownVariable => "unknown_variable",
            Self::UnknownFilter => "unknown_filter",
            Self::Unusable => "unusable_template",
        }
    }
}

/// A reason why no mail can be made from a template, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct TemplateFault {
    /// The kind of the fault.
    pub kind: TemplateFaultKind,
    /// The fault, in words for people. Starts with a lowercase letter.
    pub detail: String,
}

impl TemplateFault {
    /// Makes a fault.
    pub fn new(kind: TemplateFaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    fn unusable(error: impl std::fmt::Display) -> Self {
        Self::new(TemplateFaultKind::Unusable, format!("the result {error}"))
    }
}

/// The contents of a mail, made from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedMail {
    /// The subject, with the values of its variables.
    pub subject: Subject,
    /// The plain text.
    pub text: MailPart,
    /// The HTML, if the template has it.
    pub html: Option<MailPart>,
}

/// Makes the contents of a mail.
pub(super) fn render(
    renderer: &dyn Renderer,
    sources: &TemplateSources,
    data: &Value,
) -> Result<RenderedMail, TemplateFault> {
    let TemplateSources { subject, text, html } = sources;
    let html = html.as_ref().map(|html| part(renderer, TemplatePart::Html, html.as_str(), data)).transpose()?;
    let text = part(renderer, TemplatePart::Text, text.as_str(), data)?;
    Ok(RenderedMail { subject: self::subject(renderer, subject.as_str(), data)?, text, html })
}

fn subject(renderer: &dyn Renderer, source: &str, data: &Value) -> Result<Subject, TemplateFault> {
    Subject::parse(&renderer.render(TemplatePart::Subject, source, data)?).map_err(TemplateFault::unusable)
}

fn part(renderer: &dyn Renderer, part: TemplatePart, source: &str, data: &Value) -> Result<MailPart, TemplateFault> {
    MailPart::parse(&renderer.render(part, source, data)?).map_err(TemplateFault::unusable)
}

/// Checks a source: by itself, and by making a mail from the sample. A fault is added to `invalid`.
pub(super) fn check(renderer: &dyn Renderer, invalid: &mut Invalid, place: TemplatePart, source: &str, sample: &Value) {
    let checked = renderer.check(place, source, sample).and_then(|()| match place {
        TemplatePart::Subject => subject(renderer, source, sample).map(drop),
        TemplatePart::Text | TemplatePart::Html => part(renderer, place, source, sample).map(drop),
    });
    if let Err(fault) = checked {
        invalid.check::<(), _>(place.pointer(), fault.kind.field_code(), Err(fault));
    }
}
