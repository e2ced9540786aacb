//! The limits of requests, as an operator chooses them.

use super::OperationLimit;
use skep_application::kernel::{Limit, WiderNetworks};
use skep_domain::shared::Cidr;
use std::{sync::Arc, time::Duration};

/// The limits of requests. Those of an address and of a user are in units: a request takes one or more, as its
/// operation declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLimits {
    /// All requests from one address. For IPv6, a /64 network counts as one address.
    pub address: Limit,
    /// All requests with the access tokens of one user.
    pub user: Limit,
    /// Registrations, logins and setups from one address, together.
    pub credentials: Limit,
    /// The requests of one user that are worked on at the same time, in this process. Others wait.
    pub in_flight: usize,
    /// The limits of the wider IPv6 networks around an address.
    pub networks: WiderNetworks,
    /// Further limits of single operations, at most one for each.
    pub operations: Arc<[OperationLimit]>,
    /// The networks whose requests do not count for their address: neither for all requests together, nor for those of
    /// one operation. The limit of credentials holds for them, and so do those of a user.
    pub exempt_networks: Arc<[Cidr]>,
}

impl Default for RequestLimits {
    /// 1,200 units per address, 3,000 per user and 10 requests with credentials, each per minute. 16 of a user at the
    /// same time. No limits of single operations, and no exempt networks.
    fn default() -> Self {
        let a_minute = |burst| Limit::smooth(burst, Duration::from_secs(60));
        let networks = WiderNetworks::default();
        Self {
            address: a_minute(1_200),
            user: a_minute(3_000),
            credentials: a_minute(10),
            networks,
            in_flight: 16,
            operations: Arc::default(),
            exempt_networks: Arc::default(),
        }
    }
}
