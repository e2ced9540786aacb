//! The address of the client. It is the peer's address, unless the peer is a trusted proxy.

use http::{HeaderMap, HeaderName};
use skep_domain::shared::Cidr;
use std::{net::IpAddr, sync::Arc};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose `X-Forwarded-For` is believed. By default the list is empty, and the header is ignored.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[Cidr]>);

impl TrustedProxies {
    /// Trusts the proxies in these blocks.
    #[must_use]
    pub fn new(blocks: impl IntoIterator<Item = Cidr>) -> Self {
        Self(blocks.into_iter().collect())
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(address))
    }

    /// The address of the client: the rightmost hop of `X-Forwarded-For` that is not a trusted proxy. That hop may have
    /// made up the entries to its left, so they are ignored. An entry that is not an address ends the search too.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.0.is_empty() || !self.trusts(client) {
            return client;
        }
        for line in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            let Ok(line) = line.to_str() else {
                return client;
            };
            for hop in line.rsplit(',') {
                let Some(address) = hop_address(hop.trim()) else {
                    return client;
                };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// Reads an address as proxies write it: with or without brackets and a port.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => text,
        },
    };
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn forwarded(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()))
    }

    #[test]
    fn no_proxy_is_trusted_by_default() {
        let headers = forwarded(&["203.0.113.9"]);
        let client = TrustedProxies::default().client(ip("127.0.0.1"), &headers);
        assert_eq!(client, ip("127.0.0.1"));
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_sends() {
        let headers = forwarded(&["203.0.113.9"]);
        assert_eq!(proxies().client(ip("198.51.100.1"), &headers), ip("198.51.100.1"));
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        for (lines, client) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9", "10.0.0.7"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
            (&["203.0.113.9, unknown, 10.0.0.7"], "10.0.0.7"),
            (&["203.0.113.9, "], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let found = proxies().client(ip("10.0.0.1"), &forwarded(lines));
            assert_eq!(found, ip(client), "{lines:?}");
        }
    }
}
