//! The limits of requests. A request counts for its address first, and for its user after authentication.

use super::{context::OperationsByPath, meter::Meter, refusal::seconds};
use crate::{
    edge::{RequestContext, RequestId, is_probe},
    problem::{self, Problem, code},
};
use http::Method;
use metrics::Counter;
use poem::{Endpoint, Request, Response, Result};
use skep_application::kernel::{Actor, Gcra, Limit, RateLimits, WiderNetworks};
use skep_domain::shared::Network;
use std::{sync::Arc, time::Duration};

/// The limits of requests. Those of an address and of a user are in units: a request takes one or more, as its
/// operation declares.
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
    /// 1,200 units per address, 3,000 per user and 10 requests with credentials, each per minute. 16 of a user at the
    /// same time.
    fn default() -> Self {
        let a_minute = |burst| Limit { burst, period: Duration::from_secs(60) };
        let networks = WiderNetworks::default();
        Self { address: a_minute(1_200), user: a_minute(3_000), credentials: a_minute(10), networks, in_flight: 16 }
    }
}

/// The names of the limits of an address, and of the networks of 56 and of 48 bits around it.
type Levels = [&'static str; Network::LEVELS];

const ADDRESS: Levels = ["address", "address-56", "address-48"];
const CREDENTIALS: Levels = ["credentials", "credentials-56", "credentials-48"];
const USER: &str = "user";

/// What one limit allows one client.
#[derive(Clone)]
struct Bucket {
    /// The name of the limit.
    name: &'static str,
    key: String,
    limit: Limit,
}

impl Bucket {
    fn new(name: &'static str, of: &str, limit: Limit) -> Self {
        Self { name, key: ["http:", name, ":", of].concat(), limit }
    }

    /// The cost, or the whole bucket if it holds less. So a low limit makes no request impossible.
    fn afford(&self, cost: u32) -> u32 {
        cost.min(self.limit.burst)
    }
}

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
    operations: OperationsByPath,
    decisions: Decisions,
}

impl Limiter {
    /// Counts in these buckets. The recorder of metrics must be installed before.
    pub(super) fn new(limits: RequestLimits, buckets: Arc<dyn RateLimits>, operations: OperationsByPath) -> Self {
        Self { limits, buckets, operations, decisions: Decisions::new() }
    }

    /// Counts the request for its address, and writes the verdicts of all limits into the headers of the answer.
    pub(crate) async fn guard<E: Endpoint>(
        self: Arc<Self>,
        endpoint: Arc<E>,
        mut request: Request,
    ) -> Result<Response> {
        let meter = self.meter(&request);
        if let Some(meter) = &meter {
            request.extensions_mut().insert(meter.clone());
        }
        let request_id = request.extensions().get::<RequestContext>().map(|context| context.request_id.clone());
        let result = match self.count_address(meter.as_ref()).await {
            Ok(()) => endpoint.call(request).await.map(poem::IntoResponse::into_response),
            Err(problem) => Err(problem.into()),
        };
        // Errors become responses here, so that they get the headers too.
        let mut response =
            result.unwrap_or_else(|error| problem::respond(error, request_id.as_ref().map(RequestId::as_str)));
        if let Some(meter) = meter {
            self.settle(&meter, &response).await;
            meter.write(&mut response);
        }
        // The edge logs failures, in a sample. Under another server, nothing outside does.
        if request_id.is_none()
            && let Some(failure) = problem::take_failure(&mut response)
        {
            problem::log_failure(&failure, None, 0);
        }
        Ok(response)
    }

    /// What the request takes before its body is read. `None` for health checks, which are never refused.
    fn meter(&self, request: &Request) -> Option<Meter> {
        let context = request.extensions().get::<RequestContext>()?;
        let path = request.uri().path();
        if is_probe(path) {
            return None;
        }
        let operations = self.operations.get(context.route.as_deref().unwrap_or(path)).map_or(&[][..], Vec::as_slice);
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let operation = operations.iter().find(|(known, _)| known == method);
        let takes_credentials = operations.iter().any(|(_, operation)| operation.takes_credentials);
        let mut meter = Meter::new(Network::of(context.client), 1, takes_credentials);
        if let Some((_, operation)) = operation {
            meter.cost = operation.cost.of_head(request);
            meter.whole = operation.cost.at_most(request);
            meter.has_body = operation.body.is_some();
        }
        Some(meter)
    }

    async fn count_address(&self, meter: Option<&Meter>) -> Result<(), Problem> {
        let Some(meter) = meter else { return Ok(()) };
        self.take_of_networks(meter, ADDRESS, self.limits.address).await?;
        if meter.takes_credentials {
            self.take_of_networks(meter, CREDENTIALS, self.limits.credentials).await?;
        }
        Ok(())
    }

    /// Gives back what the request has taken from the limit of credentials if the server has refused it for lack of room.
    /// It was no guess then, and a client that repeats it as often as `Retry-After` says must not lock itself out.
    async fn settle(&self, meter: &Meter, response: &Response) {
        if !meter.takes_credentials || !problem::failure(response).is_some_and(Problem::lacks_room) {
            return;
        }
        for bucket in self.of_networks(meter, CREDENTIALS, self.limits.credentials) {
            let units = bucket.afford(meter.cost);
            self.give_back(&bucket, units).await;
            meter.given_back(bucket.name, units);
        }
    }

    /// Counts a request for its address, and for the wider networks around it.
    async fn take_of_networks(&self, meter: &Meter, names: Levels, limit: Limit) -> Result<(), Problem> {
        for bucket in self.of_networks(meter, names, limit) {
            self.take_first(meter, &bucket).await?;
        }
        Ok(())
    }

    /// The buckets of the address and of the wider networks around it.
    fn of_networks(&self, meter: &Meter, names: Levels, limit: Limit) -> impl Iterator<Item = Bucket> + Send + use<> {
        let levels = names.into_iter().zip(self.limits.networks.limits(meter.network, limit));
        levels.map(|(name, (network, limit))| Bucket::new(name, &network.to_string(), limit))
    }

    /// The bucket of the user.
    fn of_user(&self, actor: &Actor) -> Bucket {
        Bucket::new(USER, &actor.principal_id().simple().to_string(), self.limits.user)
    }

    /// Counts the request for its user. A refused request has taken one unit of its address, and no more.
    ///
    /// # Errors
    /// 429 above the limit.
    pub(super) async fn count_user(&self, meter: &Meter, actor: &Actor) -> Result<(), Problem> {
        let taken = self.take_first(meter, &self.of_user(actor)).await;
        if taken.is_err() && meter.cost > 1 {
            for bucket in self.of_networks(meter, ADDRESS, self.limits.address) {
                self.give_back(&bucket, bucket.afford(meter.cost) - 1).await;
            }
        }
        taken
    }

    /// Takes the rest of a cost that is known only after the body was read. A refused request has taken one unit of its
    /// address, and no more.
    ///
    /// # Errors
    /// 429 above the limit of the address or of the user.
    pub(super) async fn take_rest(&self, meter: &Meter, actor: &Actor, cost: u32) -> Result<(), Problem> {
        let mut taken: Vec<(Bucket, u32)> = vec![];
        let user = self.of_user(actor);
        // A repeat takes the first units of the address once more; those of the user are given back.
        let of_address = self.of_networks(meter, ADDRESS, self.limits.address).map(|bucket| (bucket, meter.cost));
        for (bucket, again) in of_address.chain([(user.clone(), 0)]) {
            let rest = bucket.afford(cost).saturating_sub(meter.cost);
            if rest == 0 {
                continue;
            }
            if let Err(problem) = self.take(meter, &bucket, rest, again).await {
                taken.push((user, meter.cost));
                for (bucket, units) in taken {
                    self.give_back(&bucket, units).await;
                }
                return Err(problem);
            }
            taken.push((bucket, rest));
        }
        Ok(())
    }

    /// Gives units back. If this fails, they become available as time passes.
    async fn give_back(&self, bucket: &Bucket, units: u32) {
        if units > 0 {
            let _ = self.buckets.give_back(&bucket.key, units, bucket.limit).await;
        }
    }

    /// Takes the units that a request takes before its body is read. A refused client is asked to wait until its whole
    /// request can be worked on.
    async fn take_first(&self, meter: &Meter, bucket: &Bucket) -> Result<(), Problem> {
        let first = bucket.afford(meter.cost);
        self.take(meter, bucket, first, bucket.afford(meter.whole).saturating_sub(first)).await
    }

    /// Takes units. A repeat needs `more` units beside them. If the counter fails, the request is allowed; the adapter of
    /// the limits counts that in a metric.
    async fn take(&self, meter: &Meter, bucket: &Bucket, units: u32, more: u32) -> Result<(), Problem> {
        let Bucket { name, key, limit } = bucket;
        let Ok(verdict) = self.buckets.take(key, units, *limit).await else { return Ok(()) };
        meter.note(name, *limit, verdict);
        self.decisions.count(name, verdict.allowed);
        if verdict.allowed {
            return Ok(());
        }
        let more = Duration::from_micros(Gcra::new(*limit).cost_micros(more));
        Err(Problem::of(code::RATE_LIMITED)
            .with_detail(format!("more than {} units in {} s", limit.burst, limit.period.as_secs()))
            .with_retry_after(seconds(verdict.retry_after + more)))
    }
}

#[cfg(test)]
mod tests;
