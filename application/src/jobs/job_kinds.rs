//! The kinds of jobs that this program knows.

use super::{Handler, Handlers};
use skep_domain::jobs::{JobArgs, JobKind};
use std::sync::{Arc, OnceLock};

/// The kinds of jobs that this program has handlers for. Handlers hold the use cases, so they are made after them; until
/// [`JobKinds::know`] is called, no kind is known. Clones share the kinds.
#[derive(Clone, Default)]
pub struct JobKinds(Arc<OnceLock<Vec<Known>>>);

/// What is known of a handler. It does not hold the handler, which may hold the use cases.
struct Known {
    kind: &'static str,
    attempts: u32,
    check_args: fn(&str) -> Result<(), serde_json::Error>,
}

/// The program has no handler for this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this program has no handler for this kind of job")]
pub struct UnknownKind;

/// The handler of the kind cannot read these arguments.
#[derive(Debug, thiserror::Error)]
#[error("the handler cannot read the arguments: {0}")]
pub struct UnreadableArgs(serde_json::Error);

impl JobKinds {
    /// Makes the kinds of these handlers known. Only the first call counts.
    pub fn know(&self, handlers: &Handlers) {
        let known = |handler: &Handler| {
            let Handler { kind, attempts, check_args, .. } = *handler;
            Known { kind, attempts, check_args }
        };
        let _ = self.0.set(handlers.iter().map(known).collect());
    }

    fn get(&self, kind: &JobKind) -> Result<&Known, UnknownKind> {
        let known = self.0.get().map_or(&[][..], Vec::as_slice);
        known.iter().find(|known| known.kind == kind.as_str()).ok_or(UnknownKind)
    }

    /// How often a job of this kind is tried.
    pub(super) fn attempts(&self, kind: &JobKind) -> Result<u32, UnknownKind> {
        self.get(kind).map(|known| known.attempts)
    }

    /// Checks that the handler can read arguments, if this program knows the kind.
    pub(super) fn check_args(&self, kind: &JobKind, args: &JobArgs) -> Result<(), UnreadableArgs> {
        self.get(kind).map_or(Ok(()), |known| (known.check_args)(args.as_str())).map_err(UnreadableArgs)
    }
}
