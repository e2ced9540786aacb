//! Runs statements on a connection.

use crate::fault::Fault;
use skep_sql::{Engine, Statement};
use sqlx::{
    AssertSqlSafe, Executor, PgConnection, Row as _, ValueRef as _,
    error::BoxDynError,
    postgres::{PgArguments, PgRow, PgValueRef},
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

/// Runs a text without parameters, without preparing it. It may have several statements, and must not have values of a
/// client.
pub(crate) async fn simple(raw: &mut PgConnection, text: impl Into<Cow<'static, str>>) -> Result<(), sqlx::Error> {
    raw.execute(AssertSqlSafe(text.into())).await.map(drop)
}

/// Runs a text as [`simple`] does, and returns the values of its first row as texts; nothing without a row.
pub(crate) async fn one_row(
    raw: &mut PgConnection,
    text: impl Into<Cow<'static, str>>,
) -> Result<Vec<Option<String>>, sqlx::Error> {
    let row = raw.fetch_optional(AssertSqlSafe(text.into())).await?;
    let text =
        |row: &PgRow, index| row.try_get_raw(index).and_then(|value| text_of(value).map_err(sqlx::Error::Decode));
    row.map_or_else(|| Ok(vec![]), |row| (0..row.len()).map(|index| text(&row, index)).collect())
}

/// The text of a value. Without preparation, the server sends every value as text.
fn text_of(value: PgValueRef<'_>) -> Result<Option<String>, BoxDynError> {
    if value.is_null() { Ok(None) } else { Ok(Some(value.as_str()?.to_owned())) }
}
