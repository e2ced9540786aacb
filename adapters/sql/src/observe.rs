//! Metrics and spans of the store: how long statements and units of work take, and how they end.
//!
//! Watching a statement allocates nothing and takes no lock. On SQLite, a statement inside a unit of work takes about
//! as long as reading the clock twice, so only the unit is timed there, not each of its statements.

use super::{Declared, Engine, Statement};
use metrics::Histogram;
use skep_application::kernel::{StoreError, UnitOutcome};
use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Instant,
};
use tracing::{Instrument as _, Span, field::Empty};

/// The metrics of one database.
pub(crate) struct Observer {
    /// The engine's name in OpenTelemetry.
    system: &'static str,
    /// Whether statements inside units of work are timed too.
    times_all: bool,
    /// Address, name and timer of each declared statement, sorted by address.
    operations: Vec<(usize, &'static str, OnceLock<Histogram>)>,
    units: [Histogram; UnitOutcome::ALL.len()],
}

/// The span of an operation: a child of `parent` if it is given, else of the current span.
macro_rules! operation_span {
    ($system:expr, $name:expr $(, parent: $parent:expr)?) => {
        tracing::info_span!(
            target: "skep::spans",
            $(parent: $parent,)?
            "operation",
            otel.name = $name,
            otel.kind = "client",
            db.system.name = $system,
            db.operation.name = $name,
            error.type = Empty,
            otel.status_code = Empty,
        )
    };
}

impl Observer {
    /// Install the metrics recorder before: it is asked only once for each handle.
    pub(crate) fn new(engine: Engine, declared: &Declared) -> Arc<Self> {
        let (system, times_all) = match engine {
            Engine::Sqlite => ("sqlite", false),
            Engine::Postgres => ("postgresql", true),
        };
        let named = |statement: &'static Statement| (address(statement), statement.name, OnceLock::new());
        let mut operations: Vec<_> = declared.all().map(named).collect();
        operations.sort_unstable_by_key(|(address, ..)| *address);
        let units = std::array::from_fn(|outcome| {
            let labels = [("db_system_name", system), ("outcome", UnitOutcome::ALL[outcome].name())];
            metrics::histogram!("skep_unit_of_work_duration_seconds", &labels)
        });
        Arc::new(Self { system, times_all, operations, units })
    }

    /// Runs a statement outside of any unit of work.
    pub(crate) async fn read<T>(
        &self,
        statement: &'static Statement,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.expect_declared(statement);
        let span = operation_span!(self.system, statement.name);
        self.run(span, self.operation(statement), work).await
    }

    /// Runs an operation in its span, and times it if there is a histogram.
    async fn run<T>(
        &self,
        span: Span,
        times: Option<&Histogram>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let started = times.map(|_| Instant::now());
        let done = if span.is_disabled() { work.await } else { work.instrument(span.clone()).await };
        if let (Some(times), Some(started)) = (times, started) {
            times.record(started.elapsed());
        }
        if let Err(error) = &done {
            self.note(&span, error);
        }
        done
    }

    /// Finds the index of the statement in `operations`.
    fn at(&self, statement: &'static Statement) -> Result<usize, usize> {
        self.operations.binary_search_by_key(&address(statement), |(address, ..)| *address)
    }

    /// Panics in debug builds if the statement is not declared: it would not be timed, a statement of ours would not be
    /// tested on both engines, and the rules of a host's table would not be named. This crate's tests have undeclared
    /// statements, called `test.…`.
    fn expect_declared(&self, statement: &'static Statement) {
        let known = self.at(statement).is_ok() || statement.name.starts_with("test.");
        debug_assert!(known, "{} is not declared: a host passes its tables to with_tables", statement.name);
    }

    fn operation(&self, statement: &'static Statement) -> Option<&Histogram> {
        let (_, name, times) = &self.operations[self.at(statement).ok()?];
        let make = || {
            let labels = [("db_system_name", self.system), ("db_operation_name", *name)];
            metrics::histogram!("db_client_operation_duration_seconds", &labels)
        };
        Some(times.get_or_init(make))
    }

    /// Records the error in the span, and counts it if the store is at fault. Unique-key conflicts, broken references
    /// and stale versions are not counted.
    fn note(&self, span: &Span, error: &StoreError) {
        let kind = kind(error);
        span.record("error.type", kind);
        if matches!(error, StoreError::Duplicate { .. } | StoreError::Referenced { .. } | StoreError::Stale) {
            return;
        }
        span.record("otel.status_code", "ERROR");
        let labels = [("db_system_name", self.system), ("error_type", kind)];
        metrics::counter!("skep_store_errors_total", &labels).increment(1);
    }

    /// Starts watching a unit of work.
    pub(crate) fn unit(self: &Arc<Self>) -> WatchedUnit {
        let span = tracing::info_span!(
            target: "skep::spans",
            "unit of work",
            otel.kind = "internal",
            db.system.name = self.system,
            skep.outcome = Empty,
            otel.status_code = Empty,
        );
        WatchedUnit { observer: Arc::clone(self), started: Instant::now(), span, outcome: UnitOutcome::Failed }
    }
}

fn address(statement: &'static Statement) -> usize {
    std::ptr::from_ref(statement).addr()
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
    /// Runs a statement of the unit.
    pub(crate) async fn statement<T>(
        &mut self,
        statement: &'static Statement,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.observer.expect_declared(statement);
        let times = if self.observer.times_all { self.observer.operation(statement) } else { None };
        let span = operation_span!(self.observer.system, statement.name, parent: &self.span);
        let done = self.observer.run(span, times, work).await;
        self.remember(done.as_ref().err());
        done
    }

    /// Runs `work`, which begins the unit.
    pub(crate) async fn begin<T>(
        &mut self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let span = operation_span!(self.observer.system, "begin", parent: &self.span);
        let done = self.observer.run(span, None, work).await;
        self.remember(done.as_ref().err());
        done
    }

    /// Runs `work`, which ends the unit. `outcome` counts if it succeeds.
    pub(crate) async fn end(
        mut self,
        outcome: UnitOutcome,
        work: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let name = if outcome == UnitOutcome::Committed { "commit" } else { "rollback" };
        let span = operation_span!(self.observer.system, name, parent: &self.span);
        let done = self.observer.run(span, None, work).await;
        match &done {
            Ok(()) => self.outcome = outcome,
            Err(error) => self.remember(Some(error)),
        }
        done
    }

    /// Remembers the error as the outcome of the unit. A rollback, which follows a refusal, overrides it.
    pub(crate) fn remember(&mut self, error: Option<&StoreError>) {
        if let Some(error) = error {
            self.outcome = UnitOutcome::after(error);
        }
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
