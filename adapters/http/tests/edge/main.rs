//! The edge on a real listener, with clients on raw sockets.
#![expect(clippy::unwrap_used, reason = "a test's helper fails its test by panicking")]

mod access_log;
mod answers;
mod bodies;
mod connections;
mod http2;
mod places;
mod requests;
mod stopping;
mod support;
mod work;
