//! The way of one request through the edge, between the connection and the application.

use super::{
    access_log::{Exchange, ResponseBody, Subject},
    access_sample::{Free, Sample},
    admission::{Admission, Crowded, NeededPlace, NeededRoom},
    application::Application,
    body_budget::{BodyBudget, HeldBody},
    body_guard::{BodyRules, GuardedBody},
    body_limits::BodyLimit,
    compression::{self, Compressors, SharedBody, Wish},
    config::EdgeConfig,
    connection_info::ConnectionInfo,
    cors,
    guard::{self, Received},
    hasher,
    head_scanner::HeadFaults,
    headers,
    intake::Intake,
    kept_work::KeptWork,
    library_errors::LibraryErrors,
    metrics::EdgeMetrics,
    paths,
    pieces::OpenAnswer,
    request_id::{RequestId, TraceContext},
    room,
    routes::{self, Route},
    trace::{self, RequestTrace},
    work::{Kind, Work},
};
use crate::problem::{Problem, code};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Version,
    header::{
        ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
    uri::Scheme,
};
use http_body_util::combinators::BoxBody;
use hyper::body::Body as HttpBody;
use poem::{
    Addr, Body, Request, RequestParts, Response,
    endpoint::BoxEndpoint,
    web::{LocalAddr, RemoteAddr},
};
use skep_application::kernel::Denied;
use skep_domain::shared::Network;
use std::{
    error::Error as StdError,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The facts about a request that the edge knows. The application gets them as [`poem::web::Data`].
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The id of the request in the log and in the answer.
    pub request_id: RequestId,
    /// The address of the client. It is from `X-Forwarded-For` if the peer is a trusted proxy.
    pub client: IpAddr,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The trace context of the request: of its recorded span, else of the caller, else a new one.
    pub trace: Option<TraceContext>,
    /// The template of the path; `None` if the path is not in the table of routes.
    pub route: Option<Arc<str>>,
    /// The time at which the head of the request was complete.
    pub received: Instant,
    /// The time by which the request should be answered.
    pub deadline: Instant,
    /// The greatest size of the body in bytes: the limit of the operation, at most that of the server.
    pub max_body_bytes: u64,
    /// What the request holds.
    pub(crate) admission: Arc<Admission>,
    /// Runs what ends the work of a request after its client has gone. A server that stops waits for it.
    pub(crate) endings: TaskTracker,
}

/// The edge around an application.
pub struct Edge {
    app: Arc<Application>,
    pub(super) config: EdgeConfig,
    hsts: Option<HeaderValue>,
    pub(super) metrics: EdgeMetrics,
    sample: Arc<Sample>,
    bodies: Arc<BodyBudget>,
    work: Arc<Work>,
    compressors: Compressors,
    endings: TaskTracker,
}

impl Edge {
    /// Puts the edge around an application.
    #[must_use]
    pub fn new(app: BoxEndpoint<'static, Response>, config: EdgeConfig) -> Self {
        let hsts = config.hsts.map(headers::hsts);
        let sample = Arc::new(Sample::new(config.clients.access_lines));
        let bodies = Arc::new(BodyBudget::new(config.bodies.memory_bytes, config.limits.max_body_bytes));
        let work = Arc::new(Work::new(config.clients.work));
        let metrics = EdgeMetrics::new();
        let app = Application { endpoint: app, panics: metrics.panics.clone(), sample: Arc::clone(&sample) };
        let (compressors, endings) = (Compressors::new(), TaskTracker::new());
        Self { app: Arc::new(app), config, hsts, metrics, sample, bodies, work, compressors, endings }
    }

    /// The settings that the edge was made with.
    #[must_use]
    pub fn config(&self) -> &EdgeConfig {
        &self.config
    }

    pub(crate) fn metrics(&self) -> &EdgeMetrics {
        &self.metrics
    }

    /// The tasks that go on after their requests were cut.
    pub(crate) fn endings(&self) -> &TaskTracker {
        &self.endings
    }

    pub(crate) fn sample(&self) -> &Sample {
        &self.sample
    }

    /// What is sent in place of the answers that hyper gives by itself.
    pub(crate) fn library_errors(&self) -> LibraryErrors {
        LibraryErrors {
            hsts: self.hsts.clone(),
            cors: self.config.cors.clone(),
            new_request_id: Arc::clone(&self.config.new_request_id),
        }
    }

    /// Begins a request.
    pub(crate) fn exchange(&self) -> Exchange {
        Exchange::begin(Arc::clone(&self.sample), self.metrics.request())
    }

    /// Answers one request without a connection, for tests and for programs that have another server. The limits of
    /// connections do not apply; everything else does.
    pub async fn handle<B>(&self, request: http::Request<B>, peer: SocketAddr) -> http::Response<ResponseBody>
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + Sync + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let info = ConnectionInfo::without_connection(peer);
        self.respond(request, &info, self.exchange(), None).await
    }

    pub(crate) async fn respond<B>(
        &self,
        request: http::Request<B>,
        connection: &ConnectionInfo,
        mut exchange: Exchange,
        answer: Option<&OpenAnswer>,
    ) -> http::Response<ResponseBody>
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + Sync + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        let faults = connection.activity.as_ref().map_or_else(HeadFaults::default, |activity| activity.head_faults());
        // Counted as it arrived, also if its normal form is shorter.
        let received = Received { target_bytes: guard::target_bytes(&parts.uri), faults };
        paths::normalize(&mut parts.uri);
        let config = &self.config;
        let request_id = RequestId::of_request(&parts.headers).unwrap_or_else(|| (config.new_request_id)());
        let client = config.trusted_proxies.client(connection.peer.ip(), &parts.headers);
        let route = config.routes.find(parts.uri.path());
        let template = route.map(|route| &*route.template);
        let limit = self.body_limit(route, &parts.method);
        let trace = RequestTrace::begin(config.tracer.as_deref(), config.new_trace.as_ref(), &parts, template, client);
        let is_probe = routes::is_probe(parts.uri.path());
        let answer = answer.filter(|_| !is_probe);
        let deadline = exchange.started() + config.timeouts.request + limit.longest();
        let admission = Arc::new(self.admission(&parts.method, route, is_probe, client, deadline, connection, answer));
        let context = RequestContext {
            request_id: request_id.clone(),
            client,
            peer: connection.peer,
            trace: trace.context,
            route: route.map(|route| Arc::clone(&route.template)),
            received: exchange.started(),
            deadline,
            max_body_bytes: limit.bytes,
            admission: Arc::clone(&admission),
            endings: self.endings.clone(),
        };
        exchange.describe(Subject {
            method: parts.method.clone(),
            route: context.route.clone(),
            request_id: request_id.clone(),
            client,
            trace: trace.context,
            span: trace.span.clone(),
        });
        let origin = config.cors.as_ref().and_then(|cors| cors.allowed_origin(&parts.headers));
        let method = parts.method.clone();
        let wish = Wish::of(&parts.headers);
        let is_encoded = parts.headers.contains_key(CONTENT_ENCODING);
        let http1 = parts.version < Version::HTTP_2;
        // The head scanner cannot find the head after a chunked body, so the connection is closed.
        let mut close = http1 && parts.headers.contains_key(TRANSFER_ENCODING);
        let waits_for_continue = parts.headers.contains_key(EXPECT);
        let intake = match body.is_end_stream() {
            true => None,
            false => Some(Arc::new(Intake::new(body, Arc::clone(&admission)))),
        };
        let mut is_unread = false;

        if is_probe {
            exchange.is_free(Free::Probe);
        }
        let mut response = match guard::check(&parts, &config.limits, received) {
            Ok(()) => match self.refuse_or_answer(&parts, route, origin.as_ref()) {
                Some(response) => {
                    exchange.is_free(Free::Edge);
                    response.unwrap_or_else(|problem| problem.render(Some(request_id.as_str())))
                }
                None => match admission.enter().await {
                    Ok(()) => {
                        let use_case = trace.use_case(route.and_then(|route| route.use_case(&parts.method)));
                        let body = intake.clone().map(|intake| (intake, limit));
                        let call = Arc::clone(&self.app).call(self.request(parts, body, route, context, connection));
                        // In a box, because each future around it would take its size once more.
                        let (call, method) = (Box::pin(call.instrument(use_case)), method.clone());
                        let compressors = self.compressors.clone();
                        // Nothing but its place bounds how many pages are in memory until their room is settled.
                        let work = async move {
                            let mut response = call.await;
                            compression::compress(&method, wish, &mut response, compressors).await;
                            response
                        };
                        let work = hasher::within(Arc::clone(&admission), trace::within(trace.context, work));
                        let response = KeptWork::new(work, Arc::clone(&admission), self.endings.clone()).await;
                        admission.finish();
                        response
                    }
                    Err(crowded) => Self::crowded(crowded, &request_id),
                },
            },
            Err(problem) => {
                exchange.is_free(Free::Edge);
                // It is uncertain where this request ends.
                close = http1;
                is_unread = http1;
                problem.render(Some(request_id.as_str()))
            }
        };

        if let Some(denied) = response.extensions_mut().remove::<Denied>() {
            exchange.deny(denied);
        }
        let status = response.status();
        close |= http1 && status == StatusCode::REQUEST_TIMEOUT;
        if http1 && let Some(intake) = &intake {
            // A client that waits for `100 Continue` sends no body after another answer.
            let may_read = !close && !waits_for_continue;
            let is_read = if may_read { self.discard(intake).await } else { intake.is_read() };
            is_unread |= !is_read;
            close |= is_unread;
        }
        if is_unread && let Some(activity) = &connection.activity {
            activity.body_left_unread();
        }
        if status == StatusCode::METHOD_NOT_ALLOWED && !response.headers().contains_key(ALLOW) {
            let allow = route.map_or(routes::ALLOW_ANY, |route| route.allow.clone());
            response.headers_mut().insert(ALLOW, allow);
        }
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && is_encoded {
            // The coding that would be accepted (RFC 9110, 15.5.16).
            response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let decorate = |out: &mut HeaderMap| {
            headers::secure(out, self.hsts.as_ref());
            headers::identify(out, &request_id);
            trace.write(out);
            for (name, value) in route.iter().flat_map(|route| &route.marks) {
                out.insert(name.clone(), value.clone());
            }
            if let Some(cors) = &config.cors {
                cors.decorate(origin.clone(), out);
            }
        };
        decorate(response.headers_mut());
        if method == Method::HEAD {
            strip_body(&mut response);
        }
        if !self.has_room_for(&admission, &method, &mut response).await {
            response = Self::crowded(Crowded::Answers, &request_id);
            decorate(response.headers_mut());
        }
        let status = response.status();
        if close {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let response: http::Response<BoxBody<Bytes, io::Error>> = response.into();
        let length = announced(response.headers());
        response.map(|body| exchange.answer(status, length, body))
    }

    /// What a request needs of what all requests share. A probe needs nothing.
    #[expect(clippy::too_many_arguments, reason = "the facts about one request")]
    fn admission(
        &self,
        method: &Method,
        route: Option<&Route>,
        is_probe: bool,
        client: IpAddr,
        deadline: Instant,
        connection: &ConnectionInfo,
        answer: Option<&OpenAnswer>,
    ) -> Admission {
        let config = &self.config;
        let (kind, bytes) = match route {
            _ if !method.is_safe() => (Kind::Change, room::CHANGE),
            Some(route) if route.is_list(method) => (Kind::List, room::READ),
            _ => (Kind::Read, room::READ),
        };
        let is_shared = !is_probe && route.is_none_or(|route| route.is_shared(method));
        let is_counted = is_shared && !config.clients.is_uncounted(client);
        let network = Network::of(client).widest();
        let work = is_counted.then(|| NeededPlace { work: Arc::clone(&self.work), network, kind });
        let room = answer.map(|answer| NeededRoom {
            answer: answer.answer(),
            network: connection.network_of(client),
            bytes,
            wait: config.clients.room_wait,
            refused: self.metrics.unsent_refusals.clone(),
        });
        Admission::new(work, room, deadline, HeldBody::nothing(Arc::clone(&self.bodies), client))
    }

    /// Waits for the rest of the room that this answer needs. Returns whether there is room. There always is for the
    /// answer of a change: it may be committed, and the client must learn of it.
    async fn has_room_for(&self, admission: &Admission, method: &Method, response: &mut Response) -> bool {
        let Some(room) = admission.room.as_ref().filter(|_| admission.has_entered()) else { return true };
        let body: BoxBody<Bytes, io::Error> = response.take_body().into();
        // A shared body is in memory anyway, so its answer holds no more than the least that any answer does.
        let is_shared = response.extensions().get::<SharedBody>().is_some();
        let length = if is_shared { Some(0) } else { HttpBody::size_hint(&body).exact() };
        response.set_body(Body::from(body));
        let has_room = room.answer.settle(room.network.as_ref(), length, !method.is_safe(), room.wait).await;
        if !has_room {
            room.refused.increment(1);
        }
        has_room
    }

    /// The answer to a request that cannot be worked on now.
    fn crowded(crowded: Crowded, request_id: &RequestId) -> Response {
        Problem::no_room(crowded.to_string()).render(Some(request_id.as_str()))
    }

    /// Answers OPTIONS, and refuses methods that the path does not serve. `None` if the application must answer.
    fn refuse_or_answer(
        &self,
        parts: &Parts,
        route: Option<&Route>,
        origin: Option<&HeaderValue>,
    ) -> Option<Result<Response, Problem>> {
        let method = &parts.method;
        let whole_server = parts.uri.path() == "*";
        if *method == Method::OPTIONS && (route.is_some() || whole_server) {
            let allow = route.map_or(routes::ALLOW_ANY, |route| route.allow.clone());
            let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
            let out = response.headers_mut();
            out.extend(route.map(|route| route.options.clone()).unwrap_or_default());
            if let Some(cors) = &self.config.cors
                && origin.is_some()
                && cors::is_preflight(method, &parts.headers)
            {
                let serves = |method: &Method| match route {
                    Some(route) => route.serves(method),
                    None => routes::is_known_method(method),
                };
                cors.preflight(&parts.headers, serves, &allow, out);
            }
            out.insert(ALLOW, allow);
            return Some(Ok(response));
        }
        // Standard methods that no path serves.
        let is_served_nowhere = ["TRACE", "CONNECT", "QUERY"].contains(&method.as_str());
        if !is_served_nowhere && !routes::is_known_method(method) {
            return Some(Err(Problem::of(code::NOT_IMPLEMENTED).with_detail("the server does not know this method")));
        }
        let served = !is_served_nowhere && route.is_none_or(|route| route.serves(method));
        (!served).then(|| Err(Problem::of(code::METHOD_NOT_ALLOWED)))
    }

    /// The limit of the body of a request: that of its operation, at most that of the server.
    fn body_limit(&self, route: Option<&Route>, method: &Method) -> BodyLimit {
        let most = BodyLimit {
            bytes: self.config.limits.max_body_bytes,
            time: self.config.timeouts.body_total,
            least_rate: None,
        };
        route.and_then(|route| route.body_limit(method)).map_or(most, |limit| limit.min(most))
    }

    /// Reads the rest of a body that the application has left, if it is short. Returns whether the whole body was read.
    async fn discard<B: HttpBody<Data = Bytes> + Unpin>(&self, intake: &Intake<B>) -> bool {
        intake.discard(self.config.bodies.unread_bytes, self.config.timeouts.linger).await
    }

    /// The request for the application. It has a guarded body and the context, and HEAD of a known path becomes GET.
    fn request<B>(
        &self,
        mut parts: Parts,
        body: Option<(Arc<Intake<B>>, BodyLimit)>,
        route: Option<&Route>,
        context: RequestContext,
        connection: &ConnectionInfo,
    ) -> Request
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + Sync + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        // The server switches to no other protocol, so the application must not see the header.
        parts.headers.remove(UPGRADE);
        compression::restore_tags(&mut parts.headers);
        if parts.method == Method::HEAD && route.is_some() {
            parts.method = Method::GET;
        }
        let guarded = body.and_then(|(intake, limit)| {
            let rules = BodyRules {
                bytes: limit.bytes,
                gap: self.config.timeouts.body_gap,
                total: limit.time,
                least_rate: limit.least_rate,
                small_pieces: self.config.bodies.small_pieces,
            };
            GuardedBody::new(intake, rules)
        });
        let body = guarded.map_or_else(Body::empty, |guarded| Body::from(BoxBody::new(guarded)));
        parts.extensions.insert(context);
        let local = connection.local.map_or_else(Addr::default, Addr::from);
        let parts =
            RequestParts::from((parts, LocalAddr(local), RemoteAddr(Addr::from(connection.peer)), Scheme::HTTP));
        Request::from_parts(parts, body)
    }
}

/// The number of bytes that an answer announces.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Removes the body of an answer to HEAD and keeps its length in the header.
fn strip_body(response: &mut Response) {
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    let length = HttpBody::size_hint(&body).exact();
    if let Some(length) = length.filter(|length| *length > 0) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
}

#[cfg(test)]
mod tests;
