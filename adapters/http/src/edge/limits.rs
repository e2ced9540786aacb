//! The limits of the edge, in size, number and time.

use std::time::Duration;

/// The limits of size and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of open connections. At the limit, the connection that has been idle longest makes room for a new one.
    /// If none is idle, the new one is answered 503 and closed, so that a load balancer notices. The process needs as
    /// many file descriptors. Default: 10,000.
    pub max_connections: usize,
    /// The length of the request target in bytes. A longer one is answered 414. Default: 8 KiB.
    pub max_target_bytes: usize,
    /// The number of header lines, at most 100 (the limit of hyper). More lines are answered 431. Default: 64.
    pub max_headers: usize,
    /// The length of all header names and values together, in bytes. More are answered 431. Default: 16 KiB.
    pub max_header_bytes: usize,
    /// The size of a request body in bytes, also of a chunked one. A larger one is answered 413. An operation can
    /// declare a lower limit. Default: 1 MiB.
    pub max_body_bytes: u64,
    /// The number of concurrent requests on one HTTP/2 connection. Default: 32.
    pub http2_max_streams: u32,
    /// The number of streams that an HTTP/2 client has reset while the server still works on them (rapid reset). With
    /// more, the connection is closed. Default: 20.
    pub http2_max_pending_resets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_target_bytes: 8 << 10,
            max_headers: 64,
            max_header_bytes: 16 << 10,
            max_body_bytes: 1 << 20,
            http2_max_streams: 32,
            http2_max_pending_resets: 20,
        }
    }
}

/// The limits of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The time from accepting a connection to the complete head of its first request. Default: 10 s.
    pub first_request: Duration,
    /// The time from the first byte of a later head to its end (HTTP/1). Default: 10 s.
    pub header_read: Duration,
    /// The time that a connection may be without a request. Default: 75 s.
    pub keep_alive: Duration,
    /// The longest wait for the next piece of a body. After it, the request is answered 408. Default: 10 s.
    pub body_gap: Duration,
    /// The time for a whole body, from its first read. After it, the request is answered 408. An operation can declare
    /// a shorter time. Default: 30 s.
    pub body_total: Duration,
    /// The time in which a client must read the next 16 KiB of an answer, or its rest. Nothing else that it sends or
    /// reads on the connection counts. After it, the connection is closed. Default: 60 s.
    pub response_stall: Duration,
    /// The time in which a request is to be answered. After it, the edge cuts a GET or HEAD and answers 503. It never
    /// cuts a change, because the commit may be running; the application gets the deadline and keeps it. Default: 30 s.
    pub request: Duration,
    /// The time that running requests have after the order to stop. Default: 20 s.
    pub drain: Duration,
    /// The time that a connection without a request stays open after the server has asked the client to close it.
    /// Default: 1 s.
    pub closing_grace: Duration,
    /// The time for which the rest of an unread body is read: before the answer if the rest is short, so that the
    /// connection can be used again, and before the connection closes, so that the client gets the answer. Default:
    /// 1 s.
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            body_gap: Duration::from_secs(10),
            body_total: Duration::from_secs(30),
            response_stall: Duration::from_secs(60),
            request: Duration::from_secs(30),
            drain: Duration::from_secs(20),
            closing_grace: Duration::from_secs(1),
            linger: Duration::from_secs(1),
        }
    }
}
