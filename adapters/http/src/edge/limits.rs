//! The limits of the edge: of size and number, and of time.

use std::time::Duration;

/// Limits of size and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections. One over the limit is answered 503 and closed, so that a balancer
    /// learns of it at once instead of waiting in the backlog. Default: 10,000; the process
    /// needs as many file descriptors.
    pub max_connections: usize,
    /// Bytes of the request target; above it 414. Default: 8 KiB.
    pub max_target_bytes: usize,
    /// Number of header lines; above it 431. Default: 64, at most 100 (hyper's own limit).
    pub max_headers: usize,
    /// Bytes of all header names and values; above it 431. Default: 16 KiB.
    pub max_header_bytes: usize,
    /// Bytes of a request body, chunked or not; above it 413. Default: 1 MiB.
    pub max_body_bytes: u64,
    /// Requests at a time on one HTTP/2 connection. Default: 100.
    pub http2_max_streams: u32,
    /// Streams reset by an HTTP/2 client that the server may still be working on (rapid reset).
    /// Default: 20.
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
            http2_max_streams: 100,
            http2_max_pending_resets: 20,
        }
    }
}

/// Limits of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From accept to the complete head of the first request. Default: 10 s.
    pub first_request: Duration,
    /// From the first byte of a later head to its end (HTTP/1). Default: 10 s.
    pub header_read: Duration,
    /// How long a connection may be without a request. Default: 75 s.
    pub keep_alive: Duration,
    /// Longest wait for the next piece of a body; then 408. Default: 10 s.
    pub body_gap: Duration,
    /// From the head to the end of its body; then 408. Default: 30 s.
    pub body_total: Duration,
    /// How long a client may take nothing of a response that is ready. Default: 60 s.
    pub response_stall: Duration,
    /// The time in which a request is to be answered. The edge then cuts a GET or HEAD and answers 503. It never cuts a
    /// change, whose commit may be on its way; the application gets the deadline and keeps it. Default: 30 s.
    pub request: Duration,
    /// How long running requests may go on after shutdown was asked. Default: 20 s.
    pub drain: Duration,
    /// How long a connection without a request stays open after the server asked it to close. Default: 1 s.
    pub closing_grace: Duration,
    /// How long an unread body is taken off the wire before its connection closes, so that the
    /// client gets the answer that refuses it. Default: 1 s.
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
