//! How fast the server discards what a network still sends after an answer.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The bytes that the connections of a network may discard in each [`PERIOD`]: 40 MiB in a second. A body of the greatest
/// default size takes a fortieth of that.
const FREE: usize = 4 << 20;
const PERIOD: Duration = Duration::from_millis(100);

/// The bytes that the connections of one network still discard. A client that sends faster waits in its socket.
#[derive(Debug)]
pub(crate) struct Discards(Mutex<Period>);

#[derive(Debug)]
struct Period {
    since: Instant,
    left: usize,
}

impl Discards {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Period { since: Instant::now(), left: FREE }))
    }

    /// Counts bytes that were discarded. Returns the time until which nothing more should be read.
    pub(crate) fn take(&self, bytes: usize) -> Option<Instant> {
        let mut period = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(period.since) >= PERIOD {
            *period = Period { since: now, left: FREE };
        }
        period.left = period.left.saturating_sub(bytes);
        (period.left == 0).then(|| period.since + PERIOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_connections_of_a_network_discard_so_many_bytes_in_a_period() {
        let discards = Discards::new();
        let start = Instant::now();
        assert_eq!(discards.take(FREE - 1), None);
        assert_eq!(discards.take(1), Some(start + PERIOD));
        assert_eq!(discards.take(1), Some(start + PERIOD), "another connection");
        tokio::time::advance(PERIOD).await;
        assert_eq!(discards.take(FREE - 1), None, "in the next period");
    }
}
