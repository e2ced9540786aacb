//! The accept loop. It limits the number of connections and ends them when the server stops.

use super::{
    access_log::Exchange,
    config::EdgeConfig,
    connection::{Activity, Ending, ServerState, drive},
    io::EdgeIo,
    limits::Limits,
    service::{ConnectionInfo, Edge},
};
use crate::problem::Problem;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{Response, endpoint::BoxEndpoint};
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The number of connections above the limit that get an answer at the same time. Others are closed without an answer.
const MAX_REFUSALS: usize = 64;

/// The longest pause after a failed accept.
const MAX_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The interval of pings to an HTTP/2 client, and the time that it has to answer one.
const HTTP2_PING: Duration = Duration::from_secs(20);

/// The bytes of a body that an HTTP/2 client may send before the handler reads them, for one request and for all
/// requests of a connection. They are in memory, and the budget of bodies does not count them.
const HTTP2_WINDOWS: (u32, u32) = (64 << 10, 256 << 10);

/// The connections and requests that were cut when the server stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// The connections that were still open when the time for draining was over.
    pub connections_cut: usize,
    /// The requests that had no complete answer yet on those connections.
    pub requests_cut: usize,
}

/// Serves an application until `shutdown` is canceled and the running requests are answered or cut.
///
/// An error of accept, for example when no file descriptor is left, is not fatal. It is retried after a pause.
pub async fn serve(
    listener: TcpListener,
    app: BoxEndpoint<'static, Response>,
    config: EdgeConfig,
    shutdown: CancellationToken,
) -> DrainReport {
    let server = Server::new(Edge::new(app, config));
    let connections = TaskTracker::new();
    accept(&listener, &server, &connections, &shutdown).await;
    // The listener is closed before draining, so that a load balancer goes elsewhere.
    admit_waiting(listener, &server, &connections);
    drain(&server, &connections).await
}

struct Server {
    edge: Arc<Edge>,
    protocol: Arc<auto::Builder<TokioExecutor>>,
    state: Arc<ServerState>,
    permits: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    busy: Arc<[u8]>,
}

impl Server {
    fn new(edge: Edge) -> Self {
        let limits = edge.config().limits;
        Self {
            protocol: Arc::new(protocol(&limits)),
            state: Arc::new(ServerState::default()),
            permits: Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            busy: busy_response().into(),
            edge: Arc::new(edge),
        }
    }
}

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // More than the guard allows, because the guard answers with a problem document, and hyper's own 431 has no body.
    let head = limits.max_header_bytes + limits.max_target_bytes + (8 << 10);
    builder
        .http1()
        // The deadlines of `Activity` distinguish an idle connection from a slow head. hyper's timeout does not.
        .header_read_timeout(None)
        .max_buf_size(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(HTTP2_WINDOWS.0)
        .initial_connection_window_size(HTTP2_WINDOWS.1)
        .max_concurrent_streams(limits.http2_max_streams)
        .max_pending_accept_reset_streams(limits.http2_max_pending_resets)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}

async fn accept(listener: &TcpListener, server: &Server, connections: &TaskTracker, shutdown: &CancellationToken) {
    let mut stopped = pin!(shutdown.cancelled());
    let mut pause = Duration::ZERO;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                pause = Duration::ZERO;
                admit(server, connections, socket, peer);
            }
            // The client gave up before its connection was accepted. There is no reason to pause.
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                pause = (pause * 2).clamp(Duration::from_millis(10), MAX_ACCEPT_PAUSE);
                tracing::warn!(%error, pause_ms = pause.as_millis(), "accept failed");
                tokio::select! {
                    () = &mut stopped => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

/// Takes the connections that wait in the backlog, and closes the listener. Such a client may have sent a whole request
/// before the order to stop. Without this, its connection would be reset.
fn admit_waiting(listener: TcpListener, server: &Server, connections: &TaskTracker) {
    // The operating system knows all waiting connections; the runtime may not know them yet.
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept() {
            Ok((socket, peer)) => {
                let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
                if let Ok(socket) = socket {
                    admit(server, connections, socket, peer);
                }
            }
            Err(error) if is_of_one_client(&error) => {}
            // No connection waits any more.
            Err(_) => return,
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Starts a task for the connection, or refuses it when there are too many.
fn admit(server: &Server, connections: &TaskTracker, socket: TcpStream, peer: SocketAddr) {
    if let Ok(permit) = Arc::clone(&server.permits).try_acquire_owned() {
        let edge = Arc::clone(&server.edge);
        let protocol = Arc::clone(&server.protocol);
        let state = Arc::clone(&server.state);
        let counted = edge.metrics().connection();
        connections.spawn(async move {
            let ending = connection(edge, &protocol, state, socket, peer).await;
            tracing::trace!(%peer, ?ending, "connection ended");
            drop((permit, counted));
        });
        return;
    }
    server.edge.metrics().refused_connections.increment(1);
    if let Ok(permit) = Arc::clone(&server.refusals).try_acquire_owned() {
        let busy = Arc::clone(&server.busy);
        let limit = server.edge.config().timeouts.linger;
        connections.spawn(async move {
            // A client that does not read the answer in time loses it.
            let _ = tokio::time::timeout(limit, refuse(socket, &busy)).await;
            drop(permit);
        });
    }
}

async fn connection(
    edge: Arc<Edge>,
    protocol: &auto::Builder<TokioExecutor>,
    state: Arc<ServerState>,
    socket: TcpStream,
    peer: SocketAddr,
) -> Ending {
    // Answers are small and written at once, so collecting them into larger packets would only delay them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
    }
    let activity = Arc::new(Activity::new(state));
    let timeouts = edge.config().timeouts;
    let info =
        Arc::new(ConnectionInfo { local: socket.local_addr().ok(), peer, activity: Some(Arc::clone(&activity)) });
    let socket = EdgeIo::new(socket, Arc::clone(&activity), timeouts.linger);
    let service = service_fn(move |request: http::Request<Incoming>| {
        // Not inside the future, so that a request counts from the moment when it is read.
        let http2 = request.version() == http::Version::HTTP_2;
        let exchange = Exchange::begin(info.activity.clone(), http2, edge.metrics().request());
        let edge = Arc::clone(&edge);
        let info = Arc::clone(&info);
        async move { Ok::<_, Infallible>(edge.respond(request, &info, exchange).await) }
    });
    let connection = pin!(protocol.serve_connection(TokioIo::new(socket), service));
    drive(connection, &activity, &timeouts).await
}

/// Answers a connection above the limit with 503.
async fn refuse(mut socket: TcpStream, busy: &[u8]) -> io::Result<()> {
    socket.write_all(busy).await?;
    socket.shutdown().await?;
    // Closing with unread data would reset the connection and lose the answer.
    let mut space = [0_u8; 1024];
    while socket.read(&mut space).await? > 0 {}
    Ok(())
}

fn busy_response() -> Vec<u8> {
    let problem = Problem::unavailable(1).with_detail("the server has too many connections");
    let body = serde_json::to_string(&problem.document(None)).unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         content-type: {}\r\n\
         content-length: {}\r\n\
         retry-after: 1\r\n\
         cache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\
         connection: close\r\n\r\n{body}",
        crate::problem::MEDIA_TYPE,
        body.len(),
    )
    .into_bytes()
}

/// Waits until the running requests have ended, at most for the time limit, and cuts the rest.
async fn drain(server: &Server, connections: &TaskTracker) -> DrainReport {
    let limit = server.edge.config().timeouts.drain;
    server.state.start_drain();
    connections.close();
    if tokio::time::timeout(limit, connections.wait()).await.is_ok() {
        return DrainReport::default();
    }
    let report = DrainReport { connections_cut: connections.len(), requests_cut: server.state.in_flight() };
    server.state.cut();
    // A task that blocks its thread cannot be cut. It ends with the process.
    let _ = tokio::time::timeout(Duration::from_secs(1), connections.wait()).await;
    report
}
