//! Where a bucket is, and how it is used.

use std::{fmt, net::IpAddr, time::Duration};

/// Where the bucket is, and how long to wait for it.
#[derive(Clone)]
pub struct S3Options {
    /// The name of the bucket.
    pub bucket: String,
    /// Where the server is: `https://` or `http://`, and no path. Without it, that is Amazon's in the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The name of the key.
    pub access_key_id: String,
    /// What requests are signed with. No message shows it.
    pub secret_access_key: String,
    /// Whether the bucket is the first part of the path, and not of the name of the host.
    pub path_style: bool,
    /// What the names of all objects begin with. A slash follows it.
    pub prefix: String,
    /// The most bytes in memory that whole parts of uploads can have. There is room for at least one.
    pub memory: usize,
    /// The most bytes that the server copies with one request. Larger objects are read and written again.
    pub copied_at_once: u64,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long an answer, or the next bytes of a content, may take, with all repeats.
    pub answer: Duration,
    /// How long a request that moves a part of a content may take, with all repeats.
    pub transfer: Duration,
}

impl S3Options {
    /// A bucket of Amazon's with this key, and the usual limits of time.
    #[must_use]
    pub fn new(bucket: &str, region: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            endpoint: None,
            region: region.to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            path_style: false,
            prefix: String::new(),
            memory: 64 << 20,
            copied_at_once: 5 << 30,
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(10),
            transfer: Duration::from_secs(60),
        }
    }

    /// Whether the server is on this machine, where no proxy can reach it.
    pub(super) fn is_here(&self) -> bool {
        let Some((_, host)) = self.endpoint.as_deref().and_then(|endpoint| endpoint.split_once("://")) else {
            return false;
        };
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => host.split(':').next(),
        };
        // With the bucket in the name of the host, that name can be of any machine.
        let host = host.filter(|_| self.path_style).unwrap_or_default();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The address that the driver expects: with the bucket in the name of the host, unless it is in the path.
    pub(super) fn endpoint_of_bucket(&self, endpoint: &str) -> String {
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", self.bucket),
            _ => endpoint.to_owned(),
        }
    }
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, endpoint, region, prefix, .. } = self;
        let mut shown = f.debug_struct("S3Options");
        shown.field("bucket", bucket).field("endpoint", endpoint).field("region", region).field("prefix", prefix);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_on_the_loopback_interface_is_here() {
        let is_here = |endpoint: Option<&str>, path_style| {
            let options = S3Options::new("bucket", "region", "key", "secret");
            S3Options { endpoint: endpoint.map(str::to_owned), path_style, ..options }.is_here()
        };
        for here in
            ["http://127.0.0.1", "http://127.0.0.1:9000", "https://localhost:9000", "http://[::1]:9000", "http://[::1]"]
        {
            assert!(is_here(Some(here), true), "{here}");
            assert!(!is_here(Some(here), false), "{here} behind the name of a bucket");
        }
        for away in [
            "http://10.0.0.1:9000",
            "https://localhost.example.com",
            "https://s3.example.com",
            "http://[2001:db8::1]:1",
        ] {
            assert!(!is_here(Some(away), true), "{away}");
        }
        assert!(!is_here(None, true));
    }
}
