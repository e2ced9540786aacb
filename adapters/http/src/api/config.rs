//! The settings of the API.

use crate::{parts::RequestLimits, system::MetricsPage};

/// The settings of the API.
#[derive(Clone)]
pub struct ApiConfig {
    /// The deployment, in the envelopes of events: a URI reference.
    pub source: String,
    /// The address at which browsers reach the API, such as `https://shop.example`. With https, the session cookie is
    /// `__Host-skep_session` with `Secure`. `None` if only this machine reaches it, without https.
    pub public_url: Option<String>,
    /// The key that authenticates cursors. All instances need the same key.
    pub cursor_key: [u8; 32],
    /// The limits of requests per address and per user.
    pub limits: RequestLimits,
    /// Whether `/api-docs` is served.
    pub docs: bool,
    /// The page `/metrics`. With `None`, it is answered 404.
    pub metrics: Option<MetricsPage>,
}

impl std::fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiConfig").field("limits", &self.limits).field("docs", &self.docs).finish_non_exhaustive()
    }
}
