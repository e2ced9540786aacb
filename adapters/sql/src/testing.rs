//! A database that writes down what it is asked and answers from a script.

use super::{
    Engine, Migration, Row, SqlConnection, SqlDatabase, SqlSchema, SqlStore, SqlTransaction, Statement, Value,
};
use async_trait::async_trait;
use skep_application::kernel::{Clock, Key, StoreError, TxMode};
use skep_domain::shared::Timestamp;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

/// What the next statement answers. Without a script everything succeeds: one row changed, or none found.
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
    applied: Mutex<BTreeMap<i64, Timestamp>>,
}

/// The database; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Inner>);

/// The migrations of the fake; one whose script is `broken` fails.
pub(crate) static MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "first", up: "up 1", down: "down 1" },
    Migration { number: 2, name: "second", up: "up 2", down: "down 2" },
    Migration { number: 3, name: "third", up: "broken", down: "down 3" },
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

    pub(crate) fn applied(numbers: &[i64]) -> Self {
        let fake = Self::default();
        fake.0.applied.lock().unwrap().extend(numbers.iter().map(|number| (*number, at(*number))));
        fake
    }

    /// The numbers of the migrations that are applied.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        self.0.applied.lock().unwrap().keys().copied().collect()
    }

    pub(crate) fn store(&self) -> SqlStore {
        SqlStore::new(Arc::new(self.clone()), Arc::new(At(1_000)))
    }

    /// What was asked since the last time, by the names of the statements.
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
            Some(Answer::Rows(rows)) => panic!("a change was asked for, the script has {rows:?}"),
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
            Some(Answer::Changed(count)) => panic!("rows were asked for, the script changes {count}"),
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
    async fn applied(&mut self) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        Ok(self.0.applied.lock().unwrap().iter().map(|(number, at)| (*number, *at)).collect())
    }

    async fn apply(&mut self, number: i64, _name: &str, script: &str, now: Timestamp) -> Result<(), StoreError> {
        self.note(script);
        if script == "broken" {
            return Err(StoreError::Corrupt("no such table".into()));
        }
        self.0.applied.lock().unwrap().insert(number, now);
        Ok(())
    }

    async fn revert(&mut self, number: i64, script: &str) -> Result<(), StoreError> {
        self.note(script);
        self.0.applied.lock().unwrap().remove(&number);
        Ok(())
    }
}

#[async_trait]
impl SqlDatabase for Fake {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn migrations(&self) -> &'static [Migration] {
        MIGRATIONS
    }

    async fn begin(&self, _mode: TxMode, _contended: &[Key]) -> Result<Box<dyn SqlTransaction>, StoreError> {
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
}
