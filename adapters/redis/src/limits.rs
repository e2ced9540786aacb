//! Rate limits that are shared by all instances.

use crate::{
    connection::{self, InvalidAddress, PATIENCE, TIMEOUT, bounded},
    inspect::{self, LIMITS},
};
use async_trait::async_trait;
use redis::{Script, aio::ConnectionManager};
use skep_application::{
    kernel::{Counting, Limit, RateLimits, StoreError, Tally, Verdict},
    operations::Defect,
};
use std::fmt;

/// How the script names the kinds of limits.
const SMOOTH: &str = "smooth";
const WINDOWS: &str = "windows";

/// The answer of the script.
struct Changed {
    allowed: bool,
    tally: Tally,
    /// The time of the server, in microseconds.
    now: u64,
}

/// Counts in Redis (5 or later), by its clock.
///
/// Each call is one script, so instances never see a half-finished count. A key expires when its bucket is full again.
#[derive(Clone)]
pub struct RedisLimits {
    connection: ConnectionManager,
    script: Script,
    prefix: String,
    address: String,
}

impl RedisLimits {
    /// Limits on the server at this address. Each key is stored with `prefix` in front.
    ///
    /// Connects at the first use, and again after the connection breaks, so an unreachable server is not an error here.
    /// Must be called inside a tokio runtime, and for `rediss://` after a TLS provider was installed for the process.
    ///
    /// # Errors
    /// [`InvalidAddress`] if the address is not a Redis address.
    pub fn connect(url: &str, prefix: impl Into<String>) -> Result<Self, InvalidAddress> {
        let (connection, address) = connection::open(url, TIMEOUT)?;
        Ok(Self { connection, script: Script::new(include_str!("change.lua")), prefix: prefix.into(), address })
    }

    /// Checks an address. Connects to nothing.
    ///
    /// # Errors
    /// [`InvalidAddress`] if it is not a Redis address.
    pub fn check_address(url: &str) -> Result<(), InvalidAddress> {
        connection::check(url)
    }

    /// Host and port of the server, without the user and the password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Checks that Redis answers. Returns within a second.
    ///
    /// # Errors
    /// `Unavailable` with the cause.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.clone();
        bounded(async move { redis::cmd("PING").query_async::<()>(&mut connection).await }).await
    }

    /// Looks for reasons why a server that answers cannot count, or loses counts. Tries the script on a key of its own,
    /// which expires after a millisecond.
    ///
    /// # Errors
    /// `Unavailable` if Redis does not answer.
    pub async fn inspect(&self) -> Result<Vec<Defect>, StoreError> {
        self.check().await?;
        // A thousandth of this limit is a millisecond.
        if let Err(error) = self.change("check", 1, Limit::smooth(1_000, PATIENCE), None).await {
            return inspect::refused(error, &self.prefix, &LIMITS).map(|defect| vec![defect]);
        }
        let mut connection = self.connection.clone();
        let memory =
            bounded(async move { redis::cmd("INFO").arg("memory").query_async::<String>(&mut connection).await });
        // The user may not be allowed to ask, and need not be.
        Ok(memory.await.ok().and_then(|memory| inspect::may_evict(&memory)).into_iter().collect())
    }

    /// Runs the script, which takes these units, or gives them back if their number is negative. Returns whether that is
    /// allowed, the tally after it, and the time.
    async fn change(&self, key: &str, units: i64, limit: Limit, now: Option<u64>) -> Result<Changed, StoreError> {
        let mut connection = self.connection.clone();
        let mut call = self.script.key(format!("{}{key}", self.prefix));
        match Counting::new(limit) {
            Counting::Smooth(gcra) => {
                let cost = u32::try_from(units.unsigned_abs()).unwrap_or(u32::MAX);
                let change = gcra.cost_micros(cost).cast_signed() * units.signum();
                call.arg(SMOOTH).arg(change).arg(gcra.capacity_micros()).arg(0).arg(0);
            }
            Counting::Windows(windows) => {
                call.arg(WINDOWS).arg(units).arg(limit.burst).arg(windows.period_micros()).arg(windows.part_micros());
            }
        }
        if let Some(now) = now {
            call.arg(now);
        }
        let (allowed, until, previous, current, now) = bounded(call.invoke_async(&mut connection)).await?;
        Ok(Changed { allowed, tally: Tally { until, previous, current }, now })
    }

    async fn take_at(&self, key: &str, cost: u32, limit: Limit, now: Option<u64>) -> Result<Verdict, StoreError> {
        let Changed { allowed, tally, now } = self.change(key, i64::from(cost), limit, now).await?;
        Ok(Counting::new(limit).verdict(allowed, tally, now, cost))
    }

    async fn give_back_at(&self, key: &str, cost: u32, limit: Limit, now: Option<u64>) -> Result<Tally, StoreError> {
        Ok(self.change(key, -i64::from(cost), limit, now).await?.tally)
    }
}

impl fmt::Debug for RedisLimits {
    /// Without the address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimits").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[async_trait]
impl RateLimits for RedisLimits {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        self.take_at(key, cost, limit, None).await
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        self.give_back_at(key, cost, limit, None).await.map(|_| ())
    }
}

#[cfg(test)]
pub(crate) mod tests;
