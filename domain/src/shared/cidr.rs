//! Blocks of IP addresses, as operators write them in settings.

use std::{fmt, net::IpAddr, str::FromStr};

/// A block of IP addresses, such as `10.0.0.0/8` or `fd00::/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// The text is not a block of addresses. The message has the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a block such as 10.0.0.0/8 or fd00::/8, got `{0}`")]
pub struct ParseCidrError(String);

impl Cidr {
    /// Whether the address is in the block. An IPv4 address that is mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseCidrError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| error())?;
        let widest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `+8` and `08` parse as numbers, but they are not valid prefix lengths.
            Some(text) if text.len() > 1 && !text.starts_with(|c: char| ('1'..='9').contains(&c)) => {
                return Err(error());
            }
            Some(text) => text.parse().map_err(|_| error())?,
            None => widest,
        };
        if prefix > widest {
            return Err(error());
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_contains_the_addresses_with_its_prefix() {
        let block: Cidr = "192.168.4.0/22".parse().unwrap();
        assert!(block.contains(ip("192.168.7.255")));
        assert!(!block.contains(ip("192.168.8.0")));
        assert!(block.contains(ip("::ffff:192.168.4.1")));
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(ip("8.8.8.8")));
        assert!(!all.contains(ip("::1")));
        let one: Cidr = "fd00::1".parse().unwrap();
        assert!(one.contains(ip("fd00::1")) && !one.contains(ip("fd00::2")));
        assert!("::/0".parse::<Cidr>().unwrap().contains(ip("2001:db8::1")));
    }

    #[test]
    fn malformed_blocks_are_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "host"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
