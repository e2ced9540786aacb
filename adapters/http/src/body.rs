//! JSON request bodies, read strictly.
//!
//! [`Strict`] is for POST and PUT, and [`MergePatch`] is for PATCH (RFC 7396). Both answer 400 if the body is not JSON,
//! has a key twice in an object or is nested too deeply, whatever its type is. They answer 422 with the place of a
//! value that does not fit the type.
//!
//! The types of bodies derive `poem_openapi::Object` for the document and `serde::Deserialize` for parsing, with
//! serde's `deny_unknown_fields`. The document says by itself that request bodies refuse unknown fields. A field of a
//! patch that may be absent, null or a value is a `MaybeUndefined<T>`, and the patch has serde's `default`. The
//! `validator` attributes of poem-openapi are for the document only, because the domain checks the values.

use crate::{
    edge::{Limits, RequestContext},
    parts::turn_after_body,
    problem::{self, Problem, code},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{ParsePayload, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;

mod buffer;
mod by_name;
mod json;
mod list;
mod media_type;

pub use self::json::{MAX_DEPTH, parse};
pub(crate) use self::list::at_most;
pub(crate) use self::media_type::MediaType;

/// The media types that PATCH accepts.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// Any media type, for bodies that are judged by their content.
pub(crate) const ANY: &str = "*/*";

/// The media type of bodies.
const JSON: &str = "application/json";

/// The media type of JSON merge patches (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A body of the media type `application/json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strict<T>(pub T);

/// A JSON merge patch of the media type `application/merge-patch+json` or `application/json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergePatch<T>(pub T);

/// Checks the headers and reads the body up to its limit. Parses it when it is the turn of its user.
async fn read<T: DeserializeOwned>(request: &Request, body: &mut RequestBody, accepted: &[&str]) -> Result<T, Problem> {
    check_head(request, accepted)?;
    let body = body.take().map_err(|error| problem::from_error(error.into()))?;
    let limit = usize::try_from(limit(request)).unwrap_or(usize::MAX);
    let whole = buffer::read_whole(body.into(), limit).await?;
    turn_after_body(request).await?;
    parse(&whole)
}

/// Checks the headers that describe the body.
///
/// # Errors
/// 413 if the announced length is above the limit; 415 if the media type is not accepted or the body is encoded.
pub(crate) fn check_head(request: &Request, accepted: &[&str]) -> Result<(), Problem> {
    let announced = single(request.headers(), &CONTENT_LENGTH).flatten().and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit(request)) {
        return Err(Problem::of(code::BODY_TOO_LARGE));
    }
    check_media_type(request.headers(), request.method(), accepted)
}

/// The greatest size of the body in bytes. The edge checks it too; this check is for endpoints without the edge.
fn limit(request: &Request) -> u64 {
    let context = request.extensions().get::<RequestContext>();
    context.map_or(Limits::default().max_body_bytes, |context| context.max_body_bytes)
}

fn check_media_type(headers: &HeaderMap, method: &Method, accepted: &[&str]) -> Result<(), Problem> {
    let unsupported = || {
        let problem = Problem::of(code::UNSUPPORTED_MEDIA_TYPE);
        with_accepted(problem.with_detail(format!("the body must be {}", accepted.join(" or "))), method, accepted)
    };
    if single(headers, &CONTENT_ENCODING)
        .is_none_or(|coding| coding.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")))
    {
        return Err(Problem::of(code::UNSUPPORTED_MEDIA_TYPE).with_detail("the body must not have a content-encoding"));
    }
    if accepted == [ANY] {
        return Ok(());
    }
    let Some(Some(value)) = single(headers, &CONTENT_TYPE) else {
        return Err(unsupported());
    };
    let media_type = MediaType::parse(value).ok_or_else(unsupported)?;
    let is_accepted = accepted.iter().any(|accepted| media_type.is(accepted));
    if is_accepted && media_type.is_utf8() { Ok(()) } else { Err(unsupported()) }
}

/// Adds the media types that are accepted to a 415 (RFC 9110, 12.5.1; RFC 5789, 2.2).
fn with_accepted(problem: Problem, method: &Method, accepted: &[&str]) -> Problem {
    let Ok(accepted) = HeaderValue::from_str(&accepted.join(", ")) else { return problem };
    let problem = problem.with_header(ACCEPT, accepted.clone());
    if method == Method::PATCH { problem.with_header(ACCEPT_PATCH, accepted) } else { problem }
}

/// The value of the header. `None` if it is repeated or not a text; `Some(None)` if it is absent.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => value.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

macro_rules! json_body {
    ($name:ident, $content_type:expr, [$($accepted:expr),*]) => {
        impl<T: Type> Payload for $name<T> {
            const CONTENT_TYPE: &'static str = $content_type;

            fn schema_ref() -> MetaSchemaRef {
                T::schema_ref()
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
            }
        }

        impl<T: Type + DeserializeOwned> ParsePayload for $name<T> {
            const IS_REQUIRED: bool = true;

            async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
                Ok(Self(read(request, body, &[$($accepted),*]).await?))
            }
        }

        impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                <Self as Payload>::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                let media_type = |content_type| MetaMediaType {
                    content_type,
                    schema: <Self as Payload>::schema_ref(),
                };
                Some(MetaRequest {
                    description: None,
                    content: vec![$(media_type($accepted)),*],
                    required: true,
                })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                <Self as ParsePayload>::from_request(request, body).await
            }
        }
    };
}

json_body!(Strict, JSON, [JSON]);
json_body!(MergePatch, MERGE_PATCH, [MERGE_PATCH, JSON]);

#[cfg(test)]
mod tests;
