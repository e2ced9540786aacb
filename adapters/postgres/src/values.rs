//! Converts values for PostgreSQL and back.

use chrono::{DateTime, Utc};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_sql::{Kind, Row, Statement, Value};
use sqlx::{
    Arguments, Decode, Encode, Postgres, Row as _, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef},
};
use std::mem;
use uuid::Uuid;

/// 2000-01-01T00:00:00Z, the epoch of PostgreSQL, in milliseconds since 1970.
const EPOCH: i64 = 946_684_800_000;

/// The arguments of a statement that is not a batch.
pub(crate) fn bind(statement: &'static Statement, args: Vec<Value>) -> Result<PgArguments, StoreError> {
    if statement.batch {
        return Err(misused(statement, "is a batch statement"));
    }
    statement.check(&args)?;
    let mut bound = PgArguments::default();
    for (kind, value) in statement.params.iter().zip(args) {
        match value {
            Value::Null => null(&mut bound, *kind),
            Value::Bool(value) => bound.add(value),
            Value::Int(value) => bound.add(value),
            Value::Text(value) => bound.add(value),
            Value::Bytes(value) => bound.add(value),
            Value::Uuid(value) => bound.add(value),
            Value::Time(value) => bound.add(Time(value)),
            Value::Uuids(value) => bound.add(value),
        }
        .map_err(|error| misused(statement, &error.to_string()))?;
    }
    Ok(bound)
}

/// A NULL of the declared kind. A NULL without a kind would count as text.
fn null(bound: &mut PgArguments, kind: Kind) -> Result<(), BoxDynError> {
    match kind {
        Kind::Bool => bound.add(None::<bool>),
        Kind::Int => bound.add(None::<i64>),
        Kind::Text => bound.add(None::<String>),
        Kind::Bytes => bound.add(None::<Vec<u8>>),
        Kind::Uuid => bound.add(None::<Uuid>),
        Kind::Time => bound.add(None::<Time>),
        Kind::Uuids => bound.add(None::<Vec<Uuid>>),
    }
}

/// The arguments of a batch: for each parameter an array with one element per row.
pub(crate) fn bind_rows(statement: &'static Statement, mut rows: Vec<Vec<Value>>) -> Result<PgArguments, StoreError> {
    if !statement.batch {
        return Err(misused(statement, "is not a batch statement"));
    }
    for row in &rows {
        statement.check(row)?;
    }
    let mut bound = PgArguments::default();
    for (index, kind) in statement.params.iter().enumerate() {
        let column = rows.iter_mut().map(|row| mem::replace(&mut row[index], Value::Null));
        match kind {
            Kind::Bool => {
                bound.add(array(column, |value| if let Value::Bool(value) = value { Some(value) } else { None }))
            }
            Kind::Int => {
                bound.add(array(column, |value| if let Value::Int(value) = value { Some(value) } else { None }))
            }
            Kind::Text => {
                bound.add(array(column, |value| if let Value::Text(value) = value { Some(value) } else { None }))
            }
            Kind::Bytes => {
                bound.add(array(column, |value| if let Value::Bytes(value) = value { Some(value) } else { None }))
            }
            Kind::Uuid => {
                bound.add(array(column, |value| if let Value::Uuid(value) = value { Some(value) } else { None }))
            }
            Kind::Time => {
                bound.add(array(column, |value| if let Value::Time(value) = value { Some(Time(value)) } else { None }))
            }
            Kind::Uuids => Err("has lists in a batch".into()),
        }
        .map_err(|error| misused(statement, &error.to_string()))?;
    }
    Ok(bound)
}

/// The kinds were checked, so `take` returns `None` only for NULL.
fn array<T>(column: impl Iterator<Item = Value>, take: fn(Value) -> Option<T>) -> Vec<Option<T>> {
    column.map(take).collect()
}

/// Converts the rows of a result, by the declared columns.
pub(crate) fn rows(statement: &'static Statement, rows: &[PgRow]) -> Result<Vec<Row>, StoreError> {
    rows.iter().map(|row| Ok(Row::new(statement.name, values(statement, row)?))).collect()
}

fn values(statement: &'static Statement, row: &PgRow) -> Result<Vec<Value>, StoreError> {
    if row.len() != statement.columns.len() {
        return Err(misused(statement, "returns another number of columns than it declares"));
    }
    statement
        .columns
        .iter()
        .enumerate()
        .map(|(index, kind)| value(row, index, *kind).map_err(|error| misused(statement, &error.to_string())))
        .collect()
}

fn value(row: &PgRow, index: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Bool => row.try_get::<Option<bool>, _>(index)?.into(),
        Kind::Int => row.try_get::<Option<i64>, _>(index)?.into(),
        Kind::Text => row.try_get::<Option<String>, _>(index)?.into(),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.into(),
        Kind::Uuid => row.try_get::<Option<Uuid>, _>(index)?.into(),
        Kind::Time => row.try_get::<Option<Time>, _>(index)?.map(|Time(time)| time).into(),
        Kind::Uuids => return Err(sqlx::Error::Decode("lists are for parameters".into())),
    })
}

fn misused(statement: &Statement, what: &str) -> StoreError {
    StoreError::Corrupt(format!("{}: {what}", statement.name).into())
}

/// A [`Timestamp`] as `TIMESTAMPTZ`. Not converted with chrono, whose addition panics for `infinity` and for distant
/// years.
#[derive(Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        <DateTime<Utc> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // Cannot overflow: the supported years are 10 thousand, and an i64 holds the microseconds of 292 thousand
        // years.
        let micros = (self.0.as_millis() - EPOCH) * 1000;
        Encode::<Postgres>::encode_by_ref(&micros, buffer)
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<'_, Postgres>>::decode(value)?;
        Ok(Self(Timestamp::from_millis(micros.div_euclid(1000) + EPOCH)?))
    }
}
