//! The state that all endpoints share.

use super::{
    cursor::Cursors,
    limits::{Limiter, RequestLimits},
};
use skep_application::App;
use std::sync::Arc;

/// The state that all endpoints share. Requests carry it as an extension.
pub struct State {
    /// The use cases of all contexts.
    pub app: Arc<App>,
    pub(crate) cursors: Cursors,
    pub(crate) limiter: Arc<Limiter>,
}

impl State {
    /// Makes the state. `credentials` are the paths of the operations that take credentials.
    pub(crate) fn new(app: Arc<App>, cursor_key: &[u8; 32], limits: RequestLimits, credentials: Vec<String>) -> Self {
        let limiter = Limiter::new(limits, Arc::clone(&app.ports.limits), credentials);
        Self { app, cursors: Cursors::new(cursor_key), limiter: Arc::new(limiter) }
    }
}
