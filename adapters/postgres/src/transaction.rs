//! Transactions, each on one connection.

use crate::{
    fault::{Fault, Link},
    pool::Lease,
    values,
    wire::{answered, execute, fetch, simple},
};
use async_trait::async_trait;
use skep_application::kernel::{StoreError, TxMode};
use skep_sql::{Declared, Row, SqlConnection, SqlTransaction, Statement, Value};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// The statement that begins a transaction, with the limits of the unit if its session has none. It sets the isolation level, because a server may have another default. It
/// does not set READ WRITE, so that a server that was made read-only stays so.
pub(crate) fn begin(mode: TxMode, limits: Option<String>) -> Cow<'static, str> {
    let begin = match mode {
        TxMode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        TxMode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
    };
    limits.map_or(begin.into(), |limits| format!("{begin}; {limits}").into())
}

/// A transaction on one connection.
///
/// The connection is stored here only between statements. A statement takes it, and puts it back when it has succeeded.
/// After an error or a canceled call it is not put back, and everything except `rollback` is refused. Otherwise a
/// commit after an error would seem to succeed, because PostgreSQL answers it with `Ok`.
pub(crate) struct PostgresTransaction {
    lease: Option<Lease>,
    /// The connection after the server has refused a statement. It can only be rolled back.
    refused: Option<Lease>,
    mode: TxMode,
    declared: Arc<Declared>,
    answer_timeout: Option<Duration>,
}

impl PostgresTransaction {
    /// A transaction on a connection on which `BEGIN` was sent.
    pub(crate) fn new(lease: Lease, mode: TxMode, declared: Arc<Declared>, answer_timeout: Option<Duration>) -> Self {
        Self { lease: Some(lease), refused: None, mode, declared, answer_timeout }
    }

    fn take(&mut self) -> Result<Lease, StoreError> {
        self.lease.take().ok_or_else(StoreError::after_error)
    }

    fn bring_back<T>(
        &mut self,
        statement: &'static Statement,
        lease: Lease,
        done: Result<T, Fault>,
    ) -> Result<T, StoreError> {
        match done {
            Ok(done) => {
                self.lease = Some(lease);
                Ok(done)
            }
            Err(fault) if fault.link == Link::Works => {
                self.refused = Some(lease);
                Err(fault.of_statement(statement, &self.declared))
            }
            Err(fault) => {
                lease.end(fault.link);
                Err(fault.into_store_error())
            }
        }
    }
}

#[async_trait]
impl SqlConnection for PostgresTransaction {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        let mut lease = self.take()?;
        let arguments = values::bind(statement, args)?;
        let done = answered(statement.name, self.answer_timeout, execute(lease.raw(), statement, arguments)).await;
        self.bring_back(statement, lease, done)
    }

    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        let mut lease = self.take()?;
        let empty = rows.is_empty();
        let arguments = values::bind_rows(statement, rows)?;
        if empty {
            return self.bring_back(statement, lease, Ok(0));
        }
        let done = answered(statement.name, self.answer_timeout, execute(lease.raw(), statement, arguments)).await;
        self.bring_back(statement, lease, done)
    }

    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let mut lease = self.take()?;
        let arguments = values::bind(statement, args)?;
        let done = answered(statement.name, self.answer_timeout, fetch(lease.raw(), statement, arguments)).await;
        let rows = match done {
            Ok(rows) => values::rows(statement, &rows)?,
            Err(fault) => return self.bring_back(statement, lease, Err(fault)),
        };
        self.bring_back(statement, lease, Ok(rows))
    }
}

#[async_trait]
impl SqlTransaction for PostgresTransaction {
    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let mut lease = self.take()?;
        match answered("commit", self.answer_timeout, simple(lease.raw(), "COMMIT")).await {
            Ok(()) => {
                lease.release();
                Ok(())
            }
            Err(fault) => {
                lease.end(fault.link);
                Err(match self.mode {
                    TxMode::Read => fault.into_store_error(),
                    TxMode::Write => fault.of_commit(&self.declared),
                })
            }
        }
    }

    /// READ COMMITTED reads only committed rows, which are as durable as the server makes commits. If the connection
    /// breaks here, the server may have crashed, and with `synchronous_commit = off` it may have lost those rows:
    /// `Retry`.
    ///
    /// Works also after a statement that the server refused, because a refusal may rely on it: the other row of a
    /// `Duplicate` was committed.
    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        let mut lease = self.lease.take().or_else(|| self.refused.take()).ok_or_else(StoreError::after_error)?;
        match answered("rollback", self.answer_timeout, simple(lease.raw(), "ROLLBACK")).await {
            Ok(()) => {
                lease.release();
                Ok(())
            }
            Err(fault) => {
                lease.end(fault.link);
                Err(fault.into_store_error())
            }
        }
    }
}
