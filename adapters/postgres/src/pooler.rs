//! Finds out what a connection pooler between us and the server keeps.
//!
//! Several connections work in turn, and each asks for the id of the server's process that runs its transaction. In a
//! session, this id never changes, and two connections never share a process. If either happens, the pooler keeps
//! transactions only. One name may lead to several poolers, which do not share processes: two of the connections lead to
//! the same one if there are fewer poolers than connections. Then a statement that was prepared in an earlier transaction, by another process of the server,
//! must still be the same one: each connection prepares another text. sqlx gives both statements the same name, so a
//! pooler that passes names on confuses them or does not find them.

use crate::wire::{one_row, simple};
use sqlx::{PgConnection, Row as _};

/// The statements of the connections.
const STATEMENTS: [&str; 6] = [
    "SELECT 1::bigint",
    "SELECT 2::bigint",
    "SELECT 3::bigint",
    "SELECT 4::bigint",
    "SELECT 5::bigint",
    "SELECT 6::bigint",
];
/// The number of connections that it takes.
pub(crate) const TRIALS: usize = STATEMENTS.len();
/// How often they work, each time in the opposite order. A pooler gives out the process that was used last, the one that
/// was unused longest, or any.
const ROUNDS: usize = 3;

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

/// Returns what the pooler keeps. Takes [`TRIALS`] connections.
pub(crate) async fn learn(connections: &mut [PgConnection]) -> Result<Pooling, Stop> {
    let numbered = connections.iter_mut().zip(STATEMENTS).zip(1..);
    let mut trials: Vec<_> =
        numbered.map(|((raw, statement), number)| Trial { raw, statement, number, process: None }).collect();
    for _ in 0..ROUNDS {
        if round(&mut trials).await? {
            return Ok(Pooling::Transactions);
        }
        trials.reverse();
    }
    Ok(Pooling::Sessions)
}

/// Lets the connections work one after the other. Returns whether one of them has got another process, or the process of
/// another one.
async fn round(trials: &mut [Trial<'_>]) -> Result<bool, Stop> {
    let mut moved = false;
    for at in 0..trials.len() {
        moved |= trials[at].work().await?;
        moved |= trials[..at].iter().any(|other| other.process == trials[at].process);
        if moved {
            // Others have prepared their statements since, perhaps by the same process.
            trials[0].work().await?;
            break;
        }
    }
    Ok(moved)
}

impl Trial<'_> {
    /// Runs the prepared statement in a transaction. Returns whether the process is another one than in the first
    /// transaction.
    async fn work(&mut self) -> Result<bool, Stop> {
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
            Ok(number) if number == self.number => {}
            Ok(_) => return Err(Stop::Unfit(NOT_KEPT)),
            // There is another statement with this name, or none.
            Err(error) if matches!(code(&error).as_deref(), Some("42P05" | "26000")) => {
                return Err(Stop::Unfit(NOT_KEPT));
            }
            Err(error) => return Err(error.into()),
        }
        simple(self.raw, "ROLLBACK").await?;
        Ok(is_other)
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
