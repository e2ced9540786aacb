//! The rules for orders that a deployment can configure.

use skep_domain::shared::{Money, Timestamp};
use std::time::Duration;

/// The limits of one order, and how long an order waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPolicy {
    /// The smallest total of an order, one amount per currency. A currency that is not listed has no minimum.
    pub minimums: Vec<Money>,
    /// The greatest number of lines of an order, as sent; at most 1,000.
    pub max_lines: usize,
    /// How long an order waits for its payment. It then ends, and its pieces are available again. `None` keeps it.
    pub lifetime: Option<Duration>,
    /// The greatest number of lines, and so of reservations, of all orders of one user that wait for their payment.
    /// Orders that are placed at the same moment may exceed it together, on stores with several writers. `None`: there is
    /// no such limit, and the lines are not counted.
    pub open_lines: Option<u64>,
}

impl Default for OrderPolicy {
    /// No minimum, 200 lines, 7 days, and 1,000 lines that wait for their payment.
    fn default() -> Self {
        let lifetime = Some(Duration::from_secs(7 * 24 * 60 * 60));
        Self { minimums: vec![], max_lines: 200, lifetime, open_lines: Some(1_000) }
    }
}

impl OrderPolicy {
    /// The time from which an order that is placed now may end because it was not paid.
    pub(super) fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifetime.map(|lifetime| now.plus_millis(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)))
    }
}
