//! What extractors of parameters share.

use crate::problem::{FieldError, Problem, code};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use std::borrow::Cow;

/// The problem of a parameter that is refused: 400.
pub(crate) fn invalid(name: &str, detail: impl Into<Cow<'static, str>>) -> Problem {
    let detail = detail.into().into_owned();
    Problem::of(code::INVALID_PARAMETER).with_error(FieldError::parameter(name, code::INVALID_PARAMETER.name, detail))
}

/// The schema of a text in a header that its extractor documents itself. poem-openapi takes the name and the description
/// of a parameter from the argument of the endpoint; the schema carries both, and the document moves them to the
/// parameter.
pub(super) fn header(name: &str, description: &'static str, example: &str) -> MetaSchema {
    MetaSchema {
        title: Some(name.to_owned()),
        description: Some(description),
        example: Some(example.into()),
        ..MetaSchema::new("string")
    }
}

pub(super) fn inline(schema: MetaSchema) -> Option<MetaSchemaRef> {
    Some(MetaSchemaRef::Inline(Box::new(schema)))
}
