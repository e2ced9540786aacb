//! The limits of what one client may take of what all clients share: connections, unsent answers, lines in the log.

use super::work::WorkLimits;
use skep_domain::shared::Cidr;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// The limits of what one client may take of what all clients share.
///
/// A client is known by its network: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// The number of open connections of one network. An IPv6 network of 56 bits may have twice as many, and one of 48
    /// bits four times. A connection above the limit is answered 503 and closed. Trusted proxies are not counted.
    /// Default: 256.
    pub connections_per_network: usize,
    /// The networks whose connections, answers and requests are not counted, for example that of a load test. Default:
    /// none.
    pub uncounted_networks: Arc<[Cidr]>,
    /// The bytes of answers that may wait for all clients to read them. The clients of one network (IPv6: of 48 bits)
    /// have a quarter, and one connection a 32nd, at least 64 KiB. A connection of a trusted proxy or of an uncounted
    /// network has no share of its own. Above a limit, a request waits before its work. Default: 64 MiB.
    pub unsent_bytes: usize,
    /// The longest wait for room for an answer: before the work, and again if the answer of a read turns out larger.
    /// After it, the request is answered 503. Default: 5 s.
    pub room_wait: Duration,
    /// The longest wait of a new connection for a place while all are taken. After it, it is answered 503 and closed.
    /// Default: 1 s.
    pub place_wait: Duration,
    /// The requests that are worked on at the same time. Others wait, at most until their deadline, and are then
    /// answered 503.
    pub work: WorkLimits,
    /// The lines of the access log in a second for each kind of request that a client can make at will, for example
    /// health checks, and for the causes of failures other than 500. Further lines are counted instead. Default: 10.
    pub access_lines: u32,
}

/// The least share of a connection in the room for answers: that of one change.
const LEAST_SHARE: usize = super::room::CHANGE;

impl ClientLimits {
    pub(crate) fn is_uncounted(&self, address: IpAddr) -> bool {
        self.uncounted_networks.iter().any(|block| block.contains(address))
    }

    pub(crate) fn unsent_per_network(&self) -> usize {
        (self.unsent_bytes / 4).max(LEAST_SHARE)
    }

    pub(crate) fn unsent_per_connection(&self) -> usize {
        (self.unsent_bytes / 32).max(LEAST_SHARE)
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections_per_network: 256,
            uncounted_networks: Arc::default(),
            unsent_bytes: 64 << 20,
            room_wait: Duration::from_secs(5),
            place_wait: Duration::from_secs(1),
            work: WorkLimits::default(),
            access_lines: 10,
        }
    }
}
