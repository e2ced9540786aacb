//! The state that all endpoints share.

use super::{
    browser::Browsers,
    context::OperationsByPath,
    cursor::Cursors,
    in_flight::InFlight,
    limits::{Limiter, RequestLimits},
    public_contents::PublicContents,
};
use skep_application::App;
use std::sync::Arc;

/// The state that all endpoints share. Requests carry it as an extension.
pub struct State {
    /// The use cases of all contexts.
    pub app: Arc<App>,
    /// The deployment, in the envelopes of events.
    pub(crate) source: String,
    /// The address at which clients reach the deployment, without a slash at its end. `None` if it is not known.
    pub(crate) public_url: Option<String>,
    /// Where clients get the contents of public files.
    pub(crate) contents: PublicContents,
    pub(crate) cursors: Cursors,
    pub(crate) browsers: Browsers,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) in_flight: InFlight,
}

impl State {
    /// Makes the state. The recorder of metrics must be installed before.
    pub(crate) fn new(
        app: Arc<App>,
        (source, cursor_key): (String, &[u8; 32]),
        public_url: Option<&str>,
        limits: RequestLimits,
        operations: OperationsByPath,
    ) -> Self {
        let in_flight = InFlight::new(limits.in_flight);
        let limiter = Limiter::new(limits, Arc::clone(&app.ports.limits), operations);
        let (cursors, browsers) = (Cursors::new(cursor_key), Browsers::at(public_url));
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        let contents = PublicContents::new(&app.policies, public_url.as_deref());
        Self { app, source, public_url, contents, cursors, browsers, limiter: Arc::new(limiter), in_flight }
    }
}
