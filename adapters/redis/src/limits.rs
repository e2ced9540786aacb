//! Rate limits that all instances share.

use async_trait::async_trait;
use redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use skep_application::kernel::{Gcra, Limit, RateLimits, StoreError, Verdict};
use std::{fmt, time::Duration};

/// A request waits for no more than this, twice: once for a connection, once for an answer.
const TIMEOUT: Duration = Duration::from_millis(300);
/// One more attempt to connect, so that a restart of Redis is not seen.
const RETRIES: usize = 1;
const SHORTEST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_millis(100);
/// No answer takes longer, whatever happens on the way.
const PATIENCE: Duration = Duration::from_secs(1);

/// The address is not one of Redis. It is not shown, for it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a redis address: expected redis://[user:password@]host[:port][/database] or rediss:// for tls")]
pub struct InvalidAddress;

/// Counts in Redis (5 or later), by its clock.
///
/// Each call is one script, so instances never see half a count; keys live until their bucket is full again.
#[derive(Clone)]
pub struct RedisLimits {
    connection: ConnectionManager,
    script: Script,
    prefix: String,
    address: String,
}

impl RedisLimits {
    /// Limits behind this address; each key is stored as `prefix` and itself.
    ///
    /// Connects at the first use and again after a cut, so a server that is away is no error here. Has to be called
    /// inside a tokio runtime, and for `rediss://` after a TLS provider was installed for the process.
    ///
    /// # Errors
    /// [`InvalidAddress`].
    pub fn connect(url: &str, prefix: impl Into<String>) -> Result<Self, InvalidAddress> {
        let client = Client::open(url).map_err(|_| InvalidAddress)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(RETRIES)
            .set_min_delay(SHORTEST_DELAY)
            .set_max_delay(LONGEST_DELAY)
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let address = client.get_connection_info().addr().to_string();
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| InvalidAddress)?;
        Ok(Self { connection, script: Script::new(include_str!("take.lua")), prefix: prefix.into(), address })
    }

    /// Host and port of the server, without the user and the password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether Redis answers. Returns within a second.
    ///
    /// # Errors
    /// `Unavailable` with the cause.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.clone();
        bounded(async move { redis::cmd("PING").query_async::<()>(&mut connection).await }).await
    }

    async fn take_at(&self, key: &str, limit: Limit, now_micros: Option<u64>) -> Result<Verdict, StoreError> {
        let gcra = Gcra::new(limit);
        let mut connection = self.connection.clone();
        let mut call = self.script.key(format!("{}{key}", self.prefix));
        call.arg(gcra.interval_micros()).arg(gcra.capacity_micros());
        if let Some(now) = now_micros {
            call.arg(now);
        }
        let (allowed, debt): (bool, u64) = bounded(call.invoke_async(&mut connection)).await?;
        Ok(gcra.verdict(allowed, debt))
    }
}

async fn bounded<T>(answer: impl Future<Output = Result<T, RedisError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| StoreError::Unavailable(error.into())),
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

impl fmt::Debug for RedisLimits {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[async_trait]
impl RateLimits for RedisLimits {
    async fn take(&self, key: &str, limit: Limit) -> Result<Verdict, StoreError> {
        self.take_at(key, limit, None).await
    }
}

#[cfg(test)]
mod tests;
