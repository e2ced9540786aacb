//! What a request has taken from the limits, and what they said.

use super::refusal::seconds;
use http::{HeaderName, HeaderValue};
use poem::Response;
use skep_application::kernel::{Limit, Verdict};
use skep_domain::shared::Network;
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The capacity with which a header value is allocated. Two verdicts fit, as most requests over IPv4 have.
const HEADER: usize = 64;

/// The name of a limit, the limit, and its last verdict on a request.
type Said = (&'static str, Limit, Verdict);

/// What a request takes from the limits. Clones share the verdicts.
#[derive(Clone)]
pub(super) struct Meter {
    /// The network of the client.
    pub(super) network: Network,
    /// The units that each limit gives before the body is read.
    pub(super) cost: u32,
    /// Whether the operation takes a password or another secret.
    pub(super) takes_credentials: bool,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Meter {
    pub(super) fn new(network: Network, cost: u32, takes_credentials: bool) -> Self {
        Self { network, cost, takes_credentials, said: Arc::default() }
    }

    /// Keeps the verdict for the headers of the answer, in place of an earlier one of the same limit.
    pub(super) fn note(&self, name: &'static str, limit: Limit, verdict: Verdict) {
        if let Ok(mut said) = self.said.lock() {
            said.retain(|(known, ..)| *known != name);
            said.push((name, limit, verdict));
        }
    }

    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn write(&self, response: &mut Response) {
        let Ok(said) = self.said.lock() else { return };
        let (mut policy, mut limit) = (String::with_capacity(HEADER), String::with_capacity(HEADER));
        for (name, rule, verdict) in said.iter() {
            let separator = if policy.is_empty() { "" } else { ", " };
            let _ = write!(policy, "{separator}\"{name}\";q={};w={}", rule.burst, rule.period.as_secs());
            let _ = write!(limit, "{separator}\"{name}\";r={};t={}", verdict.remaining, seconds(verdict.reset_after));
        }
        if policy.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        for (name, text) in [(POLICY, policy), (LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_maybe_shared(text) {
                headers.insert(name, value);
            }
        }
    }
}
