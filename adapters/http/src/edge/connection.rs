//! One connection: the state of its requests, and the time at which it is closed.

use super::limits::Timeouts;
use hyper_util::server::graceful::GracefulConnection;
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// The state of a connection. Its socket, its service and its bodies write it, and the task that drives the connection
/// reads it. It consists of atomic values, so nothing here waits.
///
/// A time is the number of milliseconds since `origin` plus one. Zero means that there is no such time.
#[derive(Debug)]
pub(crate) struct Activity {
    origin: Instant,
    /// The requests whose response has not been sent completely.
    in_flight: AtomicU32,
    /// The requests in flight that wait for the server (the handler or the source of the response), not for the client.
    waiting_for_us: AtomicU32,
    /// The time of the last progress of any response.
    progress: AtomicU64,
    /// The time at which the last request ended.
    idle_since: AtomicU64,
    /// The time at which the head that is being received began.
    head_since: AtomicU64,
    requested: AtomicBool,
    http2: AtomicBool,
    /// Whether the last write was blocked because the client does not read.
    write_blocked: AtomicBool,
    unread_body: AtomicBool,
    conflicting_lengths: AtomicBool,
    server: Arc<ServerState>,
}

/// The state that all connections of a server share.
#[derive(Debug, Default)]
pub(crate) struct ServerState {
    phase: AtomicU8,
    /// The requests in flight on all connections.
    in_flight: AtomicUsize,
    /// Canceled when draining starts, after `phase` was set.
    drain: CancellationToken,
    /// Canceled when the time for draining is over, after `phase` was set.
    cut: CancellationToken,
}

const RUNNING: u8 = 0;
const DRAINING: u8 = 1;
const CUT: u8 = 2;

impl ServerState {
    pub(crate) fn start_drain(&self) {
        self.phase.store(DRAINING, Ordering::Release);
        self.drain.cancel();
    }

    pub(crate) fn cut(&self) {
        self.phase.store(CUT, Ordering::Release);
        self.cut.cancel();
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }
}

impl Activity {
    pub(crate) fn new(server: Arc<ServerState>) -> Self {
        Self {
            origin: Instant::now(),
            in_flight: AtomicU32::new(0),
            waiting_for_us: AtomicU32::new(0),
            progress: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            requested: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            write_blocked: AtomicBool::new(false),
            unread_body: AtomicBool::new(false),
            conflicting_lengths: AtomicBool::new(false),
            server,
        }
    }

    fn clock(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).map_or(u64::MAX, |ms| ms + 1)
    }

    fn instant(&self, clock: u64) -> Instant {
        self.origin + Duration::from_millis(clock.saturating_sub(1))
    }

    /// Notes a new request. It waits for the server.
    pub(crate) fn request_began(&self, http2: bool) {
        self.requested.store(true, Ordering::Relaxed);
        self.http2.store(http2, Ordering::Relaxed);
        self.unread_body.store(false, Ordering::Relaxed);
        self.waiting_for_us.fetch_add(1, Ordering::AcqRel);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.server.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that a request has ended, with or without a complete answer.
    pub(crate) fn request_ended(&self) {
        self.idle_since.store(self.clock(), Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.server.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Notes that a request now waits for the server (`true`), or for the client to read (`false`).
    pub(crate) fn waits_for_us(&self, us: bool) {
        if us {
            self.waiting_for_us.fetch_add(1, Ordering::AcqRel);
        } else {
            self.response_progressed();
            self.waiting_for_us.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Notes the progress of a response.
    pub(crate) fn response_progressed(&self) {
        self.progress.store(self.clock(), Ordering::Relaxed);
    }

    /// Notes whether a write was blocked.
    pub(crate) fn write_is_blocked(&self, blocked: bool) {
        if self.write_blocked.load(Ordering::Relaxed) != blocked {
            self.response_progressed();
            self.write_blocked.store(blocked, Ordering::Relaxed);
        }
    }

    /// Notes that a request body was dropped before its end.
    pub(crate) fn body_left_unread(&self) {
        self.unread_body.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending a body that is not read any more.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Relaxed)
    }

    /// Notes what the scanner found in the bytes that were just received.
    pub(crate) fn received(&self, scan: super::head_scanner::Scan) {
        if scan.conflict {
            self.conflicting_lengths.store(true, Ordering::Relaxed);
        }
        match (scan.mid_head, self.head_since.load(Ordering::Relaxed)) {
            (true, 0) => self.head_since.store(self.clock(), Ordering::Relaxed),
            (false, 1..) => self.head_since.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Whether a head with both `Transfer-Encoding` and `Content-Length` was received.
    pub(crate) fn has_conflicting_lengths(&self) -> bool {
        self.conflicting_lengths.load(Ordering::Relaxed)
    }

    fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// The time at which the connection is closed if nothing happens before. `None` while a request waits for the
    /// server.
    fn deadline(&self, timeouts: &Timeouts, closing: Option<Instant>) -> Option<Instant> {
        let progress = self.instant(self.progress.load(Ordering::Relaxed));
        // An answer can have left the service and still be on its way to a slow client.
        if self.write_blocked.load(Ordering::Relaxed) {
            return Some(progress + timeouts.response_stall);
        }
        if self.in_flight.load(Ordering::Acquire) > 0 {
            if self.waiting_for_us.load(Ordering::Acquire) > 0 {
                return None;
            }
            return Some(progress + timeouts.response_stall);
        }
        let idle_since = self.idle_since.load(Ordering::Relaxed);
        let head_since = self.head_since.load(Ordering::Relaxed);
        let deadline = if !self.requested.load(Ordering::Relaxed) {
            self.origin + timeouts.first_request
        } else if head_since > 0 && !self.is_http2() {
            // A pipelined head may have waited for the request before it.
            self.instant(head_since.max(idle_since)) + timeouts.header_read
        } else {
            self.instant(idle_since) + timeouts.keep_alive
        };
        Some(closing.map_or(deadline, |closing| closing.min(deadline)))
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it, or the server closed it after an answer.
    Closed,
    /// The server closed it at a deadline.
    TimedOut,
    /// It still had requests when the time for draining was over.
    Cut,
}

/// The time for which an idle connection stays open after the order to stop. Within it, the runtime polls the sockets
/// and so learns of every request that was sent before.
const SETTLE: Duration = Duration::from_millis(20);

/// Drives a connection until it ends, passes a deadline, or the server stops.
pub(crate) async fn drive<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    timeouts: &Timeouts,
) -> Ending {
    let server = &activity.server;
    let mut timer = pin!(tokio::time::sleep_until(activity.origin + timeouts.first_request));
    // Polled only once, to register the waker, because polling takes a lock. `phase` says what happened.
    let mut drain = pin!(server.drain.cancelled());
    let mut cut = pin!(server.cut.cancelled());
    let mut registered = false;
    let mut settled: Option<Pin<Box<Sleep>>> = None;
    let mut closing: Option<Instant> = None;
    poll_fn(move |cx| {
        if !registered {
            registered = true;
            let _ = drain.as_mut().poll(cx);
            let _ = cut.as_mut().poll(cx);
        }
        let phase = server.phase.load(Ordering::Acquire);
        if phase == CUT {
            return Poll::Ready(Ending::Cut);
        }
        if phase != RUNNING && closing.is_none() {
            let settled = settled.get_or_insert_with(|| Box::pin(tokio::time::sleep(SETTLE)));
            if settled.as_mut().poll(cx).is_ready() {
                // One more poll, because the shutdown of an idle connection drops a request that has just arrived.
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ending::Closed);
                }
                connection.as_mut().graceful_shutdown();
                closing = Some(Instant::now() + timeouts.closing_grace);
            }
        }
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ending::Closed);
            }
            loop {
                match activity.deadline(timeouts, closing) {
                    Some(deadline) if deadline < timer.deadline() => timer.as_mut().reset(deadline),
                    _ => {}
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                match activity.deadline(timeouts, closing) {
                    Some(deadline) if deadline <= now => break,
                    // The timer is not reset when the deadline moves to a later time, so that is checked here.
                    Some(deadline) => timer.as_mut().reset(deadline),
                    None => timer.as_mut().reset(now + timeouts.keep_alive),
                }
            }
            if !activity.is_http2() || closing.is_some() {
                return Poll::Ready(Ending::TimedOut);
            }
            // An HTTP/2 client gets a GOAWAY frame first.
            connection.as_mut().graceful_shutdown();
            let until = Instant::now() + timeouts.closing_grace;
            closing = Some(until);
            reset(timer.as_mut(), until);
        }
    })
    .await
}

fn reset(timer: Pin<&mut Sleep>, until: Instant) {
    timer.reset(until);
}
