//! One request, from its head to the last byte of its answer, and its line in the access log.

use super::{
    access_sample::{Free, Sample},
    metrics::{self, Counted},
    request_id::{RequestId, TraceContext},
    trace,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use skep_application::kernel::Denied;
use std::{
    fmt, io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};
use tracing::Span;

/// A request in progress. Dropping it ends the request in every case: it logs one event with the target `access`. Of
/// the requests that a client can make at will, a sample is logged.
///
/// The event has no header, no path and no query, because they can have secrets. It has the template of the route
/// instead. That of a denial also has the action, the reason and the account.
pub(crate) struct Exchange {
    started: Instant,
    sample: Arc<Sample>,
    free: Option<Free>,
    subject: Option<Subject>,
    /// `None` until there is an answer.
    status: Option<StatusCode>,
    denied: Option<Box<Denied>>,
    bytes: u64,
    complete: bool,
    _counted: Counted,
}

/// The facts about a request that are logged when it ends.
pub(crate) struct Subject {
    pub(crate) method: Method,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) request_id: RequestId,
    pub(crate) client: IpAddr,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) span: Span,
}

impl Exchange {
    pub(crate) fn begin(sample: Arc<Sample>, counted: Counted) -> Self {
        Self {
            started: Instant::now(),
            sample,
            free: None,
            subject: None,
            status: None,
            denied: None,
            bytes: 0,
            complete: false,
            _counted: counted,
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn describe(&mut self, subject: Subject) {
        self.subject = Some(subject);
    }

    /// Notes that a client can make such a request at will.
    pub(crate) fn is_free(&mut self, kind: Free) {
        self.free = Some(kind);
    }

    /// Notes that the caller may not do what it asks for, and counts it.
    pub(crate) fn deny(&mut self, denied: Denied) {
        let (action, reason) = (denied.action.name(), denied.denial.name());
        ::metrics::counter!("skep_access_denied_total", "action" => action, "reason" => reason).increment(1);
        self.denied = Some(Box::new(denied));
    }

    /// Notes the answer. `length` is the announced number of bytes.
    pub(crate) fn answer(
        mut self,
        status: StatusCode,
        length: Option<u64>,
        body: BoxBody<Bytes, io::Error>,
    ) -> ResponseBody {
        self.status = Some(status);
        self.complete = body.is_end_stream();
        ResponseBody { inner: body, length, exchange: self }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(subject) = &self.subject else {
            return;
        };
        let duration = self.started.elapsed();
        trace::end(&subject.span, self.status);
        let trace_id = subject.trace.map(|trace| tracing::field::display(Hex(trace.trace_id)));
        metrics::record(&subject.method, subject.route.clone(), self.status, duration);
        let left_out = match self.free.or_else(|| Free::of_status(self.status)).map(|kind| self.sample.admit(kind)) {
            Some(None) => return,
            Some(Some(left_out)) if left_out > 0 => Some(left_out),
            _ => None,
        };
        let denied = self.denied.as_deref();
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "access",
            method = subject.method.as_str(),
            route = subject.route.as_deref().unwrap_or("-"),
            // The client left before there was an answer.
            status = self.status.map_or(0, |status| status.as_u16()),
            duration_us,
            bytes = self.bytes,
            complete = self.complete,
            request_id = subject.request_id.as_str(),
            trace_id,
            client = %subject.client,
            denied = denied.map(|denied| denied.action.name()),
            reason = denied.map(|denied| denied.denial.name()),
            user = denied.and_then(|denied| denied.user).map(tracing::field::display),
            // The lines of this kind that were left out before this one.
            left_out,
        );
    }
}

/// A trace id that is formatted only if the event is written.
struct Hex(u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A response body. Its exchange ends when the body was sent completely or dropped.
pub struct ResponseBody {
    inner: BoxBody<Bytes, io::Error>,
    length: Option<u64>,
    exchange: Exchange,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => this.exchange.complete = true,
            Poll::Ready(Some(Ok(frame))) => {
                this.exchange.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                // hyper does not poll again after the announced length, so the end is noted here.
                let is_sent = this.length == Some(this.exchange.bytes);
                this.exchange.complete = is_sent || this.inner.is_end_stream();
            }
            Poll::Ready(Some(Err(error))) => {
                let subject = this.exchange.subject.as_ref();
                let request_id = subject.map_or("-", |subject| subject.request_id.as_str());
                tracing::error!(request_id, %error, "response body failed");
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
