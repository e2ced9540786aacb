//! Traces: the trace that a request belongs to, and the span that is recorded of it.
//!
//! Every request has a trace context: the caller's, or a new one if the caller has sent none or an invalid one. The
//! answer, the log and the events in the outbox have it. If traces are recorded, it is the context of the request's
//! span.

use super::{metrics::method_label, request_id::TraceContext};
use http::{HeaderName, HeaderValue, StatusCode, Version, header::HeaderMap, request::Parts};
use std::{net::IpAddr, sync::Arc};
use tracing::{Span, field::Empty};

/// The header for the data of tracing systems about a trace, in requests and answers.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The greatest length of `tracestate` in bytes. The standard requires that at least this much is passed on.
const MAX_STATE: usize = 512;
const MAX_STATE_MEMBERS: usize = 32;

/// Records requests as spans.
pub trait Tracer: Send + Sync {
    /// Makes the span a child of the caller's span, with its `tracestate`, if the caller has sent a context. Returns
    /// the context of the span, or `None` if the span is not recorded.
    fn adopt(&self, span: &Span, caller: Option<&TraceContext>, state: Option<&str>) -> Option<TraceContext>;
}

/// Makes the context of a request that has none. Its ids are not zero and do not repeat, and its flags are zero.
pub type NewTraceContext = Arc<dyn Fn() -> TraceContext + Send + Sync>;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The id of the trace of the request that this task works on, for the log.
pub(crate) fn current_trace_id() -> Option<String> {
    CURRENT.try_with(|trace| format!("{:032x}", trace.trace_id)).ok()
}

/// Runs the work of a request, so that [`current_trace_id`] finds its trace.
pub(crate) async fn within<T>(trace: Option<TraceContext>, work: impl Future<Output = T>) -> T {
    match trace {
        Some(trace) => CURRENT.scope(trace, work).await,
        None => work.await,
    }
}

/// The trace context of a request, its `tracestate` and its span.
pub(crate) struct RequestTrace {
    pub(crate) span: Span,
    pub(crate) context: Option<TraceContext>,
    state: Option<HeaderValue>,
}

impl RequestTrace {
    /// Reads the context of the caller, or makes one with `new`, and begins the span of the request.
    pub(crate) fn begin(
        tracer: Option<&dyn Tracer>,
        new: Option<&NewTraceContext>,
        parts: &Parts,
        route: Option<&str>,
        client: IpAddr,
    ) -> Self {
        let caller = TraceContext::of_request(&parts.headers);
        let state = caller.as_ref().and_then(|_| read_state(&parts.headers));
        let Some(tracer) = tracer else {
            let context = caller.or_else(|| new.map(|new| new()));
            return Self { span: Span::none(), context, state };
        };
        let span = span(parts, route, client);
        let text = state.as_ref().and_then(|state| state.to_str().ok());
        let context = tracer.adopt(&span, caller.as_ref(), text).or(caller);
        Self { span, context: context.or_else(|| new.map(|new| new())), state }
    }

    /// The span of the use case, with the name of the operation. Without a name it is the span of the request.
    pub(crate) fn use_case(&self, name: Option<&str>) -> Span {
        match name {
            Some(name) if !self.span.is_disabled() => tracing::info_span!(
                target: "skep::spans",
                parent: &self.span,
                "use case",
                otel.name = name,
                otel.kind = "internal",
            ),
            _ => self.span.clone(),
        }
    }

    /// Writes the context into the headers of the answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(value) = self.context.as_ref().and_then(TraceContext::header_value) {
            headers.insert(super::request_id::TRACEPARENT, value);
        }
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }
}

/// The span of a request, with the attributes that OpenTelemetry has for HTTP servers. It has the template of the route
/// instead of the path, because a path can have secrets.
fn span(parts: &Parts, route: Option<&str>, client: IpAddr) -> Span {
    let method = method_label(&parts.method);
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    let version = match parts.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    tracing::info_span!(
        target: "skep::spans",
        parent: None,
        "request",
        otel.name = name,
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        url.path = route,
        url.scheme = "http",
        network.protocol.name = "http",
        network.protocol.version = version,
        client.address = %client,
        http.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// Records how the request ended. Without a status, the client left before there was an answer.
pub(crate) fn end(span: &Span, status: Option<StatusCode>) {
    if span.is_disabled() {
        return;
    }
    match status {
        Some(status) => {
            span.record("http.response.status_code", i64::from(status.as_u16()));
            if status.is_server_error() {
                span.record("error.type", status.as_str());
                span.record("otel.status_code", "ERROR");
            }
        }
        None => drop(span.record("error.type", "client_left")),
    }
}

/// The `tracestate` of a request, with its lines joined. `None` if any part of it is not well formed.
fn read_state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(TRACESTATE).iter();
    let first = lines.next()?;
    let mut text = first.to_str().ok()?.to_owned();
    for line in lines {
        text.push(',');
        text.push_str(line.to_str().ok()?);
    }
    let members: Vec<&str> = text.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    let good = !members.is_empty()
        && text.len() <= MAX_STATE
        && members.len() <= MAX_STATE_MEMBERS
        && members.iter().all(|member| is_member(member));
    let unique = || members.iter().enumerate().all(|(n, member)| !members[..n].iter().any(|m| key(m) == key(member)));
    (good && unique()).then(|| HeaderValue::from_str(&members.join(",")).ok()).flatten()
}

fn key(member: &str) -> &str {
    member.split('=').next().unwrap_or_default()
}

/// Whether the text is a `key=value` of the standard.
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_key_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/@".contains(&b);
    let is_key = (1..=256).contains(&key.len())
        && key.bytes().all(is_key_byte)
        && key.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && key.bytes().filter(|b| *b == b'@').count() <= 1;
    let is_value = (1..=256).contains(&value.len()) && value.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'=');
    is_key && is_value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACESTATE, HeaderValue::from_str(line).unwrap());
        }
        read_state(&headers).map(|state| state.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_valid_state_is_kept_and_its_lines_are_joined() {
        for valid in ["a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "0tenant@vendor=x y"] {
            assert_eq!(read(&[valid]).as_deref(), Some(valid));
        }
        assert_eq!(read(&["a=1, b=2", "c=3"]).as_deref(), Some("a=1,b=2,c=3"));
    }

    #[test]
    fn an_invalid_state_is_dropped() {
        let long = format!("a={}", "x".repeat(257));
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=1")).collect();
        for bad in ["", "a", "A=1", "a=", "=1", "a=1,a=2", "a=b=c", "-a=1", "a@b@c=1", &long, &many.join(",")] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        let line = format!("a={}", "x".repeat(200));
        assert_eq!(read(&[&line, &line.replace('a', "b"), &line.replace('a', "c")]), None, "longer than 512 bytes");
    }
}
