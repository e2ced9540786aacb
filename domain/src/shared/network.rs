//! The networks that clients call from. Whatever is counted per client is counted per network.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The prefix of an IPv4 network: a single address.
const V4: u8 = 32;
/// The prefixes of IPv6 networks, from a host or a home to a large site. A client chooses freely among the addresses of
/// its network, so no longer prefix tells two clients apart.
const V6: [u8; 3] = [64, 56, 48];

/// A network that a client calls from: an IPv4 address, or an IPv6 network of 64, 56 or 48 bits.
///
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The first address of the network.
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The number of networks that an address can be in.
    pub const LEVELS: usize = V6.len();

    /// Returns the smallest network of the address: the address itself for IPv4, and 64 bits for IPv6.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self { first: IpAddr::V4(address), prefix: V4 },
            IpAddr::V6(address) => Self::cut(address, V6[0]),
        }
    }

    const fn cut(address: Ipv6Addr, prefix: u8) -> Self {
        let mask = u128::MAX << (128 - prefix as u32);
        Self { first: IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask)), prefix }
    }

    /// Returns this network and the wider ones around it, from the smallest to the widest. An IPv4 address has no wider
    /// network.
    pub fn levels(self) -> impl Iterator<Item = Self> {
        let wider = V6.into_iter().filter(move |prefix| *prefix < self.prefix);
        let wider = wider.filter_map(move |prefix| match self.first {
            IpAddr::V4(_) => None,
            IpAddr::V6(first) => Some(Self::cut(first, prefix)),
        });
        std::iter::once(self).chain(wider)
    }

    /// Returns the widest network around this one: 48 bits for IPv6.
    #[must_use]
    pub const fn widest(self) -> Self {
        match self.first {
            IpAddr::V4(_) => self,
            IpAddr::V6(first) => Self::cut(first, V6[Self::LEVELS - 1]),
        }
    }

    /// The number of bits that all addresses of the network share.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the network is that of the loopback interface.
    #[must_use]
    pub const fn is_loopback(self) -> bool {
        match self.first {
            IpAddr::V4(address) => address.is_loopback(),
            // `::1` is in no other network of 64 bits that has addresses of hosts.
            IpAddr::V6(first) => first.to_bits() == 0,
        }
    }
}

/// The network of `0.0.0.0`, for callers that have no address.
impl Default for Network {
    fn default() -> Self {
        Self::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

/// The text is not a network as it is displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network")]
pub struct InvalidNetwork;

/// Reads the displayed form only.
impl std::str::FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (first, prefix): (&str, Option<u8>) = match text.split_once('/') {
            None => (text, None),
            Some((first, prefix)) => (first, Some(prefix.parse().map_err(|_| InvalidNetwork)?)),
        };
        let read = Self::of(first.parse().map_err(|_| InvalidNetwork)?);
        let level = read.levels().find(|level| prefix.is_none_or(|prefix| level.prefix == prefix));
        level.filter(|network| network.to_string() == text).ok_or(InvalidNetwork)
    }
}

/// For example `192.0.2.1` or `2001:db8:1:2::/64`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(first) => write!(f, "{first}/{}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn levels(text: &str) -> Vec<String> {
        of(text).levels().map(|network| network.to_string()).collect()
    }

    #[test]
    fn an_ipv4_address_is_its_only_network() {
        assert_eq!(levels("192.0.2.1"), ["192.0.2.1"]);
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!((of("192.0.2.1").widest(), of("192.0.2.1").prefix()), (of("192.0.2.1"), 32));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn an_ipv6_address_is_in_three_networks() {
        let expected = ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"];
        assert_eq!(levels("2001:db8:1:2ff:3:4:5:6"), expected);
        assert_eq!(of("2001:db8:1:2ff::1").widest().to_string(), "2001:db8:1::/48");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn the_loopback_is_recognized() {
        for (address, expected) in [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true)]
        {
            assert_eq!(of(address).is_loopback(), expected, "{address}");
        }
        assert!(
            !of("192.0.2.1").is_loopback() && !of("2001:db8::1").is_loopback() && !Network::default().is_loopback()
        );
    }

    #[test]
    fn a_network_is_read_as_it_is_displayed_and_not_otherwise() {
        let bad =
            ["", "x", "192.0.2.1/32", "192.0.2.1/24", "2001:db8::1", "2001:db8::", "2001:db8::1/64", "::/0", "1/64"];
        for text in bad {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_displayed_network_is_read_again(v4: u32, v6: u128) {
            let addresses = [IpAddr::V4(Ipv4Addr::from_bits(v4)), IpAddr::V6(Ipv6Addr::from_bits(v6))];
            for network in addresses.into_iter().flat_map(|address| Network::of(address).levels()) {
                prop_assert_eq!(network.to_string().parse(), Ok(network));
            }
        }

        #[test]
        fn addresses_share_a_network_exactly_if_they_share_its_bits(bits: u128, other: u128, shared in 0_u32..=128) {
            let mask = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
            let pair = [bits, (bits & mask) | (other & !mask)].map(Ipv6Addr::from_bits);
            prop_assume!(pair.iter().all(|address| address.to_ipv4_mapped().is_none()));
            let agreed = (pair[0].to_bits() ^ pair[1].to_bits()).leading_zeros();
            let [one, other] = pair.map(|address| Network::of(IpAddr::V6(address)).levels().collect::<Vec<_>>());
            prop_assert_eq!(one.len(), Network::LEVELS);
            for (one, other) in one.iter().zip(&other) {
                prop_assert_eq!(one == other, agreed >= u32::from(one.prefix()));
            }
            prop_assert_eq!(one[0].widest(), one[Network::LEVELS - 1]);
        }
    }
}
