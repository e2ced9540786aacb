//! Clocks and the sleeper.

use async_trait::async_trait;
use skep_application::kernel::{Clock, Sleeper};
use skep_domain::shared::Timestamp;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clocks of the operating system. The monotonic one starts at the creation of this value.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        timestamp(SystemTime::now())
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The time in milliseconds, rounded down and limited to the supported years.
fn timestamp(time: SystemTime) -> Timestamp {
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
        }
    };
    Timestamp::from_millis(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Sleeps on the timer of the runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioSleeper;

#[async_trait]
impl Sleeper for TokioSleeper {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_down_to_the_millisecond() {
        let micros = Duration::from_micros(1_700);
        assert_eq!(timestamp(UNIX_EPOCH + micros).as_millis(), 1);
        assert_eq!(timestamp(UNIX_EPOCH - micros).as_millis(), -2);
        assert_eq!(timestamp(UNIX_EPOCH), Timestamp::from_millis(0).unwrap());
    }

    #[test]
    fn a_time_outside_of_the_supported_years_is_limited_to_them() {
        let ages = Duration::from_secs(300_000_000_000);
        assert_eq!(timestamp(UNIX_EPOCH + ages), Timestamp::MAX);
        assert_eq!(timestamp(UNIX_EPOCH - ages), Timestamp::MIN);
    }

    #[test]
    fn the_clocks_run() {
        let clock = SystemClock::new();
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        assert!(wall.as_millis() > 1_700_000_000_000, "a wall clock before November 2023 is not set");
        while clock.monotonic() == monotonic {}
        assert!(clock.monotonic() > monotonic);
    }

    #[tokio::test(start_paused = true)]
    async fn the_sleeper_returns_after_the_duration() {
        let before = tokio::time::Instant::now();
        TokioSleeper.sleep(Duration::from_secs(90)).await;
        // The timer of a paused runtime jumps, and may round up to the next millisecond.
        assert!(before.elapsed() >= Duration::from_secs(90));
    }
}
