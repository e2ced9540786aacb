//! Finds out what a connection pooler between us and the server keeps.
//!
//! Two connections work in turn, and each asks for the id of the server's process that runs its transaction. In a
//! session, this id never changes, and two connections never share a process. If either happens, the pooler keeps
//! transactions only. Then a statement that was prepared in an earlier transaction, by another process of the server,
//! must still be the same one: each connection prepares another text. sqlx gives both statements the same name, so a
//! pooler that passes names on confuses them or does not find them.

use crate::wire::{one_row, simple};
use sqlx::{PgConnection, Row as _};

/// How often the connections change their order. A pooler gives out the process that was used last, the one that was
/// unused longest, or any.
const ROUNDS: usize = 4;

/// What a pooler keeps for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// There is no pooler, or one that cannot be noticed.
    None,
    /// A client has a connection to the server as long as it is connected.
    Sessions,
    /// A client has a connection to the server during a transaction. Prepared statements are kept.
    Transactions,
}

/// One of the two connections.
struct Trial<'a> {
    raw: &'a mut PgConnection,
    statement: &'static str,
    number: i64,
    /// The process that has run its first transaction.
    process: Option<String>,
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

/// Returns what the pooler keeps.
pub(crate) async fn learn(first: &mut PgConnection, second: &mut PgConnection) -> Result<Pooling, Stop> {
    let mut one = Trial { raw: first, statement: "SELECT 1::bigint", number: 1, process: None };
    let mut two = Trial { raw: second, statement: "SELECT 2::bigint", number: 2, process: None };
    for round in 0..ROUNDS {
        let moved = turn(&mut one, &mut two, round % 2 == 0).await?;
        if moved {
            warn_without_limit(one.raw).await?;
            return Ok(Pooling::Transactions);
        }
    }
    Ok(Pooling::Sessions)
}

/// Lets the connections work one after the other and then at the same time, and ends them in one of the two orders.
/// Returns whether one of them has got another process, or the process of the other one.
async fn turn<'a>(one: &mut Trial<'a>, two: &mut Trial<'a>, one_ends_first: bool) -> Result<bool, Stop> {
    let mut moved = one.begin().await?;
    one.end().await?;
    moved |= two.begin().await?;
    if one.process == two.process {
        // Both would wait for each other if the pooler has no other process.
        two.end().await?;
        one.begin().await?;
        one.end().await?;
        return Ok(true);
    }
    moved |= one.begin().await?;
    let (early, late) = if one_ends_first { (one, two) } else { (two, one) };
    early.end().await?;
    late.end().await?;
    moved |= late.begin().await?;
    late.end().await?;
    Ok(moved)
}

impl Trial<'_> {
    /// Begins a transaction and runs the prepared statement in it. Returns whether the process is another one than in
    /// the first transaction.
    async fn begin(&mut self) -> Result<bool, Stop> {
        simple(self.raw, "BEGIN").await.map_err(|error| match error.as_database_error() {
            // All errors of the pooler have one code, also when it is only busy. Its messages are not translated.
            Some(answer) if answer.message().contains("statement pooling mode") => Stop::Unfit(NO_TRANSACTIONS),
            _ => error.into(),
        })?;
        let process = one_row(self.raw, "SELECT pg_backend_pid()").await?.into_iter().next().flatten();
        let is_other = self.process.is_some() && self.process != process;
        if self.process.is_none() {
            self.process = process;
        }
        let row = sqlx::query(self.statement).fetch_one(&mut *self.raw).await;
        match row.and_then(|row| row.try_get::<i64, _>(0)) {
            Ok(number) if number == self.number => Ok(is_other),
            Ok(_) => Err(Stop::Unfit(NOT_KEPT)),
            // There is another statement with this name, or none.
            Err(error) if matches!(code(&error).as_deref(), Some("42P05" | "26000")) => Err(Stop::Unfit(NOT_KEPT)),
            Err(error) => Err(error.into()),
        }
    }

    async fn end(&mut self) -> Result<(), Stop> {
        Ok(simple(self.raw, "ROLLBACK").await?)
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// Reads run outside of a transaction, so only the role can limit their statements.
async fn warn_without_limit(raw: &mut PgConnection) -> Result<(), Stop> {
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
