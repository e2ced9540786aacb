//! The migrations of both engines, and their runner.

mod foundation;
mod keys;
mod record;

use crate::{Engine, Row, SqlConnection, SqlSchema, SqlStore, Statement, Value};
use async_trait::async_trait;
pub(crate) use record::RECORD;
use record::{Change, applied, change};
use skep_application::{
    kernel::StoreError,
    operations::{
        AppliedStep, Down, MigrationError, MigrationSet, MigrationStatus, Migrations, ScheduledStep, next_position,
    },
};
use std::{future::Future, pin::Pin};

/// The sets of this program, in the order in which they run.
pub(crate) const SETS: &[SqlSet] = &[
    foundation::SET,
    crate::catalog::migrations::SET,
    crate::ordering::migrations::SET,
    crate::identity::migrations::SET,
    keys::SET,
    crate::kernel::migrations::SET,
    crate::jobs::migrations::SET,
    crate::notifications::migrations::SET,
    crate::events::migrations::SET,
    crate::files::migrations::SET,
    crate::search::migrations::SET,
];

/// A set of migrations, the same for both engines.
pub type SqlSet = MigrationSet<SqlStep>;

/// The work of a step, and the work that reverts it. Each runs in one transaction with the record of the step.
#[derive(Debug, Clone, Copy)]
pub struct SqlStep {
    /// Applies the step.
    pub up: SqlWork,
    /// Reverts the step.
    pub down: SqlWork,
}

/// The step of the four scripts whose names begin so, in the folder `migrations` of this crate.
macro_rules! scripts {
    ($name:literal) => {
        $crate::SqlStep { up: scripts!($name, "up"), down: scripts!($name, "down") }
    };
    ($name:literal, $direction:literal) => {
        $crate::SqlWork::Script {
            sqlite: scripts!($name, "sqlite", $direction),
            postgres: scripts!($name, "postgres", $direction),
        }
    };
    ($name:literal, $engine:literal, $direction:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $name, ".", $engine, ".", $direction, ".sql"))
    };
}
pub(crate) use scripts;

/// One direction of a step.
#[derive(Debug, Clone, Copy)]
pub enum SqlWork {
    /// A script of any number of statements, one for each engine.
    Script {
        /// For SQLite.
        sqlite: &'static str,
        /// For PostgreSQL.
        postgres: &'static str,
    },
    /// Code, for changes that SQL cannot express. Read and write in batches: a result is held in memory as a whole.
    Code(SqlCode),
}

/// Code of a step. It runs its statements in the transaction of the step, and neither commits nor rolls back.
///
/// The step fails after the first error of a statement, even if the code ignores it.
pub type SqlCode =
    for<'a> fn(&'a mut dyn SqlConnection) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

impl SqlWork {
    /// Does nothing.
    pub const NOTHING: Self = Self::both("");

    /// A script that is the same for both engines.
    #[must_use]
    pub const fn both(script: &'static str) -> Self {
        Self::Script { sqlite: script, postgres: script }
    }
}

/// The connection that is passed to code. It remembers an error and a canceled call. Without that, PostgreSQL would
/// return Ok for the commit of a transaction that it has rolled back, and SQLite would keep half of the step.
struct StepConnection<'a> {
    schema: &'a mut dyn SqlSchema,
    failed: bool,
}

impl StepConnection<'_> {
    /// Marks the connection as failed until the call has finished.
    fn enter(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.failed, true) { Err(StoreError::after_error()) } else { Ok(()) }
    }

    fn leave<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed = done.is_err();
        done
    }
}

#[async_trait]
impl SqlConnection for StepConnection<'_> {
    async fn execute(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<u64, StoreError> {
        self.enter()?;
        let done = self.schema.execute(statement, args).await;
        self.leave(done)
    }

    async fn execute_many(&mut self, statement: &'static Statement, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        self.enter()?;
        let done = self.schema.execute_many(statement, rows).await;
        self.leave(done)
    }

    async fn query(&mut self, statement: &'static Statement, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.enter()?;
        let done = self.schema.query(statement, args).await;
        self.leave(done)
    }
}

/// Does the work and changes the record, both or neither.
async fn run(
    schema: &mut dyn SqlSchema,
    engine: Engine,
    step: &ScheduledStep<SqlStep>,
    record: Change,
) -> Result<(), StoreError> {
    let work = if record.is_back() { step.work.down } else { step.work.up };
    schema.begin().await?;
    let done = async {
        match work {
            SqlWork::Script { sqlite, postgres } => {
                let script = if engine == Engine::Sqlite { sqlite } else { postgres };
                schema.script(script).await?;
            }
            SqlWork::Code(code) => {
                let mut connection = StepConnection { schema: &mut *schema, failed: false };
                code(&mut connection).await?;
                if connection.failed {
                    return Err(StoreError::after_error());
                }
            }
        }
        change(schema, engine, step, record).await
    };
    match done.await {
        Ok(()) => schema.commit().await,
        Err(error) => {
            // If the rollback fails too, the connection is closed, which also undoes the step.
            let _ = schema.rollback().await;
            Err(error)
        }
    }
}

impl SqlStore {
    /// Locks the schema against other instances and returns the applied steps. Fails, and changes nothing, if a newer
    /// program has migrated the schema.
    async fn lock_schema(&self) -> Result<(Box<dyn SqlSchema>, Vec<AppliedStep>), MigrationError> {
        let mut schema = self.database.schema().await?;
        let applied = applied(&mut *schema).await?;
        self.schedule.check(&applied)?;
        Ok((schema, applied))
    }
}

#[async_trait]
impl Migrations for SqlStore {
    async fn up(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (mut schema, applied) = self.lock_schema().await?;
        let mut done = vec![];
        for (position, step) in (next_position(&applied)..).zip(self.schedule.missing(&applied)) {
            let now = self.clock.now();
            let record = Change::Insert { position, now };
            let applied = run(&mut *schema, self.database.engine(), &step, record).await;
            applied.map_err(|error| step.failed(error))?;
            tracing::info!(set = step.set, number = step.number, name = step.name, "migration applied");
            done.push(step.status(Some(now)));
        }
        Ok(done)
    }

    async fn down(&self, which: &Down) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (mut schema, applied) = self.lock_schema().await?;
        let mut done = vec![];
        for (step, position) in self.schedule.back(&applied, which)? {
            let record = Change::Remove { position };
            let reverted = run(&mut *schema, self.database.engine(), &step, record).await;
            reverted.map_err(|error| step.failed(error))?;
            tracing::info!(set = step.set, number = step.number, name = step.name, "migration reverted");
            done.push(step.status(None));
        }
        Ok(done)
    }

    async fn status(&self) -> Result<Vec<MigrationStatus>, MigrationError> {
        let (_schema, applied) = self.lock_schema().await?;
        Ok(self.schedule.status(&applied))
    }
}
