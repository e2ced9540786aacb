//! Drives one connection until it ends, and closes it when it is time.

use super::{
    connection::Activity,
    limits::Timeouts,
    server_state::{CUT, RUNNING},
};
use hyper_util::server::graceful::GracefulConnection;
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it, or the server closed it after an answer.
    Closed,
    /// The server closed it at a deadline.
    TimedOut,
    /// The server closed it because the client did not read its answer in time.
    Stalled,
    /// The server closed it to make room for another one.
    Replaced,
    /// It still had requests when the time for draining was over.
    Cut,
}

/// The time for which an idle connection stays open after the order to close. Within it, the runtime polls the sockets
/// and so learns of every request that was sent before.
const SETTLE: Duration = Duration::from_millis(20);

/// Drives a connection until it ends, passes a deadline, is asked to leave, or the server stops.
pub(crate) async fn drive<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    timeouts: &Timeouts,
) -> Ending {
    let server = &activity.server;
    let mut timer = pin!(tokio::time::sleep_until(activity.origin + timeouts.first_request));
    // Polled only once, to register the waker, because polling takes a lock. `phase` says what happened.
    let mut drain = pin!(server.draining());
    let mut cut = pin!(server.cutting());
    let mut registered = false;
    let mut settled: Option<Pin<Box<Sleep>>> = None;
    let mut closing: Option<Instant> = None;
    poll_fn(move |cx| {
        if !registered {
            registered = true;
            let _ = drain.as_mut().poll(cx);
            let _ = cut.as_mut().poll(cx);
        }
        activity.register(cx.waker());
        let phase = server.phase();
        if phase == CUT {
            return Poll::Ready(Ending::Cut);
        }
        if (phase != RUNNING || activity.may_leave()) && closing.is_none() {
            let sleep = settled.get_or_insert_with(|| Box::pin(tokio::time::sleep(SETTLE)));
            if sleep.as_mut().poll(cx).is_ready() {
                settled = None;
                // One more poll, because the shutdown of an idle connection drops a request that has just arrived.
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ending::Closed);
                }
                // A head that began in the meantime belongs to a request that is on its way.
                let now = Instant::now();
                let is_idle = activity.idle_since().is_some_and(|since| now.duration_since(since) >= SETTLE);
                activity.decide_to_leave(is_idle);
                if phase != RUNNING || is_idle {
                    connection.as_mut().graceful_shutdown();
                    // The connection that waits for the place does not wait longer than this.
                    let shorter = if phase == RUNNING { 2 } else { 1 };
                    closing = Some(now + timeouts.closing_grace / shorter);
                }
            }
        }
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(if activity.leaves() { Ending::Replaced } else { Ending::Closed });
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
                    // A request may begin to wait for the client without a wake-up of this task.
                    None => timer.as_mut().reset(now + timeouts.keep_alive.min(timeouts.response_stall)),
                }
            }
            if !activity.is_http2() || closing.is_some() {
                return Poll::Ready(late_ending(activity, timeouts));
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

/// How a connection ends that has passed its deadline.
fn late_ending(activity: &Activity, timeouts: &Timeouts) -> Ending {
    match activity.stall(timeouts) {
        _ if activity.leaves() => Ending::Replaced,
        Some(_) => Ending::Stalled,
        None => Ending::TimedOut,
    }
}

fn reset(timer: Pin<&mut Sleep>, until: Instant) {
    timer.reset(until);
}
