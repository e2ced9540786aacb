//! Parameters that describe themselves for the OpenAPI document.

use crate::problem::{FieldError, Problem, code};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use std::borrow::Cow;

/// A value that is read from a header or from the query.
pub(crate) trait Parameter: Sized + Send {
    /// The part of the request that has the value: a header or the query.
    const PLACE: MetaParamIn;
    /// Whether a request without it is refused.
    const IS_REQUIRED: bool = false;

    /// The schema of the value, with the name of the parameter (`title`), its description and an example. The document
    /// moves these three to the parameter. poem-openapi would take them from the argument of the endpoint.
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
    const PARAM_IS_REQUIRED: bool = T::IS_REQUIRED;
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

/// The problem of an invalid parameter: 400 with the name of the parameter and what is wrong with it.
pub(crate) fn invalid(name: &str, detail: impl Into<Cow<'static, str>>) -> Problem {
    let detail = detail.into().into_owned();
    Problem::of(code::INVALID_PARAMETER).with_error(FieldError::parameter(name, code::INVALID_PARAMETER.name, detail))
}
