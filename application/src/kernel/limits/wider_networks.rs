//! The limits of the wider networks around an address.

use super::Limit;
use skep_domain::shared::Network;

/// How much the wider IPv6 networks may do, as a multiple of what one address may do.
///
/// Without these limits, a client with a /48 network has the allowance of 65,536 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WiderNetworks {
    /// The multiple for a network of 56 bits, which is often one home.
    pub times_56: u32,
    /// The multiple for a network of 48 bits, which is often one site or one customer of a host.
    pub times_48: u32,
}

impl Default for WiderNetworks {
    /// 4 times for 56 bits, and 16 times for 48.
    fn default() -> Self {
        Self { times_56: 4, times_48: 16 }
    }
}

impl WiderNetworks {
    /// Returns the network and the wider ones around it, each with its limit.
    ///
    /// Take from them in this order and stop at the first refusal. A call that a small network is refused then costs
    /// its neighbors nothing.
    pub fn limits(self, network: Network, of_address: Limit) -> impl Iterator<Item = (Network, Limit)> + Send {
        network.levels().map(move |level| {
            let limit = match level.prefix() {
                56 => of_address.times(self.times_56),
                48 => of_address.times(self.times_48),
                _ => of_address,
            };
            (level, limit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_wider_network_may_do_more_and_an_ipv4_address_has_one_limit() {
        let limits = |address: &str| {
            let network = Network::of(address.parse().unwrap());
            let limit = Limit::smooth(10, Duration::from_secs(60));
            let limits = WiderNetworks::default().limits(network, limit);
            limits.map(|(network, limit)| (network.to_string(), limit.burst)).collect::<Vec<_>>()
        };
        let expected = [("2001:db8:1:2::/64", 10), ("2001:db8:1::/56", 40), ("2001:db8:1::/48", 160)];
        assert_eq!(limits("2001:db8:1:2::9"), expected.map(|(network, burst)| (network.to_owned(), burst)));
        assert_eq!(limits("192.0.2.1"), [("192.0.2.1".to_owned(), 10)]);
    }
}
