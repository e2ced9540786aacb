//! The neighbor: visitors at other addresses who read products at an even pace. An attack must not disturb them.

use super::ground::Ground;
use crate::bench::{
    Fault,
    client::{Talk, bytes, latencies},
    measure::Latency,
};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The number of visitors. Each has an address and a thread.
const VISITORS: u8 = 10;
/// The time between two requests of a visitor. All visitors together send a hundred requests a second.
const INTERVAL: Duration = Duration::from_millis(100);
/// The time after which a visitor gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The visitors at work.
#[derive(Debug)]
pub(crate) struct Neighbor {
    end: Arc<AtomicBool>,
    visitors: Vec<JoinHandle<Result<Visits, String>>>,
}

/// What the visitors have experienced.
#[derive(Debug, Serialize)]
pub(crate) struct Felt {
    #[serde(rename = "latency_ms")]
    pub(crate) latency: Latency,
    pub(crate) asked: u64,
    /// Requests without the expected answer. Their latency counts as well.
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
}

struct Visits {
    latency: Histogram<u64>,
    asked: u64,
    failed: u64,
    first_failure: Option<String>,
}

impl Neighbor {
    pub(crate) fn start(ground: &Ground) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let visitors = (0..VISITORS).map(|number| {
            let (server, end) = (ground.address(), Arc::clone(&end));
            let id = &ground.products()[usize::from(number) % ground.products().len()];
            let request = bytes("GET", &format!("/api/v1/products/{id}"), "", None);
            thread::spawn(move || visit(number, server, &request, &end).map_err(|fault| fault.to_string()))
        });
        Self { visitors: visitors.collect(), end }
    }

    /// Lets the visitors read for this time.
    ///
    /// # Errors
    /// If latencies cannot be recorded.
    pub(crate) fn watch(ground: &Ground, time: Duration) -> Result<Felt, Fault> {
        let neighbor = Self::start(ground);
        thread::sleep(time);
        neighbor.stop()
    }

    /// Ends the visits.
    ///
    /// # Errors
    /// If latencies cannot be recorded.
    pub(crate) fn stop(self) -> Result<Felt, Fault> {
        self.end.store(true, Ordering::Relaxed);
        let mut all = Visits { latency: latencies()?, asked: 0, failed: 0, first_failure: None };
        for visitor in self.visitors {
            let visits = visitor.join().map_err(|_| "a visitor has failed")??;
            all.latency.add(&visits.latency)?;
            all.asked += visits.asked;
            all.failed += visits.failed;
            all.first_failure = all.first_failure.or(visits.first_failure);
        }
        let latency = Latency::of(&all.latency);
        Ok(Felt { latency, asked: all.asked, failed: all.failed, first_failure: all.first_failure })
    }
}

/// Sends requests until the end, half of them on new connections. Latency counts from the time when a request was due.
fn visit(number: u8, server: SocketAddr, request: &[u8], end: &AtomicBool) -> Result<Visits, Fault> {
    let from = IpAddr::from(Ipv4Addr::new(127, 0, 2, number + 1));
    let mut visits = Visits { latency: latencies()?, asked: 0, failed: 0, first_failure: None };
    let mut kept: Option<Talk> = None;
    let mut due = Instant::now() + INTERVAL / u32::from(VISITORS) * u32::from(number);
    while !end.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let answered = if visits.asked.is_multiple_of(2) {
            on_new_connection(from, server, request).map(drop)
        } else {
            on_kept_connection(&mut kept, from, server, request)
        };
        visits.asked += 1;
        if let Err(fault) = answered {
            visits.failed += 1;
            visits.first_failure.get_or_insert(fault.to_string());
        }
        visits.latency.saturating_record(u64::try_from(due.elapsed().as_nanos())?);
        due += INTERVAL;
    }
    Ok(visits)
}

fn on_new_connection(from: IpAddr, server: SocketAddr, request: &[u8]) -> Result<Talk, Fault> {
    let mut talk = Talk::open_from(from, server, PATIENCE)?;
    talk.ask(request)?.expect(200)?;
    Ok(talk)
}

/// Asks on the connection of the request before. If the server has closed it, the visitor opens a new one, because a
/// server may close an idle connection at any time.
fn on_kept_connection(kept: &mut Option<Talk>, from: IpAddr, server: SocketAddr, request: &[u8]) -> Result<(), Fault> {
    if let Some(mut talk) = kept.take()
        && let Ok(said) = talk.ask(request)
    {
        said.expect(200)?;
        *kept = Some(talk);
        return Ok(());
    }
    *kept = Some(on_new_connection(from, server, request)?);
    Ok(())
}
