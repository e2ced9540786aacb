//! The limits of requests. A request counts for its address first, and for its user after authentication.

use super::refusal::seconds;
use crate::{
    edge::{RequestContext, RequestId, is_probe},
    problem::{self, Problem, code},
};
use http::{HeaderName, HeaderValue};
use metrics::Counter;
use poem::{Endpoint, Request, Response, Result};
use skep_application::kernel::{Actor, Limit, RateLimits, Verdict, WiderNetworks};
use skep_domain::shared::Network;
use std::{
    fmt::Write as _,
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
    /// The limits of the wider IPv6 networks around an address.
    pub networks: WiderNetworks,
}

impl Default for RequestLimits {
    /// 1,200 per address, 3,000 per user and 10 with credentials, each per minute. 16 of a user at the same time.
    fn default() -> Self {
        let a_minute = |burst| Limit { burst, period: Duration::from_secs(60) };
        let networks = WiderNetworks::default();
        Self { address: a_minute(1_200), user: a_minute(3_000), credentials: a_minute(10), networks, in_flight: 16 }
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

/// The names of the limits of an address, and of the networks of 56 and of 48 bits around it.
type Levels = [&'static str; Network::LEVELS];

const ADDRESS: Levels = ["address", "address-56", "address-48"];
const CREDENTIALS: Levels = ["credentials", "credentials-56", "credentials-48"];
const USER: &str = "user";

/// The counters of the requests that each limit allowed and refused. They are looked up only once.
struct Decisions(Vec<(&'static str, Counter, Counter)>);

impl Decisions {
    /// Looks up the counters. The recorder of metrics must be installed before.
    fn new() -> Self {
        let counter = |limit: &'static str, decision: &'static str| {
            metrics::counter!("skep_rate_limit_decisions_total", &[("limit", limit), ("decision", decision)])
        };
        let names = ADDRESS.into_iter().chain(CREDENTIALS).chain([USER]);
        Self(names.map(|name| (name, counter(name, "allowed"), counter(name, "limited"))).collect())
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
        if is_probe(path) {
            return Ok(());
        }
        let network = Network::of(context.client);
        self.take_of_networks(verdicts, ADDRESS, network, self.limits.address).await?;
        if self.credentials.iter().any(|template| context.route.as_deref().unwrap_or(path) == template) {
            self.take_of_networks(verdicts, CREDENTIALS, network, self.limits.credentials).await?;
        }
        Ok(())
    }

    /// Counts a request for its address, and for the wider networks around it.
    async fn take_of_networks(
        &self,
        verdicts: &Verdicts,
        names: Levels,
        network: Network,
        limit: Limit,
    ) -> Result<(), Problem> {
        for (name, (network, limit)) in names.into_iter().zip(self.limits.networks.limits(network, limit)) {
            self.take(verdicts, name, &network.to_string(), limit).await?;
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
        self.take(verdicts, USER, &user, self.limits.user).await
    }

    /// Counts a request. If the counter fails, the request is allowed; the adapter of the limits counts that in a
    /// metric.
    async fn take(&self, verdicts: &Verdicts, name: &'static str, who: &str, limit: Limit) -> Result<(), Problem> {
        let key = ["http:", name, ":", who].concat();
        let Ok(verdict) = self.buckets.take(&key, 1, limit).await else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use skep_application::kernel::StoreError;
    use std::collections::HashMap;

    /// Buckets that never fill up again.
    #[derive(Default)]
    struct Buckets(Mutex<HashMap<String, u32>>);

    #[async_trait]
    impl RateLimits for Buckets {
        async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
            let mut taken = self.0.lock().unwrap();
            let taken = taken.entry(key.to_owned()).or_default();
            let allowed = *taken + cost <= limit.burst;
            *taken += if allowed { cost } else { 0 };
            let (remaining, wait) = (limit.burst - *taken, Duration::from_secs(1));
            Ok(Verdict { allowed, remaining, retry_after: wait, reset_after: wait })
        }

        async fn give_back(&self, _: &str, _: u32, _: Limit) -> Result<(), StoreError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_large_network_is_limited_and_a_small_one_that_is_refused_costs_its_neighbors_nothing() {
        let limit = Limit { burst: 2, period: Duration::from_secs(60) };
        let networks = WiderNetworks { times_56: 2, times_48: 3 };
        let limits = RequestLimits { address: limit, networks, ..RequestLimits::default() };
        let limiter = Limiter::new(limits, Arc::<Buckets>::default(), vec![]);
        let allowed = async |address: &str, calls: u32| {
            let (verdicts, network) = (Verdicts::default(), Network::of(address.parse().unwrap()));
            let mut allowed = 0;
            for _ in 0..calls {
                allowed += u32::from(limiter.take_of_networks(&verdicts, ADDRESS, network, limit).await.is_ok());
            }
            allowed
        };
        assert_eq!(allowed("2001:db8:1:1::1", 100).await, 2, "the limit of an address");
        assert_eq!(allowed("2001:db8:1:2::1", 100).await, 2, "a neighbor");
        assert_eq!(allowed("2001:db8:1:3::1", 100).await, 0, "the limit of the network of 56 bits");
        assert_eq!(allowed("2001:db8:1:100::1", 1).await, 1);
        assert_eq!(allowed("2001:db8:1:200::1", 1).await, 1);
        assert_eq!(allowed("2001:db8:1:300::1", 100).await, 0, "the limit of the network of 48 bits");
        assert_eq!(allowed("2001:db8:2::1", 100).await, 2);
        assert_eq!(allowed("192.0.2.1", 100).await, 2);
    }
}
