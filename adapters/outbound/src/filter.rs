//! Which addresses a call may reach.

use skep_domain::shared::Cidr;
use std::{net::IpAddr, sync::LazyLock};

/// The blocks that are not hosts of the public internet (the registries of IANA for special addresses), less the IPv6
/// blocks outside of `2000::/3`, which are refused as a whole. IPv6 addresses that carry an IPv4 address are refused, too,
/// because a gateway would translate them: mapped ones, NAT64, 6to4 and Teredo.
static REFUSED: LazyLock<Vec<Cidr>> = LazyLock::new(|| {
    let blocks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    blocks.iter().filter_map(|block| block.parse().ok()).collect()
});

/// Judges addresses before a connection is opened. Only hosts of the public internet are allowed, and the networks that a
/// setting names.
#[derive(Debug, Clone, Default)]
pub struct AddressFilter {
    allowed: Vec<Cidr>,
}

impl AddressFilter {
    /// Also allows these networks.
    #[must_use]
    pub fn allowing(networks: impl IntoIterator<Item = Cidr>) -> Self {
        Self { allowed: networks.into_iter().collect() }
    }

    /// Whether a connection to this address may be opened.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    let is_global = match address {
        IpAddr::V4(_) => true,
        // A mapped IPv4 address is not in it.
        IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000,
    };
    is_global && !REFUSED.iter().any(|block| block.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn allows(filter: &AddressFilter, address: &str) -> bool {
        filter.allows(address.parse().unwrap())
    }

    #[test]
    fn only_hosts_of_the_public_internet_are_reached() {
        let filter = AddressFilter::default();
        for address in ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1"] {
            assert!(allows(&filter, address), "{address}");
        }
        for address in ["172.32.0.1", "192.169.0.1", "223.255.255.255", "2606:4700::1111", "2001:200::1", "2a00::1"] {
            assert!(allows(&filter, address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::8.8.8.8",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(&filter, address), "{address}");
        }
    }

    #[test]
    fn a_setting_opens_networks_and_no_others() {
        let filter = AddressFilter::allowing(["127.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()));
        for address in ["127.0.0.1", "fd12::1", "1.1.1.1"] {
            assert!(allows(&filter, address), "{address}");
        }
        for address in ["10.0.0.1", "::1", "fe80::1", "fc00::1"] {
            assert!(!allows(&filter, address), "{address}");
        }
    }

    #[test]
    fn every_block_of_the_table_is_read() {
        assert_eq!(REFUSED.len(), 18);
    }

    proptest! {
        /// The standard library knows the most important blocks by itself.
        #[test]
        fn no_address_that_the_standard_library_calls_local_is_reached(v4: u32, v6: u128) {
            let (v4, v6) = (Ipv4Addr::from_bits(v4), Ipv6Addr::from_bits(v6));
            let is_local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_unspecified() || v4.is_broadcast() || v4.is_documentation();
            let filter = AddressFilter::default();
            prop_assert!(!(is_local && filter.allows(v4.into())));
            let is_local = v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local()
                || v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some();
            prop_assert!(!(is_local && filter.allows(v6.into())));
            prop_assert!(!filter.allows(v4.to_ipv6_mapped().into()));
        }
    }
}
