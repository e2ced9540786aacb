//! The program that a caller uses.

use http::header::USER_AGENT;
use poem::{FromRequest, Request, RequestBody, Result};
use skep_domain::identity::Device;

/// The program that sent the request, as it describes itself in `User-Agent`.
pub(crate) struct ClientDevice(pub(crate) Option<Device>);

impl<'a> FromRequest<'a> for ClientDevice {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let described = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self(described.and_then(|described| Device::of(&described))))
    }
}
