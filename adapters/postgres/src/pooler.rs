//! Finds out what a connection pooler between us and the server keeps.
//!
//! Several connections prepare a statement each, all at the same time, and then run it in turn. It returns its number, its
//! name and the process of the server that runs it. sqlx names the statements of all connections alike. A pooler that
//! keeps transactions and prepared statements has to give them other names, so each connection shows this by itself,
//! however many poolers share a name.
//!
//! If the names are passed on, the processes decide. In a session, the process never changes, and two connections never
//! share one. If either happens, the pooler keeps transactions only. Then the number shows whether the statement is still
//! the same one, because a pooler that passes names on confuses the statements of its clients, or does not find them. One
//! name may lead to several poolers, which do not share processes: two of the connections lead to the same one if there
//! are fewer poolers than connections.

use crate::wire::{one_row, simple};
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};
use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
};

/// The number of connections that it takes.
pub(crate) const TRIALS: usize = 6;
/// How often they work in turn, each time in the opposite order. A pooler gives out the process that was used last, or
/// the one that was unused longest.
const ROUNDS: usize = 2;
/// How sqlx begins the name of a prepared statement.
const NAME: &str = "sqlx_s_";

/// What a pooler keeps for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// There is no pooler, or one that cannot be noticed.
    None,
    /// A client has a connection to the server as long as it is connected.
    Sessions,
    /// It seems to keep sessions, but several poolers behind one name seem the same. It is used as one that keeps
    /// transactions.
    PerhapsSessions,
    /// A client has a connection to the server during a transaction. Prepared statements are kept.
    Transactions,
}

/// One of the connections.
struct Trial<'a> {
    raw: &'a mut PgConnection,
    number: i64,
}

/// What the statement of a trial has found.
struct Found {
    process: i64,
    is_renamed: bool,
}

/// Why the trial has ended early.
pub(crate) enum Stop {
    /// The pooler cannot be used.
    Unfit(&'static str),
    /// The connection broke, or the server has refused a statement.
    Broken(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error)
    }
}

const NOT_KEPT: &str = "the connection pooler is in transaction mode and does not keep prepared statements: use PgBouncer \
                        1.21 or later with max_prepared_statements above 0, or pool_mode = session";
const NO_TRANSACTIONS: &str =
    "the connection pooler refuses transactions: use PgBouncer with pool_mode = transaction or session";

/// Returns what the pooler keeps. Takes [`TRIALS`] connections. If it keeps transactions and prepared statements, this
/// takes four round trips, otherwise two more for each connection.
pub(crate) async fn learn(connections: &mut [PgConnection]) -> Result<Pooling, Stop> {
    if let Some(raw) = connections.first_mut() {
        check_transactions(raw).await?;
    }
    // An earlier client may have left a statement behind, which must not have the same number.
    let first = i64::try_from(RandomState::new().hash_one(0_u8) >> 2).unwrap_or_default();
    let trials = connections.iter_mut().zip(first..);
    let mut trials: Vec<_> = trials.map(|(raw, number)| Trial { raw, number }).collect();
    let found = try_join_all(trials.iter_mut().map(Trial::work)).await?;
    if found.iter().all(|found| found.is_renamed) {
        return Ok(Pooling::Transactions);
    }
    let processes: BTreeSet<_> = found.iter().map(|found| found.process).collect();
    let mut is_session = processes.len() == trials.len() && !found.iter().any(|found| found.is_renamed);
    let mut turns: Vec<_> = trials.iter_mut().zip(&found).collect();
    for _ in 0..ROUNDS {
        for (trial, found) in &mut turns {
            is_session &= trial.work().await?.process == found.process;
        }
        turns.reverse();
    }
    Ok(if is_session { Pooling::Sessions } else { Pooling::Transactions })
}

/// Begins a transaction in a message of its own, which a pooler of single statements refuses.
async fn check_transactions(raw: &mut PgConnection) -> Result<(), Stop> {
    simple(raw, "BEGIN").await.map_err(|error| match error.as_database_error() {
        // All errors of the pooler have one code, also when it is only busy. Its messages are not translated.
        Some(answer) if answer.message().contains("statement pooling mode") => Stop::Unfit(NO_TRANSACTIONS),
        _ => error.into(),
    })?;
    Ok(simple(raw, "ROLLBACK").await?)
}

impl Trial<'_> {
    /// Runs the statement, which is prepared the first time.
    async fn work(&mut self) -> Result<Found, Stop> {
        let number = self.number;
        let text = format!(
            "SELECT {number}::bigint, pg_backend_pid()::bigint, \
             (SELECT min(name) FROM pg_prepared_statements WHERE statement LIKE '%{number}%')"
        );
        match sqlx::query(AssertSqlSafe(text)).fetch_one(&mut *self.raw).await {
            Ok(row) => self.found(&row).map_err(|_| Stop::Unfit(NOT_KEPT)),
            // There is another statement with this name, or none.
            Err(error) if matches!(code(&error).as_deref(), Some("42P05" | "26000")) => Err(Stop::Unfit(NOT_KEPT)),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the row, unless it is that of another statement.
    fn found(&self, row: &PgRow) -> Result<Found, sqlx::Error> {
        if row.try_get::<i64, _>(0)? != self.number {
            return Err(sqlx::Error::RowNotFound);
        }
        let name: Option<String> = row.try_get(2)?;
        Ok(Found { process: row.try_get(1)?, is_renamed: !name.is_some_and(|name| name.starts_with(NAME)) })
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// Reads run outside of a transaction, so only the role can limit their statements.
pub(crate) async fn warn_without_limit(raw: &mut PgConnection) -> Result<(), sqlx::Error> {
    let limits = one_row(raw, "SELECT current_setting('statement_timeout'), quote_ident(current_user)").await?;
    if let [Some(limit), Some(role)] = &limits[..]
        && limit == "0"
    {
        tracing::warn!(
            "PostgreSQL is behind a pooler in transaction mode, and the server does not end reads that take too long: run \
             ALTER ROLE {role} SET statement_timeout = '5s'"
        );
    }
    Ok(())
}
