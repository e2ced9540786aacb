//! The state that all endpoints share, and the settings that it is made from.

use super::{
    cursor::Cursors,
    limits::{Limiter, RequestLimits},
};
use crate::system::MetricsPage;
use skep_application::App;
use std::sync::Arc;

/// The settings of the API.
#[derive(Clone)]
pub struct ApiConfig {
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

/// The state that all endpoints share. Requests carry it as an extension.
pub struct State {
    /// The use cases of all contexts.
    pub app: Arc<App>,
    pub(crate) cursors: Cursors,
    pub(crate) limiter: Arc<Limiter>,
}

impl State {
    /// Makes the state. `credentials` are the paths of the operations that take credentials.
    pub(crate) fn new(app: Arc<App>, config: &ApiConfig, credentials: Vec<String>) -> Self {
        let limiter = Limiter::new(config.limits, Arc::clone(&app.ports.limits), credentials);
        Self { app, cursors: Cursors::new(&config.cursor_key), limiter: Arc::new(limiter) }
    }
}
