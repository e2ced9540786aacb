//! Drives loads: a closed loop sends the next request when an answer has come, an open one at its own pace, whatever the
//! answers do.

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

/// Latencies beyond are counted as this one, in nanoseconds.
const LONGEST: u64 = 120_000_000_000;
/// How long answers are waited for after the window.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a client that was refused waits.
const PAUSE: Duration = Duration::from_millis(100);

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many are under way at any time.
    Closed {
        /// How many.
        in_flight: usize,
    },
    /// So many are sent a second, evenly. Those that are due while all connections wait are sent when one is free, and
    /// their latency is counted from when they were due.
    Open {
        /// How many.
        per_second: f64,
        /// How many connections there are.
        connections: usize,
    },
}

/// A stream of requests to a server.
pub(crate) struct Load<'s> {
    pub(crate) address: SocketAddr,
    pub(crate) pace: Pace,
    pub(crate) source: &'s mut dyn Source,
}

/// When is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Before it.
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
}

/// What a load has come to.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answers in the window.
    pub(crate) answers: u64,
    /// Answers in all, in the window or not.
    pub(crate) total: u64,
    /// How long the window was.
    pub(crate) seconds: f64,
    /// In nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// Requests that a busy server refused, in the window or not.
    pub(crate) refused: u64,
    /// Answers that were not as expected, in the window or not.
    pub(crate) wrong: u64,
    /// What was wrong with the first.
    pub(crate) first_wrong: Option<String>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }
}

struct Running<'l, 's> {
    load: &'l mut Load<'s>,
    /// Connections that wait for nothing.
    free: Vec<usize>,
    /// Connections whose last request was refused, and when they may ask again.
    paused: VecDeque<(Instant, usize)>,
    /// How many requests of an open loop were due so far.
    sent: u32,
    is_exhausted: bool,
    measured: Measured,
}

/// What is told when the window opens, and when it closes.
pub(crate) trait Observer {
    /// The window opens.
    fn open(&mut self);
    /// The window closes.
    fn close(&mut self);
}

/// Runs these loads at the same time, until the window is over or all sources are exhausted.
///
/// # Errors
/// A server cannot be reached, hangs up, answers what is no HTTP, or not at all.
pub(crate) fn run(loads: &mut [Load<'_>], window: Window, observer: &mut dyn Observer) -> Result<Vec<Measured>, Fault> {
    let mut engine = Engine::open(loads, window)?;
    engine.drive(observer)?;
    Ok(engine.running.into_iter().map(|running| running.measured).collect())
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
                let connection = Connection::open(load.address, number, true)?;
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
                epoll::add(&epoll, &connection.stream, EventData::new_u64(*at as u64), flags)?;
                connections.push(connection);
            }
            let latency = Histogram::new_with_bounds(1_000, LONGEST, 3)?;
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

    /// Gives up on what has no answer, and counts it as answered only now.
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

    /// Whether nothing is to be sent any more.
    fn is_over(&self, now: Instant) -> bool {
        self.running.iter().all(|running| match running.load.pace {
            _ if running.is_exhausted => true,
            Pace::Closed { .. } => now >= self.close,
            Pace::Open { .. } => running.due(self.start).is_none_or(|due| due >= self.close),
        })
    }

    /// Sends what is due; when the next is due that can be sent then.
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

    /// A connection can be written or read.
    fn advance(&mut self, at: usize) -> Result<(), Fault> {
        let connection = &mut self.connections[at];
        if !connection.output.is_empty() {
            connection.write()?;
        }
        let Some(flight) = connection.flight else { return Ok(()) };
        let reply = loop {
            match connection.read()? {
                Step::Answer(reply) => break reply,
                // The buffer was full: there may be more already.
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
            // It may have more to ask than it thought.
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
        // What an overloaded server answers too late is no throughput.
        running.measured.answers += u64::from(is_in(now));
        if is_paced || now >= self.close || running.is_exhausted {
            running.free.push(at);
            return Ok(());
        }
        self.send(at, now)
    }
}

impl Running<'_, '_> {
    /// Lets those who have waited long enough ask again.
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
