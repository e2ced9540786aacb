//! A fake database that logs each call and answers from a script.

use super::{
    Declared, Engine, Row, SqlConnection, SqlDatabase, SqlSchema, SqlSet, SqlStep, SqlStore, SqlTransaction, SqlWork,
    Statement, Value,
};
use async_trait::async_trait;
use skep_application::{
    kernel::{Clock, Key, StoreError, TxMode},
    operations::{Defect, MigrationStep, Schedule, StoreUse},
};
use skep_domain::shared::Timestamp;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The result of the next statement. Without a script every statement succeeds: it changes one row, or finds none.
#[derive(Debug)]
pub(crate) enum Answer {
    Changed(u64),
    Rows(Vec<Vec<Value>>),
    Fails(StoreError),
    /// Never answers.
    Hangs,
}

#[derive(Default)]
struct Inner {
    script: Mutex<VecDeque<Answer>>,
    log: Mutex<Vec<String>>,
}

/// The fake database. Clones share their script and log.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Inner>);

const fn step(name: &'static str, up: &'static str, down: &'static str) -> MigrationStep<SqlStep> {
    MigrationStep { name, work: SqlStep { up: SqlWork::both(up), down: SqlWork::both(down) } }
}

/// The migrations of the fake. The one with the script `broken` fails.
pub(crate) const SETS: &[SqlSet] = &[
    SqlSet { name: "foundation", after: &[], steps: &[step("all", "up all", "down all")] },
    SqlSet {
        name: "catalog",
        after: &["foundation"],
        steps: &[step("second", "up second", "down second"), step("third", "broken", "down third")],
    },
];

pub(crate) struct At(pub(crate) i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

impl Fake {
    pub(crate) fn answering(script: impl IntoIterator<Item = Answer>) -> Self {
        let fake = Self::default();
        fake.0.script.lock().unwrap().extend(script);
        fake
    }

    pub(crate) fn store(&self) -> SqlStore {
        SqlStore::new(Arc::new(self.clone()), Arc::new(At(1_000)))
    }

    /// A store with these migrations.
    pub(crate) fn store_with(&self, sets: &[SqlSet]) -> SqlStore {
        let mut store = self.store();
        store.schedule = Arc::new(Schedule::new(sets));
        store
    }

    /// Takes the names of the statements and calls since the last `log`.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.log.lock().unwrap())
    }

    fn note(&self, what: &str) {
        self.0.log.lock().unwrap().push(what.to_owned());
    }

    fn next(&self) -> Option<Answer> {
        self.0.script.lock().unwrap().pop_front()
    }

    async fn changed(&self, otherwise: u64) -> Result<u64, StoreError> {
        match self.next() {
            None => Ok(otherwise),
            Some(Answer::Changed(count)) => Ok(count),
            Some(Answer::Fails(error)) => Err(error),
            Some(Answer::Hangs) => std::future::pending().await,
            Some(Answer::Rows(rows)) => panic!("the statement changes rows, but the script has {rows:?}"),
        }
    }

    async fn rows(&self, statement: &'static Statement, args: &[Value]) -> Result<Vec<Row>, StoreError> {
        statement.check(args)?;
        self.note(statement.name);
        match self.next() {
            None => Ok(vec![]),
            Some(Answer::Rows(rows)) => Ok(rows.into_iter().map(|row| Row::new(statement.name, row)).collect()),
            Some(Answer::Fails(error)) => Err(error),
            Some(Answer::Hangs) => std::future::pending().await,
            Some(Answer::Changed(count)) => panic!("the statement reads rows, but the script changes {count}"),
        }
    }
}

#[async_trait]
impl SqlConnection for Fake {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        statement.check(&args)?;
        self.note(statement.name);
        self.changed(1).await
    }

    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        assert!(statement.batch, "{}", statement.name);
        rows.iter().try_for_each(|row| statement.check(row))?;
        self.note(statement.name);
        self.changed(rows.len() as u64).await
    }

    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.rows(statement, &args).await
    }
}

#[async_trait]
impl SqlTransaction for Fake {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.note("commit");
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.note("rollback");
        Ok(())
    }
}

#[async_trait]
impl SqlSchema for Fake {
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.note("begin");
        Ok(())
    }

    async fn script(&mut self, script: &str) -> Result<(), StoreError> {
        self.note(script.split_whitespace().take(2).collect::<Vec<_>>().join(" ").as_str());
        if script == "broken" { Err(StoreError::Corrupt("no such table".into())) } else { Ok(()) }
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.note("commit");
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        self.note("rollback");
        Ok(())
    }
}

#[async_trait]
impl SqlDatabase for Fake {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn begin(
        &self,
        _mode: TxMode,
        _contended: &[Key],
        _declared: &Arc<Declared>,
    ) -> Result<Box<dyn SqlTransaction>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.rows(statement, &args).await
    }

    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn inspect(&self, _: StoreUse, _: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        Ok(vec![])
    }
}
