//! What every endpoint has at hand.

use super::{
    cursor::Cursors,
    limits::{Limiter, RequestLimits},
};
use skep_application::App;
use std::sync::Arc;

/// What the API is told at start.
#[derive(Clone)]
pub struct ApiConfig {
    /// The key that authenticates cursors; the same on every instance.
    pub cursor_key: [u8; 32],
    /// How often requests may come.
    pub limits: RequestLimits,
    /// Whether `/api-docs` is served.
    pub docs: bool,
    /// Renders the metrics in the text format of Prometheus, if they are served here.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// The token that `/metrics` asks for, if it is not open.
    pub metrics_token: Option<String>,
}

impl std::fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiConfig").field("limits", &self.limits).field("docs", &self.docs).finish_non_exhaustive()
    }
}

/// What every endpoint has at hand; poem carries it as `Data`.
pub struct State {
    /// The use cases.
    pub app: Arc<App>,
    pub(crate) cursors: Cursors,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) config: ApiConfig,
}

impl State {
    /// `credentials` are the paths of the operations that take credentials.
    pub(crate) fn new(app: Arc<App>, config: ApiConfig, credentials: Vec<String>) -> Self {
        let limiter = Limiter::new(config.limits, Arc::clone(&app.ports.limits), credentials);
        Self { app, cursors: Cursors::new(&config.cursor_key), limiter: Arc::new(limiter), config }
    }
}
