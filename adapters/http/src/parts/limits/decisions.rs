//! How often each limit has allowed and refused requests.

use super::{ADDRESS, CREDENTIALS, OPERATION, USER};
use metrics::Counter;

/// The counters of the requests that each limit allowed and refused. They are looked up only once.
pub(super) struct Decisions(Vec<(&'static str, Counter, Counter)>);

impl Decisions {
    /// Looks up the counters. The recorder of metrics must be installed before.
    pub(super) fn new() -> Self {
        let counter = |limit: &'static str, decision: &'static str| {
            metrics::counter!("skep_rate_limit_decisions_total", &[("limit", limit), ("decision", decision)])
        };
        let names = ADDRESS.into_iter().chain(CREDENTIALS).chain(OPERATION).chain([USER]);
        Self(names.map(|name| (name, counter(name, "allowed"), counter(name, "limited"))).collect())
    }

    pub(super) fn count(&self, name: &str, is_allowed: bool) {
        if let Some((_, allowed, limited)) = self.0.iter().find(|(limit, ..)| *limit == name) {
            if is_allowed { allowed.increment(1) } else { limited.increment(1) }
        }
    }
}
