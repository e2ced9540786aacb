//! Limiters under the contract suite.

use crate::{clock, unique};
use async_trait::async_trait;
use skep_contract::{Failure, Limiter, LimitsHarness};
use skep_local::LocalLimits;
use skep_redis::RedisLimits;
use std::sync::Arc;

/// Counters in the process.
pub struct Local;

#[async_trait]
impl LimitsHarness for Local {
    fn name(&self) -> &str {
        "local"
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn fresh(&self) -> Result<Limiter, Failure> {
        Ok(Limiter { limits: Arc::new(LocalLimits::new(clock())), second: None })
    }
}

/// Counters in the Redis at this address.
pub struct Redis {
    address: String,
}

impl Redis {
    /// Counters in the Redis at this address. Each limiter has its own prefix.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned() }
    }
}

#[async_trait]
impl LimitsHarness for Redis {
    fn name(&self) -> &str {
        "redis"
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn fresh(&self) -> Result<Limiter, Failure> {
        // Counters are not removed but expire, so an earlier process with this id may have left some under its prefix.
        let prefix = format!("{}:{}:", unique("skep_suite"), uuid::Uuid::now_v7());
        let connect = || RedisLimits::connect(&self.address, prefix.clone());
        Ok(Limiter { limits: Arc::new(connect()?), second: Some(Arc::new(connect()?)) })
    }
}
