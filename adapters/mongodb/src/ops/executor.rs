//! The session that commands run in.

use crate::{
    error,
    observe::{Observer, Operation, WatchedUnit},
    reports::report,
};
use bson::{Document, Timestamp, doc};
use mongodb::{
    Client, ClientSession, Database,
    error::{ErrorKind, Result as DriverResult},
    options::{Acknowledgment, ReadConcern, WriteConcern},
};
use skep_application::kernel::{StoreError, TxMode, UnitOutcome};
use std::{future::IntoFuture, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a transaction of a process that was killed stays open. By default, MongoDB ends one that is 60 s old, and
/// looks for it every 30 s. The rest is for the answer.
pub const ABANDONED: Duration = Duration::from_secs(100);

/// Why a command of a migration takes long.
const LONG: &str = "a migration takes long: it builds an index, or waits for a transaction of a process that was killed, \
                    which MongoDB ends by itself";

/// Runs commands in one session.
pub(crate) struct Executor {
    pub(super) database: Database,
    pub(super) session: ClientSession,
    pub(super) patience: Duration,
    /// The mode of the transaction, if it runs one.
    pub(super) mode: Option<TxMode>,
    /// Whether a statement was sent.
    pub(super) sent: bool,
    /// Whether a statement was answered.
    pub(super) answered: bool,
    /// Whether a write was sent.
    pub(super) wrote: bool,
    pub(super) observer: Arc<Observer>,
    pub(super) unit: Option<WatchedUnit>,
}

/// Waits for the driver, but not longer than `patience`, because the driver has no such limit.
pub(super) async fn bounded<T>(
    patience: Duration,
    call: impl IntoFuture<Output = DriverResult<T>>,
) -> Result<DriverResult<T>, StoreError> {
    let late = |_| StoreError::Unavailable("mongodb did not answer in time".into());
    timeout(patience, call.into_future()).await.map_err(late)
}

/// Waits for a command of a migration, and reports while it takes long.
async fn migrated<T>(
    patience: Duration,
    call: impl IntoFuture<Output = DriverResult<T>>,
) -> Result<DriverResult<T>, StoreError> {
    tokio::select! {
        done = bounded(patience.max(ABANDONED), call) => done,
        never = report(LONG) => match never {},
    }
}

impl Executor {
    /// Starts a session that sees everything up to `latest`.
    pub(crate) async fn start(
        client: &Client,
        database: Database,
        patience: Duration,
        latest: Option<Timestamp>,
        observer: Arc<Observer>,
    ) -> Result<Self, StoreError> {
        let mut session = client.start_session().await.map_err(error::of_statement)?;
        if let Some(latest) = latest {
            session.advance_operation_time(latest);
        }
        Ok(Self {
            database,
            session,
            patience,
            mode: None,
            sent: false,
            answered: false,
            wrote: false,
            observer,
            unit: None,
        })
    }

    /// Starts a transaction. The server learns of it with the first statement.
    pub(crate) async fn transaction(mut self, mode: TxMode) -> Result<Self, StoreError> {
        self.unit = Some(self.observer.unit());
        let concern = WriteConcern::builder().w(Acknowledgment::Majority);
        let start = self
            .session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(concern.w_timeout(self.patience).build())
            .max_commit_time(self.patience);
        let started = bounded(self.patience, start).await.and_then(|started| started.map_err(error::of_statement));
        self.remember(&started);
        started?;
        self.mode = Some(mode);
        Ok(self)
    }

    /// Sets the outcome of the unit of work, if this is one.
    pub(crate) fn ends(&mut self, outcome: UnitOutcome) {
        if let Some(unit) = &mut self.unit {
            unit.ends(outcome);
        }
    }

    /// Records an error as the outcome of the unit. A rollback, which follows a refusal, overrides it.
    pub(crate) fn remember<T>(&mut self, done: &Result<T, StoreError>) {
        if let Err(error) = done {
            self.ends(UnitOutcome::after(error));
        }
    }

    /// Runs a command, and records its duration and result.
    pub(super) async fn watch<T>(
        &mut self,
        operation: Operation,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let command = self.observer.command(operation, self.unit.as_ref());
        let done = command.end(work(self).await);
        self.remember(&done);
        done
    }

    /// Records that the server has answered a statement.
    pub(super) fn answer<T>(&mut self, answer: DriverResult<T>) -> Result<T, StoreError> {
        self.answered = true;
        answer.map_err(error::of_statement)
    }

    /// Whether a write was sent.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote
    }

    /// Whether a statement was sent.
    pub(crate) fn sent(&self) -> bool {
        self.sent
    }

    /// The time up to which this session has seen everything.
    pub(crate) fn seen(&self) -> Option<Timestamp> {
        self.session.operation_time()
    }

    /// Runs a command that changes the schema, outside of transactions. `tolerated` are the error codes for "already
    /// done". Returns whether there was anything to do.
    pub(crate) async fn define(&mut self, command: Document, tolerated: &[i32]) -> Result<bool, StoreError> {
        let call = self.database.run_command(command).session(&mut self.session);
        match migrated(self.patience, call).await? {
            Ok(_) => Ok(true),
            Err(error) => match error.kind.as_ref() {
                ErrorKind::Command(command) if tolerated.contains(&command.code) => Ok(false),
                _ => Err(error::of_statement(error)),
            },
        }
    }

    /// Runs a command for the code of a migration, outside of transactions. Returns the server's answer, or an error if
    /// one of its writes failed or was not confirmed by a majority.
    pub(crate) async fn command(&mut self, mut command: Document) -> Result<Document, StoreError> {
        // Commands that only read do not accept a write concern.
        let reads = ["find", "getMore", "aggregate", "count", "distinct", "listCollections", "listIndexes"];
        if !command.keys().next().is_some_and(|name| reads.contains(&name.as_str())) {
            command.insert("writeConcern", doc! { "w": "majority" });
        }
        let call = self.database.run_command(command).session(&mut self.session);
        let answer = migrated(self.patience, call).await?.map_err(error::of_single_write)?;
        let failed = ["writeErrors", "writeConcernError"].into_iter().find_map(|kind| answer.get(kind));
        match failed {
            Some(failure) => Err(StoreError::Corrupt(format!("mongodb: {failure}").into())),
            None => Ok(answer),
        }
    }
}
