//! The sample of the access log. A client can make some requests at will, without a limit and without work for the
//! server. Of those, a few lines in a second are written, and the others are counted. The log of failures has the same
//! sample.

use http::StatusCode;
use metrics::Counter;
use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// How often the numbers of left-out lines are logged.
pub(super) const SAY_EVERY: Duration = Duration::from_secs(10);

/// A kind of request that a client can make at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Free {
    /// A health check. It counts for no limit.
    Probe,
    /// The edge refused it or answered it without the application.
    Edge,
    /// A limit refused it (429).
    Limited,
    /// The server was too busy for it (503).
    Busy,
    /// The client left before there was an answer.
    Left,
    /// The line is the cause of a failure that is not a defect of the server (5xx except 500).
    Failure,
}

impl Free {
    const ALL: [Self; 6] = [Self::Probe, Self::Edge, Self::Limited, Self::Busy, Self::Left, Self::Failure];

    /// The kind of a request that has ended like this.
    pub(crate) fn of_status(status: Option<StatusCode>) -> Option<Self> {
        match status {
            None => Some(Self::Left),
            Some(StatusCode::TOO_MANY_REQUESTS) => Some(Self::Limited),
            Some(StatusCode::SERVICE_UNAVAILABLE) => Some(Self::Busy),
            Some(_) => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Edge => "edge",
            Self::Limited => "limited",
            Self::Busy => "busy",
            Self::Left => "left",
            Self::Failure => "failure",
        }
    }
}

/// The lines of each kind in the current second.
pub(crate) struct Sample {
    limit: u32,
    start: Instant,
    kinds: [Lines; Free::ALL.len()],
}

struct Lines {
    /// The second in which `written` lines were written.
    second: AtomicU64,
    written: AtomicU32,
    /// The lines that were left out since the last one that was written.
    left_out: AtomicU64,
    counter: Counter,
}

impl Sample {
    /// A sample with this many lines of each kind in a second. The recorder of metrics must be installed before.
    pub(crate) fn new(limit: u32) -> Self {
        let kinds = Free::ALL.map(|kind| Lines {
            second: AtomicU64::new(0),
            written: AtomicU32::new(0),
            left_out: AtomicU64::new(0),
            counter: metrics::counter!("http_server_access_lines_left_out_total", "kind" => kind.name()),
        });
        Self { limit, start: Instant::now(), kinds }
    }

    /// Whether a line of this kind is written. If so, returns how many were left out before it.
    pub(crate) fn admit(&self, kind: Free) -> Option<u64> {
        let lines = &self.kinds[kind as usize];
        let second = self.start.elapsed().as_secs();
        // Two threads may both begin a second. A few lines more do not matter.
        if lines.second.swap(second, Relaxed) != second {
            lines.written.store(0, Relaxed);
        }
        if lines.written.load(Relaxed) < self.limit {
            lines.written.fetch_add(1, Relaxed);
            return Some(lines.left_out.swap(0, Relaxed));
        }
        lines.left_out.fetch_add(1, Relaxed);
        lines.counter.increment(1);
        None
    }

    /// Logs the numbers of lines that were left out and not mentioned yet.
    pub(crate) fn say(&self) {
        for kind in Free::ALL {
            let left_out = self.kinds[kind as usize].left_out.swap(0, Relaxed);
            if left_out > 0 {
                tracing::info!(target: "access", kind = kind.name(), left_out, "lines left out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_has_a_few_lines_of_each_kind_and_the_next_line_says_what_was_left_out() {
        let sample = Sample::new(2);
        let three = |kind| [sample.admit(kind), sample.admit(kind), sample.admit(kind)];
        assert_eq!(three(Free::Probe), [Some(0), Some(0), None]);
        assert_eq!(three(Free::Limited), [Some(0), Some(0), None], "each kind has its own lines");
        assert_eq!(sample.admit(Free::Probe), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(three(Free::Probe), [Some(2), Some(0), None]);
    }

    #[test]
    fn refusals_without_work_are_recognized() {
        for (status, kind) in [(200, None), (401, None), (429, Some(Free::Limited)), (503, Some(Free::Busy))] {
            assert_eq!(Free::of_status(StatusCode::from_u16(status).ok()), kind);
        }
        assert_eq!(Free::of_status(None), Some(Free::Left));
    }
}
