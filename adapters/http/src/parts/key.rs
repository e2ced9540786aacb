//! The `Idempotency-Key` header.

use super::parameter::{Parameter, Sent, invalid};
use crate::problem::Problem;
use http::HeaderName;
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_application::kernel::IdempotencyKey;

/// The name of the header, as HTTP/2 writes it.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The name of the header in the document and in problems.
const NAME: &str = "Idempotency-Key";

/// The key that makes a request safe to repeat, if the caller sent one.
pub(crate) type RepeatKey = Sent<Option<IdempotencyKey>>;

impl Parameter for Option<IdempotencyKey> {
    const PLACE: MetaParamIn = MetaParamIn::Header;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some(NAME.to_owned()),
            description: Some(
                "A key that you choose for this request: 1 to 255 printable ASCII characters. For 24 hours, a repeat \
                 with the same key gets the first successful answer and changes nothing. Another request needs another \
                 key.",
            ),
            example: Some("my-first-order".into()),
            min_length: Some(1),
            max_length: Some(IdempotencyKey::MAX),
            // HTTP takes spaces around a value away.
            pattern: Some("^[!-~]([ -~]*[!-~])?$".to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        idempotency_key(request.header(IDEMPOTENCY_KEY))
    }
}

/// Reads the value of an `Idempotency-Key` header.
///
/// # Errors
/// 400 if the value is not a key.
pub(crate) fn idempotency_key(header: Option<&str>) -> Result<Option<IdempotencyKey>, Problem> {
    header.map(IdempotencyKey::parse).transpose().map_err(|error| invalid(NAME, error.to_string()))
}
