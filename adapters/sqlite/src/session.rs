//! A connection that runs declared statements. It binds arguments and reads columns by kind, and classifies errors.

use crate::{
    errors::{duplicate, during, fault, is_foreign_key},
    parameters::numbered,
};
use rusqlite::{CachedStatement, Connection, Error, types};
use skep_application::kernel::StoreError;
use skep_domain::shared::Timestamp;
use skep_sql::{Declared, Engine, Kind, Row, Statement, Value};
use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A connection, with the SQLite texts of its statements.
pub(crate) struct Session {
    db: Connection,
    /// By the address of the statement, which is unique for each static.
    texts: HashMap<usize, String>,
    /// When the running statement began. With a limit, SQLite's progress handler compares it with the clock.
    started: Option<Arc<Mutex<Instant>>>,
}

/// The number of SQLite's machine steps between two reads of the clock: well below a millisecond.
const STEPS_BETWEEN_LOOKS: std::ffi::c_int = 10_000;

impl Session {
    pub(crate) fn new(db: Connection) -> Self {
        Self { db, texts: HashMap::new(), started: None }
    }

    /// A connection that interrupts a query that runs longer than `limit`.
    pub(crate) fn with_limit(mut db: Connection, limit: Duration) -> Result<Self, StoreError> {
        let started = Arc::new(Mutex::new(Instant::now()));
        let watched = started.clone();
        let is_late = move || watched.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > limit;
        db.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_late)).map_err(|error| during("opening", error))?;
        Ok(Self { started: Some(started), ..Self::new(db) })
    }

    pub(crate) fn db(&self) -> &Connection {
        &self.db
    }

    /// Runs a statement that controls transactions.
    pub(crate) fn control(&self, text: &'static str) -> rusqlite::Result<()> {
        self.begin_clock();
        self.db.prepare_cached(text)?.execute([]).map(drop)
    }

    pub(crate) fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }

    /// Runs a statement and returns the number of rows that it changed. `declared` names the rules that it violates.
    pub(crate) fn execute(
        &mut self,
        statement: &'static Statement,
        args: &[Value],
        declared: &Declared,
    ) -> Result<u64, StoreError> {
        statement.check(args)?;
        if statement.batch {
            return Err(fault(statement.name, "a batch statement must run with execute_many"));
        }
        let mut prepared = self.prepare(statement)?;
        let done = execute_with(&mut prepared, args);
        drop(prepared);
        done.map_err(|error| self.failure(statement, args, declared, error))
    }

    /// Runs a batch statement for each row, until the first error.
    pub(crate) fn execute_many(
        &mut self,
        statement: &'static Statement,
        rows: &[Vec<Value>],
        declared: &Declared,
    ) -> Result<u64, StoreError> {
        if !statement.batch {
            return Err(fault(statement.name, "not a batch statement"));
        }
        rows.iter().try_for_each(|row| statement.check(row))?;
        let inside = self.in_transaction();
        let mut prepared = self.prepare(statement)?;
        let mut changed = 0;
        for row in rows {
            match execute_with(&mut prepared, row) {
                Ok(count) => changed += count,
                Err(error) => {
                    drop(prepared);
                    return Err(self.failure(statement, row, declared, error));
                }
            }
        }
        drop(prepared);
        if inside && !self.in_transaction() {
            return Err(fault(statement.name, "ended the transaction"));
        }
        Ok(changed)
    }

    /// Runs a statement and returns its rows.
    pub(crate) fn query(&mut self, statement: &'static Statement, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        statement.check(args)?;
        self.begin_clock();
        let mut prepared = self.prepare(statement)?;
        if prepared.column_count() != statement.columns.len() {
            return Err(fault(statement.name, "returns another number of columns than it declares"));
        }
        bind(&mut prepared, args).map_err(|error| during(statement.name, error))?;
        let mut rows = prepared.raw_query();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().map_err(|error| during(statement.name, error))? {
            // Not `collect`: through a `Result` it does not know the length, and the list would grow three times.
            let mut values = Vec::with_capacity(statement.columns.len());
            for (at, kind) in statement.columns.iter().enumerate() {
                values.push(read(statement, row, at, *kind)?);
            }
            answer.push(Row::new(statement.name, values));
        }
        Ok(answer)
    }

    /// Translates the error of a failed statement, and names the declared rule that it violates. SQLite does not report
    /// which foreign key that is, so it is looked up. Only the failed statement is undone, and there is no other writer,
    /// so the rows are still the same.
    fn failure(&self, statement: &'static Statement, args: &[Value], declared: &Declared, error: Error) -> StoreError {
        if let Some(constraint) = duplicate(&error).and_then(|message| declared.unique_rule_by_message(message)) {
            return StoreError::Duplicate { constraint };
        }
        if is_foreign_key(&error) && self.in_transaction() {
            let mut failed = None;
            let broken = declared.broken_foreign_key(statement, args, &mut |text, value| {
                self.finds(text, value).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                })
            });
            match (failed, broken) {
                // The lookup failed, for example by an interrupt, so the key is not known.
                (Some(error), _) => return during(statement.name, error),
                (None, Some(constraint)) => return StoreError::Referenced { constraint },
                (None, None) => {}
            }
        }
        during(statement.name, error)
    }

    /// Whether a text with one parameter finds a row.
    fn finds(&self, text: &str, value: &Value) -> rusqlite::Result<bool> {
        let mut prepared = self.db.prepare(&numbered(text))?;
        bind(&mut prepared, std::slice::from_ref(value))?;
        Ok(prepared.raw_query().next()?.is_some())
    }

    /// Restarts the clock for the next statement. SQLite counts the steps of a cached statement over all its runs, so
    /// even a short run may reach the check.
    fn begin_clock(&self) {
        if let Some(started) = &self.started {
            *started.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
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

fn execute_with(prepared: &mut rusqlite::Statement<'_>, args: &[Value]) -> rusqlite::Result<u64> {
    bind(prepared, args)?;
    Ok(prepared.raw_execute()? as u64)
}

fn bind(prepared: &mut rusqlite::Statement<'_>, args: &[Value]) -> rusqlite::Result<()> {
    args.iter().enumerate().try_for_each(|(at, value)| bind_one(prepared, at + 1, value))
}

fn bind_one(prepared: &mut rusqlite::Statement<'_>, number: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Null => prepared.raw_bind_parameter(number, types::Null),
        Value::Bool(value) => prepared.raw_bind_parameter(number, value),
        Value::Int(value) => prepared.raw_bind_parameter(number, value),
        Value::Text(value) => prepared.raw_bind_parameter(number, value.as_str()),
        Value::Bytes(value) => prepared.raw_bind_parameter(number, value.as_slice()),
        Value::Uuid(value) => prepared.raw_bind_parameter(number, value.as_bytes().as_slice()),
        Value::Time(value) => prepared.raw_bind_parameter(number, value.as_millis()),
        Value::Uuids(values) => {
            // A set: a join with the list finds each row once, and goes through an index in its order.
            let set: BTreeSet<&Uuid> = values.iter().collect();
            let list: Vec<types::Value> =
                set.into_iter().map(|value| types::Value::Blob(value.as_bytes().to_vec())).collect();
            prepared.raw_bind_parameter(number, Rc::new(list))
        }
    }
}

/// Reads a column of the result. SQLite does not store our kinds, so each value is checked against the declared kind.
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
    value.ok_or_else(|| fault(statement.name, format_args!("column {} is not a {kind:?}", at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, INSERT, batch, count, kind, statement, user};
    use skep_sql::{SqlConnection, SqlDatabase};

    const ALL_KINDS: &[Kind] = &[Kind::Bool, Kind::Int, Kind::Text, Kind::Bytes, Kind::Uuid, Kind::Time];
    const COLUMNS: &str = "a_bool, an_int, a_text, a_blob, a_uuid, a_time";

    static STORE: Statement = statement(
        "INSERT INTO kinds (a_time, a_bool, an_int, a_text, a_blob, a_uuid) VALUES ($6, $1, $2, $3, $4, $5)",
        ALL_KINDS,
        &[],
    );
    static LOAD: Statement =
        statement("SELECT a_bool, an_int, a_text, a_blob, a_uuid, a_time FROM kinds", &[], ALL_KINDS);

    #[tokio::test]
    async fn every_kind_is_read_back_and_parameters_bind_by_number() {
        let fixture = Fixture::new();
        let mut unit = fixture.unit().await;
        let id = Uuid::from_u128(u128::MAX - 5);
        for (int, text, time) in
            [(i64::MIN, "", Timestamp::MIN), (9_007_199_254_740_993, "🐝 'quoted'\0", Timestamp::MAX)]
        {
            let values: Vec<Value> =
                vec![true.into(), int.into(), text.into(), vec![0_u8, 255].into(), id.into(), time.into()];
            unit.execute(&STORE, values).await.unwrap();
            let mut row = unit.query(&LOAD, vec![]).await.unwrap().pop().unwrap();
            assert!(row.bool().unwrap());
            assert_eq!(row.int().unwrap(), int);
            assert_eq!(row.text().unwrap(), text);
            assert_eq!(row.bytes().unwrap(), [0, 255]);
            assert_eq!(row.uuid().unwrap(), id);
            assert_eq!(row.time().unwrap(), time);
        }
    }

    #[tokio::test]
    async fn null_is_read_only_as_an_optional_value() {
        let fixture = Fixture::new();
        let mut unit = fixture.unit().await;
        unit.execute(&STORE, vec![Value::Null; 6]).await.unwrap();
        let mut load = async || unit.query(&LOAD, vec![]).await.unwrap().pop().unwrap();
        assert_eq!(kind(&load().await.bool()), "corrupt");
        let mut row = load().await;
        assert_eq!(row.optional_bool().unwrap(), None);
        assert_eq!(kind(&row.int()), "corrupt");
        assert_eq!(kind(&row.text()), "corrupt");
        assert_eq!(row.optional_bytes().unwrap(), None);
        assert_eq!(row.optional_uuid().unwrap(), None);
        assert_eq!(kind(&row.time()), "corrupt");
        assert_eq!(kind(&row.time()), "corrupt");
    }

    #[tokio::test]
    async fn a_value_of_another_kind_is_corrupt() {
        let fixture = Fixture::new();
        for wrong in [
            "(2, 1, 'a', x'00', zeroblob(16), 0)",
            "(1, 1, 'a', x'00', zeroblob(15), 0)",
            "(1, 1, cast(x'ff' AS TEXT), x'00', zeroblob(16), 0)",
            "(1, 1, 'a', x'00', zeroblob(16), 9223372036854775807)",
        ] {
            let rewrite = format!("DELETE FROM kinds; INSERT INTO kinds ({COLUMNS}) VALUES {wrong}");
            fixture.outside().execute_batch(&rewrite).unwrap();
            assert_eq!(kind(&fixture.db.read(&LOAD, vec![]).await), "corrupt", "{wrong}");
        }
        static TEXT_AS_INT: Statement = statement("SELECT 'text'", &[], &[Kind::Int]);
        assert_eq!(kind(&fixture.db.read(&TEXT_AS_INT, vec![]).await), "corrupt");
    }

    #[tokio::test]
    async fn parameters_in_any_order_bind_by_number() {
        static SWAPPED: Statement = statement("SELECT $2, $1, $2 || $1", &[Kind::Text, Kind::Text], &[Kind::Text; 3]);
        let fixture = Fixture::new();
        let mut row = fixture.db.read(&SWAPPED, vec!["1".into(), "2".into()]).await.unwrap().pop().unwrap();
        assert_eq!([row.text().unwrap(), row.text().unwrap(), row.text().unwrap()], ["2", "1", "21"]);
    }

    #[tokio::test]
    async fn wrong_arguments_and_wrong_declarations_are_refused() {
        static TOO_FEW: Statement = statement("SELECT $1, $2", &[Kind::Int], &[Kind::Int, Kind::Int]);
        static TOO_MANY: Statement = statement("SELECT $1", &[Kind::Int, Kind::Int], &[Kind::Int]);
        static COLUMNS: Statement = statement("SELECT 1, 2", &[], &[Kind::Int]);
        static TWO: Statement = statement("SELECT 1; SELECT 2", &[], &[Kind::Int]);
        static BATCH: Statement = batch("INSERT INTO counters VALUES ($1, 0)", &[Kind::Int]);
        let fixture = Fixture::new();
        let one = || vec![Value::Int(1)];
        for (statement, args) in [
            (&TOO_FEW, one()),
            (&TOO_MANY, vec![Value::Int(1), Value::Int(2)]),
            (&COLUMNS, vec![]),
            (&TWO, vec![]),
            (&INSERT, one()),
            (&INSERT, vec!["1".into(), "x".into()]),
            (&INSERT, [user(1), one()].concat()),
        ] {
            let mut unit = fixture.unit().await;
            assert_eq!(kind(&unit.query(statement, args).await), "corrupt", "{statement:?}");
        }
        assert_eq!(kind(&fixture.unit().await.execute(&BATCH, one()).await), "corrupt");
        assert_eq!(kind(&fixture.unit().await.execute_many(&INSERT, vec![user(1)]).await), "corrupt");
        static SELECT: Statement = statement("SELECT 1", &[], &[Kind::Int]);
        assert_eq!(kind(&fixture.unit().await.execute(&SELECT, vec![]).await), "corrupt");
    }

    #[tokio::test]
    async fn a_batch_runs_for_every_row_and_checks_all_of_them_first() {
        static BATCH: Statement = batch("INSERT INTO users (id, email) VALUES ($1, $2)", &[Kind::Int, Kind::Text]);
        let fixture = Fixture::new();
        let mut unit = fixture.unit().await;
        assert_eq!(unit.execute_many(&BATCH, vec![]).await.unwrap(), 0);
        assert_eq!(unit.execute_many(&BATCH, (1..=50).map(user).collect()).await.unwrap(), 50);
        assert_eq!(count(&mut unit).await, 50);
        unit.commit().await.unwrap();
        let mut unit = fixture.unit().await;
        assert_eq!(kind(&unit.execute_many(&BATCH, vec![user(51), vec![Value::Int(52)]]).await), "corrupt");
        let mut unit = {
            drop(unit);
            fixture.unit().await
        };
        assert_eq!(kind(&unit.execute_many(&BATCH, vec![user(51), user(1)]).await), "duplicate");
        drop(unit);
        assert_eq!(fixture.ids().len(), 50);
    }

    #[tokio::test]
    async fn a_list_of_ids_is_one_parameter() {
        static STORE_ID: Statement = statement("INSERT INTO kinds (a_uuid) VALUES ($1)", &[Kind::Uuid], &[]);
        static FIND: Statement = statement(
            "SELECT a_uuid FROM kinds WHERE a_uuid IN rarray($2) AND $1 ORDER BY a_uuid",
            &[Kind::Bool, Kind::Uuids],
            &[Kind::Uuid],
        );
        static JOIN: Statement = statement(
            "SELECT a_uuid FROM rarray($2) AS given CROSS JOIN kinds ON a_uuid = given.value AND $1",
            &[Kind::Bool, Kind::Uuids],
            &[Kind::Uuid],
        );
        let fixture = Fixture::new();
        let mut unit = fixture.unit().await;
        let ids: Vec<Uuid> = (0..2_000).map(Uuid::from_u128).collect();
        for id in &ids[..10] {
            unit.execute(&STORE_ID, vec![(*id).into()]).await.unwrap();
        }
        let twice = vec![ids[4], ids[3], ids[4]];
        for (wanted, found) in [(vec![], 0), (ids[3..5].to_vec(), 2), (twice, 2), (ids.clone(), 10)] {
            for statement in [&FIND, &JOIN] {
                let rows = unit.query(statement, vec![true.into(), wanted.clone().into()]).await.unwrap();
                assert_eq!(rows.len(), found, "{}", statement.name);
            }
        }
    }
}
