//! Every metric there is: the one table that descriptions, `docs/guides/observe.md` and the tests share. A context that
//! counts something has a file of its own and a line in [`PARTS`].

mod identity;
mod program;
mod requests;
mod store;

use super::metric::Metric;
use std::sync::LazyLock;

const PARTS: &[&[Metric]] = &[requests::METRICS, store::METRICS, identity::METRICS, program::METRICS];

/// Every metric, in the order in which they are documented.
pub static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| PARTS.concat());
