//! The table of all metrics. The recorder, `docs/guides/observe.md` and the tests use it. A context with metrics has a
//! file of its own and a line in [`PARTS`].

mod events;
mod files;
mod identity;
mod jobs;
mod outbound;
mod program;
mod requests;
mod store;

use super::metric::Metric;
use std::sync::LazyLock;

const PARTS: &[&[Metric]] = &[
    requests::METRICS,
    store::METRICS,
    identity::METRICS,
    events::METRICS,
    jobs::METRICS,
    files::METRICS,
    outbound::METRICS,
    program::METRICS,
];

/// All metrics, in the order of the documentation.
pub static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| PARTS.concat());
