//! The `Idempotency-Key` header.

use super::parameter::{self, invalid};
use crate::problem::Problem;
use http::HeaderName;
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use skep_application::kernel::IdempotencyKey;

/// The name of the header.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The name as the document writes it.
const NAME: &str = "Idempotency-Key";

/// The key that makes a request safe to repeat, if the caller sent one.
pub(crate) struct RepeatKey(pub(crate) Option<IdempotencyKey>);

impl<'a> ApiExtractor<'a> for RepeatKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let description = "Makes the request safe to repeat: 1 to 255 printable characters, kept for 24 hours.";
        let schema = parameter::header(NAME, description, "my-first-order");
        parameter::inline(MetaSchema { min_length: Some(1), max_length: Some(255), ..schema })
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self(idempotency_key(request.header(IDEMPOTENCY_KEY))?))
    }
}

/// Reads the value of an `Idempotency-Key` header.
///
/// # Errors
/// 400 if it is no key.
pub(crate) fn idempotency_key(header: Option<&str>) -> Result<Option<IdempotencyKey>, Problem> {
    header.map(IdempotencyKey::parse).transpose().map_err(|error| invalid(NAME, error.to_string()))
}
