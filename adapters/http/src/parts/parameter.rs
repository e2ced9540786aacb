//! Parameters that document themselves.

use crate::problem::{FieldError, Problem, code};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use std::borrow::Cow;

/// A value that is read from a header or from the query.
pub(crate) trait Parameter: Sized + Send {
    /// The part of the request that holds it.
    const PLACE: MetaParamIn;

    /// Its schema. poem-openapi calls a parameter like the argument of the endpoint and describes it with the comment of
    /// the argument. So the schema carries name (`title`), description and example, and the document moves them to the
    /// parameter.
    fn schema() -> MetaSchema;

    /// Reads the value from a request.
    ///
    /// # Errors
    /// 400 if the value cannot be used.
    fn read(request: &Request) -> Result<Self, Problem>;
}

/// A parameter as it was sent.
pub(crate) struct Sent<T>(pub(crate) T);

impl<'a, T: Parameter> ApiExtractor<'a> for Sent<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(T::PLACE)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(T::schema())))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(T::read(request)?))
    }
}

/// The problem of a parameter that is refused: 400.
pub(crate) fn invalid(name: &str, detail: impl Into<Cow<'static, str>>) -> Problem {
    let detail = detail.into().into_owned();
    Problem::of(code::INVALID_PARAMETER).with_error(FieldError::parameter(name, code::INVALID_PARAMETER.name, detail))
}
