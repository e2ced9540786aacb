//! The accept loop. It limits the number of connections and ends them when the server stops.

use super::{
    access_sample,
    config::EdgeConfig,
    connection::Activity,
    connection_info::ConnectionInfo,
    drive::{Ending, drive},
    io::EdgeIo,
    library_errors::LibraryErrors,
    limits::Limits,
    networks::{Entered, Networks},
    pieces::{OpenAnswer, PiecedBody},
    places::Places,
    refusals::{Refusal, Refusals},
    room::Level,
    server_state::ServerState,
    service::Edge,
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{Response, endpoint::BoxEndpoint};
use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The longest pause after a failed accept.
const MAX_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The longest time that a server that stops waits for what requests have begun, after it has cut them.
const MAX_ENDING: Duration = Duration::from_secs(5);

/// The interval of pings to an HTTP/2 client, and the time that it has to answer one.
const HTTP2_PING: Duration = Duration::from_secs(20);

/// The bytes of an answer that hyper may queue for one HTTP/2 stream.
const HTTP2_QUEUE: usize = 64 << 10;

/// The bytes of a body that an HTTP/2 client may send before the handler reads them, for one request. They are in
/// memory, and the budget of bodies does not count them.
const HTTP2_STREAM_WINDOW: u32 = 4 << 10;

/// The bytes that an HTTP/2 client may send on a new connection before it gets the server's windows (RFC 9113, 6.9.2).
const HTTP2_FIRST_WINDOW: u32 = (64 << 10) - 1;

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
    let server = Arc::new(Server::new(Edge::new(app, config)));
    let connections = TaskTracker::new();
    tokio::select! {
        () = accept(&listener, &server, &connections, &shutdown) => {}
        () = say_left_out_lines(&server) => {}
    }
    // The listener is closed before draining, so that a load balancer goes elsewhere.
    admit_waiting(listener, &server, &connections);
    let report = drain(&server, &connections).await;
    server.edge.sample().say();
    report
}

struct Server {
    edge: Arc<Edge>,
    protocol: auto::Builder<TokioExecutor>,
    state: Arc<ServerState>,
    networks: Arc<Networks>,
    places: Arc<Places>,
    refusals: Refusals,
    library_errors: Arc<LibraryErrors>,
}

impl Server {
    fn new(edge: Edge) -> Self {
        let config = edge.config();
        let clients = &config.clients;
        let unsent = Level::measured(clients.unsent_bytes, edge.metrics().unsent_bytes.clone()).keeping_a_quarter();
        let networks = Networks::new(
            clients.connections_per_network,
            clients.unsent_per_network(),
            Arc::clone(&clients.uncounted_networks),
            config.trusted_proxies.clone(),
        );
        Self {
            protocol: protocol(&config.limits),
            state: Arc::new(ServerState::new(unsent, clients.unsent_per_connection())),
            networks: Arc::new(networks),
            places: Arc::new(Places::new(config.limits.max_connections)),
            library_errors: Arc::new(edge.library_errors()),
            refusals: Refusals::new(edge.metrics(), config.timeouts.linger),
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
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(http2_connection_window(limits.http2_max_streams))
        .max_concurrent_streams(limits.http2_max_streams)
        .max_send_buf_size(HTTP2_QUEUE)
        .max_pending_accept_reset_streams(limits.http2_max_pending_resets)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}

/// The bytes of bodies that an HTTP/2 client may send on one connection before handlers read them. Requests that wait
/// for their place do not read, and even if all but one do so, the last one gets its body.
fn http2_connection_window(streams: u32) -> u32 {
    streams.saturating_mul(HTTP2_STREAM_WINDOW).saturating_add(HTTP2_FIRST_WINDOW).min(i32::MAX.unsigned_abs())
}

/// Logs now and then how many lines the access log has left out.
async fn say_left_out_lines(server: &Server) {
    loop {
        tokio::time::sleep(access_sample::SAY_EVERY).await;
        server.edge.sample().say();
    }
}

async fn accept(listener: &TcpListener, server: &Arc<Server>, connections: &TaskTracker, shutdown: &CancellationToken) {
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
fn admit_waiting(listener: TcpListener, server: &Arc<Server>, connections: &TaskTracker) {
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
fn admit(server: &Arc<Server>, connections: &TaskTracker, socket: TcpStream, peer: SocketAddr) {
    let Some(entered) = server.networks.enter(peer.ip()) else {
        if let Some(answer) = server.refusals.refuse(socket, Refusal::Network) {
            connections.spawn(answer);
        }
        return;
    };
    let server = Arc::clone(server);
    if let Some(permit) = server.places.try_reserve() {
        connections.spawn(serve_connection(server, socket, peer, entered, permit));
        return;
    }
    connections.spawn(async move {
        match server.places.reserve(server.edge.config().clients.place_wait).await {
            Some(permit) => serve_connection(server, socket, peer, entered, permit).await,
            None => {
                drop(entered);
                if let Some(answer) = server.refusals.refuse(socket, Refusal::Full) {
                    answer.await;
                }
            }
        }
    });
}

/// Serves a connection that has a place, and counts how it ended.
async fn serve_connection(
    server: Arc<Server>,
    socket: TcpStream,
    peer: SocketAddr,
    entered: Entered,
    permit: OwnedSemaphorePermit,
) {
    let _counted = server.edge.metrics().connection();
    let state = Arc::clone(&server.state);
    let activity = if entered.is_uncounted() { Activity::of_many_clients(state) } else { Activity::new(state) };
    let activity = Arc::new(activity);
    let place = server.places.occupy(permit, &activity);
    let ending = connection(&server, socket, peer, &entered, activity).await;
    tracing::trace!(%peer, ?ending, "connection ended");
    match ending {
        Ending::Stalled => server.edge.metrics().stalled_connections.increment(1),
        Ending::Replaced => server.edge.metrics().replaced_connections.increment(1),
        Ending::Closed | Ending::TimedOut | Ending::Cut => {}
    }
    drop((place, entered));
}

async fn connection(
    server: &Server,
    socket: TcpStream,
    peer: SocketAddr,
    entered: &Entered,
    activity: Arc<Activity>,
) -> Ending {
    // Answers are small and written at once, so collecting them into larger packets would only delay them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
    }
    let edge = Arc::clone(&server.edge);
    let timeouts = edge.config().timeouts;
    let info = Arc::new(ConnectionInfo {
        local: socket.local_addr().ok(),
        peer,
        activity: Some(Arc::clone(&activity)),
        network: entered.widest().cloned(),
        networks: Some(Arc::clone(&server.networks)),
    });
    let errors = Arc::clone(&server.library_errors);
    let network = info.network.clone();
    let socket = EdgeIo::new(socket, Arc::clone(&activity), errors, network, timeouts.linger);
    let begun = Arc::clone(&activity);
    let service = service_fn(move |request: http::Request<Incoming>| {
        // Not inside the future, so that a request counts from the moment when it is read.
        let answer = OpenAnswer::begin(&begun, request.version() == http::Version::HTTP_2);
        let exchange = edge.exchange();
        let edge = Arc::clone(&edge);
        let info = Arc::clone(&info);
        async move {
            let response = edge.respond(request, &info, exchange, Some(&answer)).await;
            Ok::<_, Infallible>(response.map(|body| PiecedBody::new(body, answer)))
        }
    });
    let connection = pin!(server.protocol.serve_connection(TokioIo::new(socket), service));
    drive(connection, &activity, &timeouts).await
}

/// Waits until the running requests have ended, at most for the time limit, and cuts the rest. What requests have begun
/// is ended before this returns, so that the store is still there.
async fn drain(server: &Server, connections: &TaskTracker) -> DrainReport {
    let limit = server.edge.config().timeouts.drain;
    server.state.start_drain();
    connections.close();
    let mut report = DrainReport::default();
    if tokio::time::timeout(limit, connections.wait()).await.is_err() {
        report = DrainReport { connections_cut: connections.len(), requests_cut: server.state.in_flight() };
        server.state.cut();
        // A task that blocks its thread cannot be cut. It ends with the process.
        let _ = tokio::time::timeout(Duration::from_secs(1), connections.wait()).await;
    }
    let endings = server.edge.endings();
    endings.close();
    let _ = tokio::time::timeout(limit.min(MAX_ENDING), endings.wait()).await;
    report
}
