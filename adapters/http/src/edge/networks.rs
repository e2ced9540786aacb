//! The networks that clients connect from. Each has a limited number of connections, and a share of the room for
//! answers, so that one client cannot take what all clients need.

use super::{client_addr::TrustedProxies, discards::Discards, room::Level};
use skep_domain::shared::{Cidr, Network};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// The networks with an open connection or a request in progress. Others are forgotten.
#[derive(Debug)]
pub(crate) struct Networks {
    /// The connections of the smallest network. Each wider one may have twice as many.
    connections: usize,
    /// The bytes of unsent answers of one network.
    unsent: usize,
    uncounted: Arc<[Cidr]>,
    proxies: TrustedProxies,
    known: Mutex<HashMap<Network, Weak<Usage>>>,
}

/// What one network uses.
#[derive(Debug)]
pub(crate) struct Usage {
    network: Network,
    connections: AtomicUsize,
    pub(crate) unsent: Level,
    pub(crate) discards: Discards,
    networks: Arc<Networks>,
}

impl Drop for Usage {
    fn drop(&mut self) {
        let mut known = self.networks.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A new value may have taken the place of this one.
        if known.get(&self.network).is_some_and(|usage| usage.strong_count() == 0) {
            known.remove(&self.network);
        }
    }
}

/// A connection that counts for its networks until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Entered(Vec<Arc<Usage>>);

impl Entered {
    /// Whether the peer is a trusted proxy or in an uncounted network, so that its connection may serve many clients.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.0.is_empty()
    }

    /// The usage of the widest network of the peer. `None` if its network is not counted.
    pub(crate) fn widest(&self) -> Option<&Arc<Usage>> {
        self.0.last()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        for usage in &self.0 {
            usage.connections.fetch_sub(1, Relaxed);
        }
    }
}

impl Networks {
    pub(crate) fn new(connections: usize, unsent: usize, uncounted: Arc<[Cidr]>, proxies: TrustedProxies) -> Self {
        Self { connections, unsent, uncounted, proxies, known: Mutex::default() }
    }

    /// Counts a new connection of this peer. `None` if one of its networks has as many as it may have.
    ///
    /// A trusted proxy is not counted, because its connections are those of many clients.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Entered> {
        let mut entered = Entered::default();
        if self.proxies.trusts(peer) || self.is_uncounted(peer) {
            return Some(entered);
        }
        let mut limit = self.connections;
        for network in Network::of(peer).levels() {
            let usage = self.usage(network);
            let counted =
                usage.connections.fetch_update(Relaxed, Relaxed, |count| (count < limit).then_some(count + 1));
            counted.ok()?;
            entered.0.push(usage);
            limit = limit.saturating_mul(2);
        }
        Some(entered)
    }

    /// The usage of the widest network of a client. `None` if its network is not counted.
    pub(crate) fn of_client(self: &Arc<Self>, client: IpAddr) -> Option<Arc<Usage>> {
        (!self.is_uncounted(client)).then(|| self.usage(Network::of(client).widest()))
    }

    fn is_uncounted(&self, address: IpAddr) -> bool {
        self.uncounted.iter().any(|block| block.contains(address))
    }

    fn usage(self: &Arc<Self>, network: Network) -> Arc<Usage> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = known.get(&network).and_then(Weak::upgrade) {
            return usage;
        }
        let (connections, unsent, discards) = (AtomicUsize::new(0), Level::new(self.unsent), Discards::new());
        let usage = Arc::new(Usage { network, connections, unsent, discards, networks: Arc::clone(self) });
        known.insert(network, Arc::downgrade(&usage));
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(connections: usize) -> Arc<Networks> {
        let proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]);
        Arc::new(Networks::new(connections, 1000, ["127.0.0.0/8".parse().unwrap()].into(), proxies))
    }

    fn enter(networks: &Arc<Networks>, peer: &str) -> Option<Entered> {
        networks.enter(peer.parse().unwrap())
    }

    #[test]
    fn a_network_has_a_limited_number_of_connections() {
        let networks = networks(2);
        let held = [enter(&networks, "192.0.2.1").unwrap(), enter(&networks, "::ffff:192.0.2.1").unwrap()];
        assert!(enter(&networks, "192.0.2.1").is_none());
        assert!(enter(&networks, "192.0.2.2").is_some(), "another client");
        drop(held);
        assert!(enter(&networks, "192.0.2.1").is_some());
    }

    #[test]
    fn a_wider_network_has_a_higher_limit() {
        let networks = networks(1);
        let one = enter(&networks, "2001:db8:0:1::1").unwrap();
        assert!(enter(&networks, "2001:db8:0:1::2").is_none(), "the same /64");
        let _two = enter(&networks, "2001:db8:0:2::1").unwrap();
        assert!(enter(&networks, "2001:db8:0:3::1").is_none(), "the /56 has two");
        let _four = [enter(&networks, "2001:db8:0:101::").unwrap(), enter(&networks, "2001:db8:0:102::").unwrap()];
        assert!(enter(&networks, "2001:db8:0:201::").is_none(), "the /48 has four");
        drop(one);
        assert!(enter(&networks, "2001:db8:0:201::").is_some(), "a refused connection counts nowhere");
    }

    #[test]
    fn proxies_and_exempt_networks_are_not_counted() {
        let networks = networks(1);
        let many: Vec<Entered> =
            (0..9).flat_map(|_| ["10.1.2.3", "127.0.0.1"]).map(|peer| enter(&networks, peer).unwrap()).collect();
        assert!(many.iter().all(|entered| entered.widest().is_none()));
        assert!(networks.of_client("127.0.0.1".parse().unwrap()).is_none());
    }

    #[test]
    fn the_clients_of_a_network_share_its_room_and_an_unused_network_is_forgotten() {
        let networks = networks(9);
        let entered = enter(&networks, "2001:db8:0:1::1").unwrap();
        let client = networks.of_client("2001:db8:0:2::1".parse().unwrap()).unwrap();
        assert!(Arc::ptr_eq(entered.widest().unwrap(), &client));
        drop((entered, client));
        assert_eq!(networks.known.lock().unwrap().len(), 0);
    }
}
