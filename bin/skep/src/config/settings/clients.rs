//! The settings of what one client may take of what all clients share: connections, unsent answers, lines in the log.

use crate::config::{
    parse::list,
    read::Source,
    setting::{Setting, Shape},
};
use skep_application::kernel::max_writers;
use skep_http::edge::{ClientLimits, WorkLimits};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_MAX_CONNECTIONS_PER_NETWORK", "server.max_connections_per_network", Shape::Number)
        .default("256")
        .form("a number from 1 to 1000000", "256")
        .doc("The most connections of one client: of an IPv4 address or an IPv6 network of 64 bits. A network of 56 bits may have twice as many, and one of 48 bits four times. One more is answered 503 and closed. The proxies in SKEP_TRUSTED_PROXIES are not counted."),
    Setting::new("SKEP_UNCOUNTED_NETWORKS", "server.uncounted_networks", Shape::List)
        .form("networks like 10.0.0.0/8", "127.0.0.0/8,::1")
        .doc("The networks whose connections, unsent answers and requests at the same time are not counted per network, for example that of a load test."),
    Setting::new("SKEP_HTTP2_STREAMS", "server.http2_streams", Shape::Number)
        .default("32")
        .form("a number from 1 to 1000", "100")
        .doc("The most concurrent requests on one HTTP/2 connection. A client keeps further requests until one is answered."),
    Setting::new("SKEP_MAX_UNSENT_MIB", "server.max_unsent_mib", Shape::Number)
        .default("64")
        .form("a number from 1 to 1048576", "64")
        .doc("The most memory for answers that wait for clients to read them, in MiB. One network may have a quarter, and one connection a 32nd, unless it is that of a trusted proxy or of an uncounted network. While there is no room, a request waits, after 5 s it is answered 503. The answer of a change is always sent."),
    Setting::new("SKEP_ACCESS_LOG_SAMPLE", "log.access_sample", Shape::Number)
        .default("10")
        .form("a number from 0 to 1000000", "10")
        .doc("The most lines of the access log in a second for each kind of request that a client can make at will: health checks, requests refused by the edge, 429, 503, and clients that left. The causes of failed requests have the same limit, except those of 500. Further lines are counted instead, and the next line says how many."),
];

pub(in crate::config) fn read(source: &mut Source) -> ClientLimits {
    ClientLimits {
        connections_per_network: source.required("SKEP_MAX_CONNECTIONS_PER_NETWORK", |text| {
            text.parse().ok().filter(|n| (1..=1_000_000).contains(n))
        }),
        uncounted_networks: source
            .required("SKEP_UNCOUNTED_NETWORKS", |text| list(text, |item| item.parse().ok()))
            .into(),
        unsent_bytes: source.required("SKEP_MAX_UNSENT_MIB", |text| {
            text.parse().ok().filter(|n: &usize| (1..=1 << 20).contains(n)).map(|mib| mib << 20)
        }),
        access_lines: source
            .required("SKEP_ACCESS_LOG_SAMPLE", |text| text.parse().ok().filter(|n| (0..=1_000_000).contains(n))),
        ..ClientLimits::default()
    }
}

/// The requests that are worked on at the same time, with a store that has so many connections. SQLite has none.
///
/// Reads leave a quarter of the connections to changes, as changes do to reads.
pub(in crate::config) fn work(source: &mut Source, connections: Option<u32>) -> WorkLimits {
    let usual = WorkLimits::default();
    let connections = connections.map(|connections| usize::try_from(connections).unwrap_or(usize::MAX));
    let share = connections.map_or(usual.per_network, |connections| connections / 2);
    let per_network = source.optional("SKEP_LIMIT_NETWORK_IN_FLIGHT", |text| text.parse().ok().filter(|n| *n >= 1));
    WorkLimits {
        per_network: per_network.unwrap_or(share.max(1)),
        reads: connections.map_or(usual.reads, max_writers),
        lists: connections.map_or(usual.lists, |connections| usual.lists.min(max_writers(connections))),
        changes: connections.map_or(usual.changes, max_writers),
    }
}

/// The most concurrent requests on one HTTP/2 connection.
pub(in crate::config) fn http2_streams(source: &mut Source) -> u32 {
    source.required("SKEP_HTTP2_STREAMS", |text| text.parse().ok().filter(|n| (1..=1000).contains(n)))
}
