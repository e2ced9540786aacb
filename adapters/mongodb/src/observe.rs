//! Metrics and spans of the store: how long commands and units of work take, how they end, and how the driver's
//! connections are used.
//!
//! Commands are timed here and not by the driver's own events, because for those the driver parses every answer twice.

use metrics::Histogram;
use mongodb::{
    event::{EventHandler, cmap::CmapEvent},
    options::ServerAddress,
};
use skep_application::kernel::{StoreError, UnitOutcome};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tracing::{Span, field::Empty};

const SYSTEM: &str = "mongodb";

/// The commands whose durations are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Find,
    Aggregate,
    FindAndModify,
    Count,
    Write,
    Commit,
    Abort,
}

impl Operation {
    const ALL: [Self; 7] =
        [Self::Find, Self::Aggregate, Self::FindAndModify, Self::Count, Self::Write, Self::Commit, Self::Abort];

    const fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Aggregate => "aggregate",
            Self::FindAndModify => "findAndModify",
            Self::Count => "count",
            Self::Write => "write",
            Self::Commit => "commitTransaction",
            Self::Abort => "abortTransaction",
        }
    }
}

/// The current usage of the connections to the servers. Waiting callers are not counted, because the driver does not
/// report callers that have given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Connections that are in use.
    pub used: usize,
    /// Connections that are open and not in use.
    pub idle: usize,
    /// The most connections to each server.
    pub max: usize,
}

/// A connection, by its server and its number there.
type ConnectionId = (ServerAddress, u32);

/// Sets instead of counts, because the driver also reports "checked in" for connections that were never checked out:
/// their caller was canceled before they were ready.
#[derive(Debug, Default)]
struct Pool {
    open: HashSet<ConnectionId>,
    used: HashSet<ConnectionId>,
}

impl Pool {
    fn note(&mut self, event: CmapEvent) {
        match event {
            CmapEvent::ConnectionCreated(created) => drop(self.open.insert((created.address, created.connection_id))),
            CmapEvent::ConnectionCheckedOut(out) => drop(self.used.insert((out.address, out.connection_id))),
            CmapEvent::ConnectionCheckedIn(back) => drop(self.used.remove(&(back.address, back.connection_id))),
            CmapEvent::ConnectionClosed(closed) => {
                let id = (closed.address, closed.connection_id);
                self.used.remove(&id);
                self.open.remove(&id);
            }
            _ => {}
        }
    }
}

/// The metrics of one store.
pub(crate) struct Observer {
    pool: Arc<Mutex<Pool>>,
    operations: [Histogram; Operation::ALL.len()],
    units: [Histogram; UnitOutcome::ALL.len()],
}

impl Observer {
    /// Install the metrics recorder before: it is asked only once for each handle.
    pub(crate) fn new() -> Arc<Self> {
        let operations = Operation::ALL.map(|operation| {
            let labels = [("db_system_name", SYSTEM), ("db_operation_name", operation.name())];
            metrics::histogram!("db_client_operation_duration_seconds", &labels)
        });
        let units = std::array::from_fn(|outcome| {
            let labels = [("db_system_name", SYSTEM), ("outcome", UnitOutcome::ALL[outcome].name())];
            metrics::histogram!("skep_unit_of_work_duration_seconds", &labels)
        });
        Arc::new(Self { pool: Arc::default(), operations, units })
    }

    /// Receives the driver's events about its connections.
    pub(crate) fn pool_events(&self) -> EventHandler<CmapEvent> {
        let pool = Arc::clone(&self.pool);
        EventHandler::callback(move |event| lock(&pool).note(event))
    }

    pub(crate) fn pool_stats(&self, max: u32) -> PoolStats {
        let pool = lock(&self.pool);
        let used = pool.used.len();
        let idle = pool.open.len().saturating_sub(used);
        PoolStats { used, idle, max: usize::try_from(max).unwrap_or(usize::MAX) }
    }

    /// Starts watching a command. Its span is a child of the unit's span, or else of the current one.
    pub(crate) fn command(self: &Arc<Self>, operation: Operation, unit: Option<&WatchedUnit>) -> Command {
        macro_rules! span {
            ($(parent: $parent:expr)?) => {
                tracing::info_span!(
                    target: "skep::spans",
                    $(parent: $parent,)?
                    "operation",
                    otel.name = operation.name(),
                    otel.kind = "client",
                    db.system.name = SYSTEM,
                    db.operation.name = operation.name(),
                    error.type = Empty,
                    otel.status_code = Empty,
                )
            };
        }
        let span = match unit {
            Some(unit) => span!(parent: &unit.span),
            None => span!(),
        };
        Command { observer: Arc::clone(self), operation, started: Instant::now(), span }
    }

    /// Starts watching a unit of work.
    pub(crate) fn unit(self: &Arc<Self>) -> WatchedUnit {
        let span = tracing::info_span!(
            target: "skep::spans",
            "unit of work",
            otel.kind = "internal",
            db.system.name = SYSTEM,
            skep.outcome = Empty,
            otel.status_code = Empty,
        );
        WatchedUnit { observer: Arc::clone(self), started: Instant::now(), span, outcome: UnitOutcome::Failed }
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    // A panic leaves nothing half done under this lock.
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command that is being watched.
pub(crate) struct Command {
    observer: Arc<Observer>,
    operation: Operation,
    started: Instant,
    span: Span,
}

impl Command {
    /// Records the duration and the result of the command. Unique-key conflicts, broken references and stale versions
    /// are not faults of the store.
    pub(crate) fn end<T>(self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        self.observer.operations[self.operation as usize].record(self.started.elapsed());
        if let Err(error) = &done {
            let kind = kind(error);
            self.span.record("error.type", kind);
            if !matches!(error, StoreError::Duplicate { .. } | StoreError::Referenced { .. } | StoreError::Stale) {
                self.span.record("otel.status_code", "ERROR");
                let labels = [("db_system_name", SYSTEM), ("error_type", kind)];
                metrics::counter!("skep_store_errors_total", &labels).increment(1);
            }
        }
        done
    }
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Duplicate { .. } => "duplicate",
        StoreError::Referenced { .. } => "referenced",
        StoreError::Stale => "stale",
        StoreError::Retry(_) => "retry",
        StoreError::OutcomeUnknown(_) => "outcome_unknown",
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Full(_) => "full",
        StoreError::Corrupt(_) => "corrupt",
    }
}

/// A unit of work that is being watched. Its duration and its outcome are recorded on drop.
pub(crate) struct WatchedUnit {
    observer: Arc<Observer>,
    started: Instant,
    span: Span,
    outcome: UnitOutcome,
}

impl WatchedUnit {
    /// Sets the outcome. The last call counts.
    pub(crate) fn ends(&mut self, outcome: UnitOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for WatchedUnit {
    fn drop(&mut self) {
        self.observer.units[self.outcome as usize].record(self.started.elapsed());
        self.span.record("skep.outcome", self.outcome.name());
        if self.outcome == UnitOutcome::Failed {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}
