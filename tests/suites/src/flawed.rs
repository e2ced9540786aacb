//! SQLite with one wrong statement, or with one mistake in its schema.

use async_trait::async_trait;
use skep_application::{
    kernel::{Key, StoreError, TxMode},
    operations::{Defect, StoreUse},
};
use skep_sql::{Declared, Engine, Row, Sql, SqlConnection, SqlDatabase, SqlSchema, SqlTransaction, Statement, Value};
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

/// Used in place of a statement's name: the mistake is in the script of a migration.
pub const MIGRATIONS: &str = "migrations";

/// A mistake in one statement: a part of its text is replaced. Every parameter must stay in the text.
#[derive(Debug, Clone, Copy)]
pub struct SqlFlaw {
    /// The name of the statement.
    pub statement: &'static str,
    /// The part that is replaced.
    pub from: &'static str,
    /// The replacement.
    pub to: &'static str,
}

impl SqlFlaw {
    /// The wrong statement. Returns `None` if the right one does not have the text, so that nothing would be wrong.
    fn plant(self, statement: &Statement) -> Option<Statement> {
        let text = statement.text(Engine::Sqlite);
        text.contains(self.from).then(|| Statement {
            name: statement.name,
            sql: Sql::Both(Cow::Owned(text.replace(self.from, self.to))),
            params: statement.params,
            columns: statement.columns,
            batch: statement.batch,
            is_long: statement.is_long,
            effect: statement.effect,
        })
    }
}

/// All statements, one of them with a flaw.
#[derive(Clone)]
struct Statements {
    flaw: SqlFlaw,
    wrong: Arc<OnceLock<&'static Statement>>,
}

impl Statements {
    /// The statement to run in place of this one.
    fn instead(&self, right: &'static Statement) -> Result<&'static Statement, StoreError> {
        if right.name != self.flaw.statement {
            return Ok(right);
        }
        if let Some(wrong) = self.wrong.get() {
            return Ok(wrong);
        }
        let wrong = self.flaw.plant(right);
        let wrong = wrong.ok_or_else(|| StoreError::corrupt("flaws", right.name, "the text has no such part"))?;
        // A statement must live as long as the program, so this leaks one per flaw.
        Ok(self.wrong.get_or_init(|| Box::leak(Box::new(wrong))))
    }
}

/// A database that passes every statement on, except for the flawed one.
pub(crate) struct FlawedDatabase {
    inner: Arc<dyn SqlDatabase>,
    statements: Statements,
}

impl FlawedDatabase {
    pub(crate) fn new(inner: Arc<dyn SqlDatabase>, flaw: SqlFlaw) -> Self {
        Self { inner, statements: Statements { flaw, wrong: Arc::default() } }
    }
}

#[async_trait]
impl SqlDatabase for FlawedDatabase {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }
    async fn begin(
        &self,
        mode: TxMode,
        contended: &[Key],
        declared: &Arc<Declared>,
    ) -> Result<Box<dyn SqlTransaction>, StoreError> {
        let inner = self.inner.begin(mode, contended, declared).await?;
        Ok(Box::new(FlawedTransaction { inner, statements: self.statements.clone() }))
    }
    async fn read(&self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.inner.read(self.statements.instead(statement)?, args).await
    }
    async fn schema(&self) -> Result<Box<dyn SqlSchema>, StoreError> {
        Ok(Box::new(FlawedSchema { inner: self.inner.schema().await?, flaw: self.statements.flaw }))
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
    async fn inspect(&self, usage: StoreUse, tables: &[&'static str]) -> Result<Vec<Defect>, StoreError> {
        self.inner.inspect(usage, tables).await
    }
}

struct FlawedSchema {
    inner: Box<dyn SqlSchema>,
    flaw: SqlFlaw,
}

#[async_trait]
impl SqlConnection for FlawedSchema {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.inner.execute(statement, args).await
    }
    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        self.inner.execute_many(statement, rows).await
    }
    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.inner.query(statement, args).await
    }
}

#[async_trait]
impl SqlSchema for FlawedSchema {
    async fn begin(&mut self) -> Result<(), StoreError> {
        self.inner.begin().await
    }
    async fn script(&mut self, script: &str) -> Result<(), StoreError> {
        let SqlFlaw { statement, from, to } = self.flaw;
        let script = if statement == MIGRATIONS { script.replace(from, to) } else { script.to_owned() };
        self.inner.script(&script).await
    }
    async fn commit(&mut self) -> Result<(), StoreError> {
        self.inner.commit().await
    }
    async fn rollback(&mut self) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

struct FlawedTransaction {
    inner: Box<dyn SqlTransaction>,
    statements: Statements,
}

#[async_trait]
impl SqlConnection for FlawedTransaction {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.inner.execute(self.statements.instead(statement)?, args).await
    }
    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        self.inner.execute_many(self.statements.instead(statement)?, rows).await
    }
    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.inner.query(self.statements.instead(statement)?, args).await
    }
}

#[async_trait]
impl SqlTransaction for FlawedTransaction {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.commit().await
    }
    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}
