//! Drives loads. A closed loop sends the next request when an answer has arrived. An open loop sends requests at a
//! fixed pace.

use super::{
    super::Fault,
    Answer, Outcome, Source,
    connection::{Connection, Flight, Step},
};
use hdrhistogram::Histogram;
use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
    fd::OwnedFd,
    io::Errno,
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The longest latency that is recorded, in nanoseconds. Longer ones count as this.
const LONGEST: u64 = 120_000_000_000;
/// The time to wait for answers after the window.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time that a refused client waits before its next request.
const PAUSE: Duration = Duration::from_millis(100);

/// The pace of the requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// A constant number of requests is in flight.
    Closed {
        /// The number of requests in flight.
        in_flight: usize,
    },
    /// Requests are sent at even intervals. A request that is due while all connections wait is sent when one is free,
    /// and its latency counts from the time when it was due.
    Open {
        /// The number of requests per second.
        per_second: f64,
        /// The number of connections.
        connections: usize,
    },
}

/// A stream of requests to a server.
pub(crate) struct Load<'s> {
    pub(crate) address: SocketAddr,
    pub(crate) pace: Pace,
    pub(crate) source: &'s mut dyn Source,
}

/// The time in which answers are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// The time before the window, which is not measured.
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// The results of a load.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answers in the window.
    pub(crate) answers: u64,
    /// All answers, in the window or not.
    pub(crate) total: u64,
    /// The length of the window.
    pub(crate) seconds: f64,
    /// Latencies in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// Requests that a busy server refused, in the window or not.
    pub(crate) refused: u64,
    /// Answers that were not as expected, in the window or not.
    pub(crate) wrong: u64,
    /// What was wrong with the first wrong answer.
    pub(crate) first_wrong: Option<String>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }
}

struct Running<'l, 's> {
    load: &'l mut Load<'s>,
    /// Connections without a request in flight.
    free: Vec<usize>,
    /// Connections whose last request was refused, and the time when they may send the next.
    paused: VecDeque<(Instant, usize)>,
    /// The number of requests that were sent or given up.
    sent: u32,
    is_exhausted: bool,
    measured: Measured,
}

/// Code that runs when the window opens and when it closes.
pub(crate) trait Observer {
    /// Called when the window opens.
    fn open(&mut self);
    /// Called when the window closes.
    fn close(&mut self);
}

/// Runs these loads at the same time, until the window is over or all sources are exhausted.
///
/// # Errors
/// If a server cannot be reached, hangs up, or answers with something that is not HTTP.
pub(crate) fn run(loads: &mut [Load<'_>], window: Window, observer: &mut dyn Observer) -> Result<Vec<Measured>, Fault> {
    let mut engine = Engine::open(loads, window)?;
    engine.drive(observer)?;
    Ok(engine.running.into_iter().map(|running| running.measured).collect())
}

/// An empty record of latencies in nanoseconds, from a microsecond to two minutes.
///
/// # Errors
/// If there is no memory for it.
pub(crate) fn latencies() -> Result<Histogram<u64>, Fault> {
    Ok(Histogram::new_with_bounds(1_000, LONGEST, 3)?)
}

struct Engine<'l, 's> {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    running: Vec<Running<'l, 's>>,
    under_way: usize,
    start: Instant,
    open: Instant,
    close: Instant,
}

impl<'l, 's> Engine<'l, 's> {
    fn open(loads: &'l mut [Load<'s>], window: Window) -> Result<Self, Fault> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (mut connections, mut running) = (vec![], vec![]);
        for (number, load) in loads.iter_mut().enumerate() {
            let count = match load.pace {
                Pace::Closed { in_flight } => in_flight,
                Pace::Open { connections, .. } => connections,
            };
            let free: Vec<usize> = (connections.len()..connections.len() + count).collect();
            for at in &free {
                let connection = Connection::open(load.address, number)?;
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
                epoll::add(&epoll, &connection.stream, EventData::new_u64(*at as u64), flags)?;
                connections.push(connection);
            }
            let latency = latencies()?;
            let measured =
                Measured { answers: 0, total: 0, seconds: 0.0, latency, refused: 0, wrong: 0, first_wrong: None };
            running.push(Running { load, free, paused: VecDeque::new(), sent: 0, is_exhausted: false, measured });
        }
        let start = Instant::now();
        let open = start + window.warm_up;
        Ok(Self { epoll, connections, running, under_way: 0, start, open, close: open + window.length })
    }

    fn drive(&mut self, observer: &mut dyn Observer) -> Result<(), Fault> {
        let (mut is_open, mut is_closed) = (false, false);
        let mut events = Vec::with_capacity(256);
        loop {
            let now = Instant::now();
            if !is_open && now >= self.open {
                is_open = true;
                observer.open();
            }
            if !is_closed && now >= self.close {
                is_closed = true;
                observer.close();
            }
            let next = self.send_due(now)?;
            if self.under_way == 0 && self.is_over(now) {
                break;
            }
            if now > self.close + PATIENCE {
                self.abandon(now);
                break;
            }
            let until = [Some(self.open).filter(|_| !is_open), Some(self.close).filter(|_| !is_closed), next];
            let until = until.into_iter().flatten().min().unwrap_or(self.close + PATIENCE);
            self.wait(&mut events, until.saturating_duration_since(now))?;
            for event in events.drain(..) {
                let event: epoll::Event = event;
                let data = event.data;
                self.advance(usize::try_from(data.u64())?)?;
            }
        }
        let end = Instant::now().min(self.close);
        if !is_open {
            observer.open();
        }
        if !is_closed {
            observer.close();
        }
        for running in &mut self.running {
            running.measured.seconds = end.saturating_duration_since(self.open).as_secs_f64().max(1e-9);
        }
        Ok(())
    }

    fn wait(&self, events: &mut Vec<epoll::Event>, time: Duration) -> Result<(), Fault> {
        let time = Timespec { tv_sec: i64::try_from(time.as_secs())?, tv_nsec: i64::from(time.subsec_nanos()) };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives up on requests without an answer. Each counts as wrong, with the latency until now.
    fn abandon(&mut self, now: Instant) {
        let late = |measured: &mut Measured, since: Instant| {
            measured.wrong += 1;
            measured.first_wrong.get_or_insert_with(|| format!("no answer {PATIENCE:?} after the last request"));
            let took = u64::try_from(now.saturating_duration_since(since).as_nanos()).unwrap_or(LONGEST);
            measured.latency.saturating_record(took);
        };
        for connection in &self.connections {
            if let Some(flight) = connection.flight {
                late(&mut self.running[connection.load].measured, flight.since);
            }
        }
        for running in &mut self.running {
            while let Some(due) = running.due(self.start).filter(|due| *due < self.close) {
                running.sent += 1;
                late(&mut running.measured, due);
            }
        }
    }

    /// Whether no more requests are to be sent.
    fn is_over(&self, now: Instant) -> bool {
        self.running.iter().all(|running| match running.load.pace {
            _ if running.is_exhausted => true,
            Pace::Closed { .. } => now >= self.close,
            Pace::Open { .. } => running.due(self.start).is_none_or(|due| due >= self.close),
        })
    }

    /// Sends all due requests. Returns the time when the next one can be sent, if it is known.
    fn send_due(&mut self, now: Instant) -> Result<Option<Instant>, Fault> {
        let mut next: Option<Instant> = None;
        for number in 0..self.running.len() {
            loop {
                let running = &mut self.running[number];
                running.resume(now);
                if running.is_exhausted || running.free.is_empty() {
                    break;
                }
                let due = running.due(self.start).unwrap_or(now);
                if due >= self.close {
                    break;
                }
                if due > now {
                    next = next.into_iter().chain([due]).min();
                    break;
                }
                let Some(at) = running.free.pop() else { break };
                running.sent += 1;
                self.send(at, due)?;
            }
            let resumes = self.running[number].paused.front().map(|(until, _)| *until);
            next = next.into_iter().chain(resumes).min();
        }
        Ok(next)
    }

    fn send(&mut self, at: usize, since: Instant) -> Result<(), Fault> {
        let connection = &mut self.connections[at];
        let running = &mut self.running[connection.load];
        let Some(tag) = running.load.source.request(&mut connection.output) else {
            running.is_exhausted = true;
            return Ok(());
        };
        connection.flight = Some(Flight { tag, since });
        self.under_way += 1;
        connection.write()?;
        Ok(())
    }

    /// Continues a connection that can be written or read.
    fn advance(&mut self, at: usize) -> Result<(), Fault> {
        let connection = &mut self.connections[at];
        if !connection.output.is_empty() {
            connection.write()?;
        }
        let Some(flight) = connection.flight else { return Ok(()) };
        let reply = loop {
            match connection.read()? {
                Step::Answer(reply) => break reply,
                // The buffer was full, so the socket may have more bytes already.
                Step::More if connection.is_full() => {}
                Step::More => return Ok(()),
            }
        };
        let now = Instant::now();
        let running = &mut self.running[connection.load];
        let answer = Answer { status: reply.status, body: connection.body(reply) };
        let outcome = running.load.source.answer(flight.tag, &answer);
        connection.consume();
        connection.flight = None;
        self.under_way -= 1;
        if outcome == Ok(Outcome::Refused) {
            running.measured.refused += 1;
            // The source may repeat the refused request.
            running.is_exhausted = false;
            running.paused.push_back((now + PAUSE, at));
            return Ok(());
        }
        if let Err(fault) = outcome {
            running.measured.wrong += 1;
            running.measured.first_wrong.get_or_insert(fault);
        }
        let is_paced = matches!(running.load.pace, Pace::Open { .. });
        let is_in = |moment: Instant| moment >= self.open && moment < self.close;
        if is_in(if is_paced { flight.since } else { now }) {
            let took = u64::try_from(now.saturating_duration_since(flight.since).as_nanos()).unwrap_or(LONGEST);
            running.measured.latency.saturating_record(took);
        }
        running.measured.total += 1;
        // Answers after the window do not count as throughput.
        running.measured.answers += u64::from(is_in(now));
        if is_paced || now >= self.close || running.is_exhausted {
            running.free.push(at);
            return Ok(());
        }
        self.send(at, now)
    }
}

impl Running<'_, '_> {
    /// Frees the connections whose pause is over.
    fn resume(&mut self, now: Instant) {
        while let Some((_, at)) = self.paused.pop_front_if(|(until, _)| *until <= now) {
            self.free.push(at);
        }
    }

    /// When the next request of an open loop is due.
    fn due(&self, start: Instant) -> Option<Instant> {
        match self.load.pace {
            Pace::Closed { .. } => None,
            Pace::Open { per_second, .. } => Some(start + Duration::from_secs_f64(f64::from(self.sent) / per_second)),
        }
    }
}
