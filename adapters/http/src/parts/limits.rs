//! The limits of requests. A request counts for its address first, and for its user after authentication.

mod bucket;
mod decisions;
mod operation_limit;
mod request_limits;

use super::{context::OperationsByPath, meter::Meter, refusal::seconds};
use crate::{
    edge::{RequestContext, RequestId, is_probe},
    problem::{self, Problem, code},
};
use http::{Method, StatusCode};
use poem::{Endpoint, Request, Response, Result};
use skep_application::kernel::{Actor, Limit, RateLimits};
use skep_domain::shared::Network;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

use decisions::Decisions;

pub(super) use bucket::Bucket;
pub use bucket::OPERATION_KEYS;
pub use operation_limit::{CountedBy, OperationLimit};
pub use request_limits::RequestLimits;

/// The names of the limits of an address, and of the networks of 56 and of 48 bits around it.
type Levels = [&'static str; Network::LEVELS];

const ADDRESS: Levels = ["address", "address-56", "address-48"];
const CREDENTIALS: Levels = ["credentials", "credentials-56", "credentials-48"];
const OPERATION: Levels = ["operation", "operation-56", "operation-48"];
const USER: &str = "user";

/// Counts requests and answers 429 above a limit.
pub(crate) struct Limiter {
    limits: RequestLimits,
    buckets: Arc<dyn RateLimits>,
    operations: OperationsByPath,
    /// The limits of single operations, by `operationId`.
    of_operations: HashMap<&'static str, OperationLimit>,
    decisions: Decisions,
}

impl Limiter {
    /// Counts in these buckets. The recorder of metrics must be installed before.
    pub(super) fn new(limits: RequestLimits, buckets: Arc<dyn RateLimits>, operations: OperationsByPath) -> Self {
        let of_operations = limits.operations.iter().map(|limit| (limit.operation, *limit)).collect();
        Self { limits, buckets, operations, of_operations, decisions: Decisions::new() }
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
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                let operation = meter.operation.map_or("", |operation| operation.id);
                metrics::counter!("skep_rate_limited_requests_total", "operation" => operation).increment(1);
            }
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
        let takes_credentials = operation.is_some_and(|(_, operation)| operation.takes_credentials);
        let mut meter = Meter::new(Network::of(context.client), 1, takes_credentials);
        if let Some((_, operation)) = operation {
            meter.cost = operation.cost.of_head(request);
            meter.whole = operation.cost.at_most(request);
            meter.has_body = operation.body.is_some();
            meter.operation = Some(operation);
            meter.limit = self.of_operations.get(operation.id).copied();
        }
        meter.is_exempt = self.limits.exempt_networks.iter().any(|network| network.contains(context.client));
        Some(meter)
    }

    async fn count_address(&self, meter: Option<&Meter>) -> Result<(), Problem> {
        let Some(meter) = meter else { return Ok(()) };
        for bucket in self.of_address(meter) {
            self.take_first(meter, &bucket).await?;
        }
        if meter.takes_credentials {
            self.take_of_networks(meter, CREDENTIALS, self.limits.credentials).await?;
        }
        match meter.limited() {
            Some((operation, limit)) if limit.counts_unknown_callers(operation) => {
                self.take_of_operation(meter, self.of_operation_by_address(meter)).await
            }
            _ => Ok(()),
        }
    }

    /// Gives back what the request has taken from the limits of credentials and of its operation if the server has refused
    /// it for lack of room. It was no guess then, and a client that repeats it as often as `Retry-After` says must not lock
    /// itself out.
    async fn settle(&self, meter: &Meter, response: &Response) {
        let is_concerned = meter.takes_credentials || meter.limit.is_some();
        if !is_concerned || !problem::failure(response).is_some_and(Problem::lacks_room) {
            return;
        }
        self.give_operation_back(meter).await;
        if meter.takes_credentials {
            self.give_credentials_back(meter).await;
        }
    }

    /// Gives back what a request has taken that is refused because its user has too many in flight. It keeps one unit of
    /// its address, and what it has taken for the lines of its body.
    pub(super) async fn refused_in_flight(&self, meter: &Meter, user: Uuid, refusal: &Problem) {
        let user = self.of_user(user);
        self.give_back(meter, &user, user.afford(meter.cost)).await;
        // Those of a refusal for lack of room are given back when the request is settled.
        if meter.takes_credentials && !refusal.lacks_room() {
            self.give_credentials_back(meter).await;
        }
        self.give_first_back(meter).await;
    }

    async fn give_credentials_back(&self, meter: &Meter) {
        for bucket in self.of_networks(meter, CREDENTIALS, self.limits.credentials) {
            self.give_back(meter, &bucket, bucket.afford(meter.cost)).await;
        }
    }

    async fn give_operation_back(&self, meter: &Meter) {
        for bucket in meter.taken_of_operation() {
            self.give_back(meter, &bucket, 1).await;
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

    /// The buckets of all requests of the address. An exempt network has none.
    fn of_address(&self, meter: &Meter) -> impl Iterator<Item = Bucket> + Send + use<> {
        let buckets = (!meter.is_exempt).then(|| self.of_networks(meter, ADDRESS, self.limits.address));
        buckets.into_iter().flatten()
    }

    /// The buckets of the operation for the address and the wider networks around it. An exempt network has none, and
    /// neither has an operation without a limit.
    fn of_operation_by_address(&self, meter: &Meter) -> Vec<Bucket> {
        let Some((operation, limit)) = meter.limited().filter(|_| !meter.is_exempt) else { return vec![] };
        let levels = OPERATION.into_iter().zip(self.limits.networks.limits(meter.network, limit.limit));
        let bucket = |(name, (network, limit)): (_, (Network, _))| {
            Bucket::of_operation(name, operation.id, &network.to_string(), limit)
        };
        levels.map(bucket).collect()
    }

    /// The bucket of the user.
    fn of_user(&self, user: Uuid) -> Bucket {
        Bucket::new(USER, &user.simple().to_string(), self.limits.user)
    }

    /// Counts the request for its user. A refused request has taken one unit of its address, and no more.
    ///
    /// # Errors
    /// 429 above the limit of the user, or of the operation.
    pub(super) async fn count_user(&self, meter: &Meter, actor: &Actor) -> Result<(), Problem> {
        let user = self.of_user(actor.principal_id());
        if let Err(problem) = self.take_first(meter, &user).await {
            self.give_first_back(meter).await;
            return Err(problem);
        }
        let by_user = meter.limited().filter(|(_, limit)| limit.counted_by != CountedBy::Address);
        let Some((operation, limit)) = by_user else { return Ok(()) };
        let id = actor.principal_id().simple().to_string();
        let bucket = Bucket::of_operation(OPERATION[0], operation.id, &id, limit.limit);
        let taken = self.take_of_operation(meter, vec![bucket]).await;
        if taken.is_err() {
            self.give_back(meter, &user, user.afford(meter.cost)).await;
        }
        taken
    }

    /// Counts the request of a caller that may sign in and has not, for the limit of its operation.
    ///
    /// # Errors
    /// 429 above the limit.
    pub(super) async fn count_visitor(&self, meter: &Meter) -> Result<(), Problem> {
        match meter.limited() {
            Some((_, limit)) if limit.counted_by == CountedBy::Caller => {
                self.take_of_operation(meter, self.of_operation_by_address(meter)).await
            }
            _ => Ok(()),
        }
    }

    /// Takes a unit from each of these buckets of the operation. A refused request has taken one unit of its address, and
    /// what the caller of this function has to give back to the user.
    async fn take_of_operation(&self, meter: &Meter, buckets: Vec<Bucket>) -> Result<(), Problem> {
        for bucket in buckets {
            match self.take(meter, &bucket, 1, 0).await {
                Ok(true) => meter.take_of_operation(bucket),
                // The counter has failed, and so has no unit to give back.
                Ok(false) => {}
                Err(problem) => {
                    if meter.takes_credentials {
                        self.give_credentials_back(meter).await;
                    }
                    self.give_first_back(meter).await;
                    return Err(problem);
                }
            }
        }
        Ok(())
    }

    /// Gives back what a request that is refused has taken from the limits of its address and of its operation, except
    /// for one unit of its address.
    async fn give_first_back(&self, meter: &Meter) {
        if meter.cost > 1 {
            for bucket in self.of_address(meter) {
                self.give_back(meter, &bucket, bucket.afford(meter.cost) - 1).await;
            }
        }
        self.give_operation_back(meter).await;
    }

    /// Takes the rest of a cost that is known only after the body was read. A refused request has taken one unit of its
    /// address, and no more.
    ///
    /// # Errors
    /// 429 above the limit of the address or of the user.
    pub(super) async fn take_rest(&self, meter: &Meter, actor: &Actor, cost: u32) -> Result<(), Problem> {
        let mut taken: Vec<(Bucket, u32)> = vec![];
        let user = self.of_user(actor.principal_id());
        // A repeat takes the first units of the address once more; those of the user are given back.
        let of_address = self.of_address(meter).map(|bucket| (bucket, meter.cost));
        for (bucket, again) in of_address.chain([(user.clone(), 0)]) {
            let rest = bucket.afford(cost).saturating_sub(meter.cost);
            if rest == 0 {
                continue;
            }
            if let Err(problem) = self.take(meter, &bucket, rest, again).await {
                taken.push((user, meter.cost));
                taken.extend(meter.taken_of_operation().into_iter().map(|bucket| (bucket, 1)));
                for (bucket, units) in taken {
                    self.give_back(meter, &bucket, units).await;
                }
                return Err(problem);
            }
            taken.push((bucket, rest));
        }
        Ok(())
    }

    /// Gives units back, and says so in the headers of the answer. If this fails, they become available as time passes.
    async fn give_back(&self, meter: &Meter, bucket: &Bucket, units: u32) {
        if units > 0 && self.buckets.give_back(&bucket.key, units, bucket.limit).await.is_ok() {
            meter.given_back(bucket.name, units);
        }
    }

    /// Takes the units that a request takes before its body is read. A refused client is asked to wait until its whole
    /// request can be worked on.
    async fn take_first(&self, meter: &Meter, bucket: &Bucket) -> Result<(), Problem> {
        let first = bucket.afford(meter.cost);
        self.take(meter, bucket, first, bucket.afford(meter.whole).saturating_sub(first)).await.map(|_| ())
    }

    /// Takes units, and returns whether they were taken. A repeat needs `more` units beside them. If the counter fails, the
    /// request is allowed; the adapter of the limits counts that in a metric.
    async fn take(&self, meter: &Meter, bucket: &Bucket, units: u32, more: u32) -> Result<bool, Problem> {
        let limit = bucket.limit;
        let Ok(verdict) = self.buckets.take(&bucket.key, units, limit).await else { return Ok(false) };
        meter.note(bucket.name, limit, verdict);
        self.decisions.count(bucket.name, verdict.allowed);
        if verdict.allowed {
            return Ok(true);
        }
        Err(Problem::of(code::RATE_LIMITED)
            .with_detail(bucket.exceeded())
            .with_retry_after(seconds(limit.wait_for_more(verdict, more))))
    }
}

#[cfg(test)]
mod tests;
