//! The limits of requests. A request counts for its address first, and for its user after authentication.

use super::refusal::seconds;
use crate::{
    edge::{RequestContext, RequestId},
    problem::{self, Problem, code},
};
use http::{HeaderName, HeaderValue};
use metrics::Counter;
use poem::{Endpoint, Request, Response, Result};
use skep_application::kernel::{Actor, Limit, RateLimits, Verdict};
use std::{
    fmt::Write as _,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The numbers of requests that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// All requests from one address. For IPv6, a /64 network counts as one address.
    pub address: Limit,
    /// All requests with the access tokens of one user.
    pub user: Limit,
    /// Registrations, logins and setups from one address, together.
    pub credentials: Limit,
    /// The requests of one user that are worked on at the same time, in this process. Others wait.
    pub in_flight: usize,
}

impl Default for RequestLimits {
    /// 1,200 per address, 3,000 per user and 10 with credentials, each per minute. 16 of a user at the same time.
    fn default() -> Self {
        let a_minute = |burst| Limit { burst, period: Duration::from_secs(60) };
        Self { address: a_minute(1_200), user: a_minute(3_000), credentials: a_minute(10), in_flight: 16 }
    }
}

/// The capacity with which a header value is allocated. The verdicts of two limits fit.
const HEADER: usize = 64;

/// The name of a limit, the limit, and its verdict on a request.
type Said = (&'static str, Limit, Verdict);

/// The verdicts of all limits on a request, for the headers of its answer.
#[derive(Clone, Default)]
struct Verdicts(Arc<Mutex<Vec<Said>>>);

impl Verdicts {
    fn note(&self, name: &'static str, limit: Limit, verdict: Verdict) {
        if let Ok(mut verdicts) = self.0.lock() {
            verdicts.push((name, limit, verdict));
        }
    }

    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    fn write(&self, response: &mut Response) {
        let Ok(verdicts) = self.0.lock() else { return };
        let (mut policy, mut limit) = (String::with_capacity(HEADER), String::with_capacity(HEADER));
        for (name, rule, verdict) in verdicts.iter() {
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

/// The counters of the requests that each limit allowed and refused. They are looked up only once.
struct Decisions([(&'static str, Counter, Counter); 3]);

impl Decisions {
    /// Looks up the counters. The recorder of metrics must be installed before.
    fn new() -> Self {
        let counter = |limit: &'static str, decision: &'static str| {
            metrics::counter!("skep_rate_limit_decisions_total", &[("limit", limit), ("decision", decision)])
        };
        Self(["address", "credentials", "user"].map(|name| (name, counter(name, "allowed"), counter(name, "limited"))))
    }

    fn count(&self, name: &str, is_allowed: bool) {
        if let Some((_, allowed, limited)) = self.0.iter().find(|(limit, ..)| *limit == name) {
            if is_allowed { allowed.increment(1) } else { limited.increment(1) }
        }
    }
}

/// Counts requests and answers 429 above a limit.
pub(crate) struct Limiter {
    limits: RequestLimits,
    buckets: Arc<dyn RateLimits>,
    credentials: Vec<String>,
    decisions: Decisions,
}

impl Limiter {
    /// Counts in these buckets. `credentials` are the routes of operations that take credentials. The recorder of
    /// metrics must be installed before.
    pub(super) fn new(limits: RequestLimits, buckets: Arc<dyn RateLimits>, credentials: Vec<String>) -> Self {
        Self { limits, buckets, credentials, decisions: Decisions::new() }
    }

    /// Counts the request for its address, and writes the verdicts of all limits into the headers of the answer.
    pub(crate) async fn guard<E: Endpoint>(
        self: Arc<Self>,
        endpoint: Arc<E>,
        mut request: Request,
    ) -> Result<Response> {
        let verdicts = Verdicts::default();
        request.extensions_mut().insert(verdicts.clone());
        let request_id = request.extensions().get::<RequestContext>().map(|context| context.request_id.clone());
        let result = match self.count_address(&request, &verdicts).await {
            Ok(()) => endpoint.call(request).await.map(poem::IntoResponse::into_response),
            Err(problem) => Err(problem.into()),
        };
        // Errors become responses here, so that they get the headers too.
        let mut response =
            result.unwrap_or_else(|error| problem::respond(error, request_id.as_ref().map(RequestId::as_str)));
        verdicts.write(&mut response);
        Ok(response)
    }

    async fn count_address(&self, request: &Request, verdicts: &Verdicts) -> Result<(), Problem> {
        let Some(context) = request.extensions().get::<RequestContext>() else { return Ok(()) };
        let path = request.uri().path();
        // Health checks are never refused.
        if matches!(path, "/health" | "/ready") {
            return Ok(());
        }
        let network = network(context.client);
        self.take(verdicts, "address", &network, self.limits.address).await?;
        if self.credentials.iter().any(|template| context.route.as_deref().unwrap_or(path) == template) {
            self.take(verdicts, "credentials", &network, self.limits.credentials).await?;
        }
        Ok(())
    }

    /// Counts the request for its user.
    ///
    /// # Errors
    /// 429 above the limit.
    pub(super) async fn count_user(&self, request: &Request, actor: &Actor) -> Result<(), Problem> {
        let Some(verdicts) = request.extensions().get::<Verdicts>() else { return Ok(()) };
        let user = actor.principal_id().simple().to_string();
        self.take(verdicts, "user", &user, self.limits.user).await
    }

    /// Counts a request. If the counter fails, the request is allowed; the adapter of the limits counts that in a
    /// metric.
    async fn take(&self, verdicts: &Verdicts, name: &'static str, who: &str, limit: Limit) -> Result<(), Problem> {
        let key = ["http:", name, ":", who].concat();
        let Ok(verdict) = self.buckets.take(&key, limit).await else { return Ok(()) };
        verdicts.note(name, limit, verdict);
        self.decisions.count(name, verdict.allowed);
        if verdict.allowed {
            return Ok(());
        }
        Err(Problem::of(code::RATE_LIMITED)
            .with_detail(format!("more than {} requests in {} s", limit.burst, limit.period.as_secs()))
            .with_retry_after(seconds(verdict.retry_after)))
    }
}

/// The address as text. For IPv6 it is the /64 network, which belongs to one household or host.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
