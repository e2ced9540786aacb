//! The rules for orders that a deployment can configure.

use skep_domain::shared::{Money, Timestamp};
use std::time::Duration;

/// The limits of one order, and how long an order waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPolicy {
    /// The smallest total of an order, one amount per currency. A currency that is not listed has no minimum.
    pub minimums: Vec<Money>,
    /// How long an order waits for its payment. It then ends, and its pieces are available again. `None` keeps it.
    pub lifetime: Option<Duration>,
}

impl Default for OrderPolicy {
    /// No minimum, and 7 days.
    fn default() -> Self {
        Self { minimums: vec![], lifetime: Some(Duration::from_secs(7 * 24 * 60 * 60)) }
    }
}

impl OrderPolicy {
    /// The time from which an order that is placed now may end because it was not paid.
    pub(super) fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifetime.map(|lifetime| now.plus_millis(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)))
    }
}
