//! The server edge: everything between a socket and the application.
//!
//! A request passes the accept loop of [`serve`], the deadlines of its connection, the request guard and the body
//! guard. Then the application gets it. Its answer passes the rendering of problems, security headers, CORS,
//! compression and the access log. To the edge, the application is any poem endpoint.

mod access_log;
mod access_sample;
mod admission;
mod answers;
mod application;
mod authority;
mod body_budget;
mod body_guard;
mod body_limits;
mod client_addr;
mod client_limits;
mod compression;
mod config;
mod connection;
mod connection_info;
mod control_frames;
mod cors;
mod discards;
mod drive;
mod guard;
mod hasher;
mod head_scanner;
mod headers;
mod intake;
mod io;
mod kept_work;
mod library_errors;
mod limits;
mod metrics;
mod networks;
mod paths;
mod pieces;
mod places;
mod refusals;
mod request_id;
mod room;
mod routes;
mod server;
mod server_state;
mod service;
mod trace;
mod work;
mod written_body;

pub use self::access_log::ResponseBody;
pub use self::admission::Crowded;
pub use self::body_guard::BodyFault;
pub use self::body_limits::{BodyLimit, BodyLimits};
pub use self::client_addr::TrustedProxies;
pub use self::client_limits::ClientLimits;
pub(crate) use self::compression::Asset;
pub use self::config::{EdgeConfig, NewRequestId};
pub use self::cors::{Cors, Origin, ParseOriginError};
pub use self::hasher::RequestHasher;
pub use self::limits::{Limits, Timeouts};
pub use self::request_id::{RequestId, TRACEPARENT, TraceContext, X_REQUEST_ID};
pub(crate) use self::routes::is_probe;
pub use self::routes::{RouteTable, RouteTableError};
pub use self::server::{DrainReport, serve};
pub use self::service::{Edge, RequestContext};
pub(crate) use self::trace::current_trace_id;
pub use self::trace::{NewTraceContext, TRACESTATE, Tracer};
pub use self::work::WorkLimits;
pub(crate) use self::written_body::WrittenBody;
pub use skep_domain::shared::{Cidr, ParseCidrError};
