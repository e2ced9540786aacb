//! What instances share through Redis: the counts of rate limits, and queues of jobs.

use crate::config::Config;
use skep_application::{
    jobs::TicketQueue,
    kernel::{BoxError, Clock, Fingerprints, RateLimits},
};
use skep_http::api::OPERATION_KEYS;
use skep_local::{FallbackLimits, SeparateLimits};
use skep_redis::{InvalidAddress, RedisLimits, RedisTickets};
use std::sync::Arc;

/// Counts in Redis for all instances. Without Redis, and while it does not answer, this process counts by itself.
pub(crate) fn limits(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn RateLimits>, BoxError> {
    let local: Arc<dyn RateLimits> = Arc::new(SeparateLimits::new(OPERATION_KEYS, clock.clone()));
    let Some(shared) = redis(config) else { return Ok(local) };
    Ok(Arc::new(FallbackLimits::new(Arc::new(shared?), local, clock)))
}

/// The rate limits in Redis, if `REDIS_URL` is set. Connects at the first use.
pub(crate) fn redis(config: &Config) -> Option<Result<RedisLimits, InvalidAddress>> {
    config.redis_url.as_ref().map(|url| RedisLimits::connect(&url.0, "skep:limits:"))
}

/// What the keys of queues in Redis begin with. The deployment comes next.
const TICKET_KEYS: &str = "skep:jobs:";

/// What gives the jobs of queues that are outside of the store.
pub(crate) fn tickets(
    config: &Config,
    fingerprints: &dyn Fingerprints,
) -> Result<Option<Arc<dyn TicketQueue>>, InvalidAddress> {
    // Deployments that share a server do not share their queues.
    let [a, b, c, d, ..] = fingerprints.fingerprint(b"queues of jobs in Redis");
    let deployment = format!("{:08x}:", u32::from_be_bytes([a, b, c, d]));
    Ok(redis_tickets(config, &deployment)?.map(|tickets| Arc::new(tickets) as Arc<dyn TicketQueue>))
}

/// The queues of jobs in Redis, if the settings name some. Connects at the first use.
pub(crate) fn redis_tickets(config: &Config, deployment: &str) -> Result<Option<RedisTickets>, InvalidAddress> {
    let url = config.redis_url.as_ref().filter(|_| !config.policies.tickets.queues.is_empty());
    url.map(|url| RedisTickets::connect(&url.0, format!("{TICKET_KEYS}{deployment}"))).transpose()
}
