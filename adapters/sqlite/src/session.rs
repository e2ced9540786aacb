//! A connection that runs declared statements: binds by kind, answers by kind, and classifies what fails.

use crate::{
    errors::{during, fault},
    parameters::numbered,
};
use rusqlite::{CachedStatement, Connection, types};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_sql::{Engine, Kind, Row, Statement, Value};
use std::{collections::HashMap, rc::Rc};
use uuid::Uuid;

/// A connection with the texts of its statements.
pub(crate) struct Session {
    db: Connection,
    /// By the address of the statement: statics have one each.
    texts: HashMap<usize, String>,
}

impl Session {
    pub(crate) fn new(db: Connection) -> Self {
        Self { db, texts: HashMap::new() }
    }

    pub(crate) fn db(&self) -> &Connection {
        &self.db
    }

    /// Runs one of the texts that control transactions.
    pub(crate) fn control(&self, text: &'static str) -> rusqlite::Result<()> {
        self.db.prepare_cached(text)?.execute([]).map(drop)
    }

    pub(crate) fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// Runs a statement; answers the number of rows that it changed.
    pub(crate) fn execute(&mut self, statement: &'static Statement, args: &[Value]) -> Result<u64, StoreError> {
        statement.check(args)?;
        if statement.batch {
            return Err(fault(statement.name, "a batch statement is run with execute_many"));
        }
        let mut prepared = self.prepare(statement)?;
        execute_with(&mut prepared, statement, args)
    }

    /// Runs a batch statement for every row, until the first error.
    pub(crate) fn execute_many(
        &mut self,
        statement: &'static Statement,
        rows: &[Vec<Value>],
    ) -> Result<u64, StoreError> {
        if !statement.batch {
            return Err(fault(statement.name, "not a batch statement"));
        }
        rows.iter().try_for_each(|row| statement.check(row))?;
        let inside = self.in_transaction();
        let mut prepared = self.prepare(statement)?;
        let mut changed = 0;
        for row in rows {
            changed += execute_with(&mut prepared, statement, row)?;
        }
        drop(prepared);
        if inside && !self.in_transaction() {
            return Err(fault(statement.name, "ended the transaction"));
        }
        Ok(changed)
    }

    /// Runs a statement; answers its rows.
    pub(crate) fn query(&mut self, statement: &'static Statement, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        statement.check(args)?;
        let mut prepared = self.prepare(statement)?;
        if prepared.column_count() != statement.columns.len() {
            return Err(fault(statement.name, "answers another number of columns than it declares"));
        }
        bind(&mut prepared, statement, args)?;
        let mut rows = prepared.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(|error| during(statement.name, error))? {
            let values: Result<Vec<Value>, StoreError> =
                statement.columns.iter().enumerate().map(|(at, kind)| read(statement, row, at, *kind)).collect();
            answer.push(Row::new(statement.name, values?));
        }
        Ok(answer)
    }

    fn prepare(&mut self, statement: &'static Statement) -> Result<CachedStatement<'_>, StoreError> {
        let text = self
            .texts
            .entry(std::ptr::from_ref(statement).addr())
            .or_insert_with(|| numbered(statement.text(Engine::Sqlite)));
        let prepared = self.db.prepare_cached(text).map_err(|error| during(statement.name, error))?;
        if prepared.parameter_count() != statement.params.len() {
            return Err(fault(statement.name, "has another number of parameters than it declares"));
        }
        Ok(prepared)
    }
}

fn execute_with(
    prepared: &mut CachedStatement<'_>,
    statement: &'static Statement,
    args: &[Value],
) -> Result<u64, StoreError> {
    bind(prepared, statement, args)?;
    let changed = prepared.raw_execute().map_err(|error| during(statement.name, error))?;
    Ok(changed as u64)
}

fn bind(prepared: &mut CachedStatement<'_>, statement: &'static Statement, args: &[Value]) -> Result<(), StoreError> {
    args.iter()
        .enumerate()
        .try_for_each(|(at, value)| bind_one(prepared, at + 1, value))
        .map_err(|error| during(statement.name, error))
}

fn bind_one(prepared: &mut CachedStatement<'_>, number: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Null => prepared.raw_bind_parameter(number, types::Null),
        Value::Bool(value) => prepared.raw_bind_parameter(number, value),
        Value::Int(value) => prepared.raw_bind_parameter(number, value),
        Value::Text(value) => prepared.raw_bind_parameter(number, value.as_str()),
        Value::Bytes(value) => prepared.raw_bind_parameter(number, value.as_slice()),
        Value::Uuid(value) => prepared.raw_bind_parameter(number, value.as_bytes().as_slice()),
        Value::Time(value) => prepared.raw_bind_parameter(number, value.as_millis()),
        Value::Uuids(values) => {
            let list: Vec<types::Value> =
                values.iter().map(|value| types::Value::Blob(value.as_bytes().to_vec())).collect();
            prepared.raw_bind_parameter(number, Rc::new(list))
        }
    }
}

/// A column of the answer. SQLite keeps no types of ours, so each value is checked against the declared kind.
fn read(statement: &'static Statement, row: &rusqlite::Row<'_>, at: usize, kind: Kind) -> Result<Value, StoreError> {
    use types::ValueRef::{Blob, Integer, Null, Text};
    let found = row.get_ref(at).map_err(|error| during(statement.name, error))?;
    let value = match (kind, found) {
        (_, Null) => Some(Value::Null),
        (Kind::Bool, Integer(value @ 0..=1)) => Some(Value::Bool(value == 1)),
        (Kind::Int, Integer(value)) => Some(Value::Int(value)),
        (Kind::Text, Text(bytes)) => std::str::from_utf8(bytes).ok().map(Value::from),
        (Kind::Bytes, Blob(bytes)) => Some(Value::Bytes(bytes.to_vec())),
        (Kind::Uuid, Blob(bytes)) => Uuid::from_slice(bytes).ok().map(Value::Uuid),
        (Kind::Time, Integer(millis)) => Timestamp::from_millis(millis).ok().map(Value::Time),
        _ => None,
    };
    value.ok_or_else(|| fault(statement.name, format_args!("column {} is no {kind:?}", at + 1)))
}
