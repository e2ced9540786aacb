//! Limiters under the contract suite.

use crate::{clock, unique};
use async_trait::async_trait;
use skep_application::kernel::{Limit, RateLimits, StoreError, Verdict};
use skep_contract::{Failure, Harness, Instance, Need, Start};
use skep_local::{FallbackLimits, LocalLimits, SeparateLimits};
use skep_redis::RedisLimits;
use std::sync::Arc;

/// One limiter, and another instance that counts together with it, where instances do.
struct Limiter {
    limits: Arc<dyn RateLimits>,
    second: Option<Arc<dyn RateLimits>>,
}

#[async_trait]
impl Instance<dyn RateLimits> for Limiter {
    fn store(&self) -> Arc<dyn RateLimits> {
        self.limits.clone()
    }

    async fn second(&self) -> Result<Arc<dyn RateLimits>, Failure> {
        self.second.clone().ok_or_else(|| Failure::new(ALONE))
    }
}

const ALONE: &str = "every instance counts for itself";

/// Counters in the process.
pub struct Local;

#[async_trait]
impl Harness<dyn RateLimits> for Local {
    fn name(&self) -> &str {
        "local"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some(ALONE)
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn RateLimits>>, Failure> {
        Ok(Box::new(Limiter { limits: Arc::new(LocalLimits::new(clock())), second: None }))
    }
}

/// Counters in the process while the shared ones do not answer, some of them apart from the others.
pub struct Fallback;

struct Away;

#[async_trait]
impl RateLimits for Away {
    async fn take(&self, _: &str, _: u32, _: Limit) -> Result<Verdict, StoreError> {
        Err(StoreError::Unavailable("away".into()))
    }

    async fn give_back(&self, _: &str, _: u32, _: Limit) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("away".into()))
    }
}

#[async_trait]
impl Harness<dyn RateLimits> for Fallback {
    fn name(&self) -> &str {
        "fallback"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        Some(ALONE)
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn RateLimits>>, Failure> {
        let local = Arc::new(SeparateLimits::new("login:", clock()));
        let limits = FallbackLimits::new(Arc::new(Away), local, clock());
        Ok(Box::new(Limiter { limits: Arc::new(limits), second: None }))
    }
}

/// Counters and queues in the Redis at this address.
pub struct Redis {
    address: String,
}

impl Redis {
    /// Counters and queues in the Redis at this address. Each has its own prefix.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

#[async_trait]
impl Harness<dyn RateLimits> for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn lacks(&self, _need: Need) -> Option<&'static str> {
        None
    }

    async fn fresh(&self, _: Start, _: &[Need]) -> Result<Box<dyn Instance<dyn RateLimits>>, Failure> {
        // Counters are not removed but expire, so an earlier process with this id may have left some under its prefix.
        let prefix = format!("{}:{}:", unique("skep_suite"), uuid::Uuid::now_v7());
        let connect = || RedisLimits::connect(&self.address, prefix.clone());
        Ok(Box::new(Limiter { limits: Arc::new(connect()?), second: Some(Arc::new(connect()?)) }))
    }
}
