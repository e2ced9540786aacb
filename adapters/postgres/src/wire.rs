//! Runs statements on a connection.

use crate::fault::Fault;
use skep_sql::{Engine, Statement};
use sqlx::{
    Executor, PgConnection,
    postgres::{PgArguments, PgRow},
};
use std::{borrow::Cow, future::Future, time::Duration};
use tokio::time::timeout;

/// Waits for an answer, but not longer than `limit`.
pub(crate) async fn answered<T>(
    place: impl Into<Cow<'static, str>>,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Fault> {
    let done = match limit {
        None => work.await,
        Some(limit) => match timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => return Err(Fault::silence(place, limit)),
        },
    };
    done.map_err(|error| Fault::of(place, &error))
}

/// Runs a statement and returns the number of rows that it changed.
pub(crate) async fn execute(
    raw: &mut PgConnection,
    statement: &'static Statement,
    arguments: PgArguments,
) -> Result<u64, sqlx::Error> {
    let done = raw.execute(sqlx::query_with(statement.text(Engine::Postgres), arguments)).await?;
    Ok(done.rows_affected())
}

/// Runs a statement and returns its rows.
pub(crate) async fn fetch(
    raw: &mut PgConnection,
    statement: &'static Statement,
    arguments: PgArguments,
) -> Result<Vec<PgRow>, sqlx::Error> {
    raw.fetch_all(sqlx::query_with(statement.text(Engine::Postgres), arguments)).await
}

/// Runs a text without parameters, without preparing it.
pub(crate) async fn simple(raw: &mut PgConnection, text: &'static str) -> Result<(), sqlx::Error> {
    raw.execute(text).await.map(drop)
}
