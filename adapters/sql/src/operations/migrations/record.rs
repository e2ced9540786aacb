//! The record of the applied steps: the table `schema_migrations`.
//!
//! The first builds of 0.1 had no sets. Their table has the columns `number`, `name` and `applied_at`, and they refuse
//! a database whose greatest `number` is above those they know. So `number` still counts every step, now over all sets.
//! The set, and the step's number in it, are added columns. A program without sets can use the table while only the
//! foundation is applied, and refuses it from the next step on.

use super::SqlStep;
use crate::{
    Engine,
    Kind::{Int, Text, Time},
    Row, SqlConnection, SqlSchema, Statement, args,
};
use skep_application::{
    kernel::StoreError,
    operations::{AppliedStep, FOUNDATION, ScheduledStep},
};
use skep_domain::shared::Timestamp;

/// The table of the records.
pub(crate) const RECORD: &str = "schema_migrations";

/// Counts these two columns: 0 without the table, 1 if a program without sets made it.
static COLUMNS: Statement = Statement::per(
    "operations.migration.columns",
    "each engine describes its tables in its own catalog",
    (
        "SELECT count(*) FROM pragma_table_info('schema_migrations') WHERE name IN ('number', 'set_name')",
        "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') \
         AND attname IN ('number', 'set_name') AND NOT attisdropped",
    ),
    &[],
    &[Int],
);
static LIST_WITHOUT_SETS: Statement = Statement::both(
    "operations.migration.list_without_sets",
    "SELECT number, applied_at FROM schema_migrations ORDER BY number",
    &[],
    &[Int, Time],
);
static LIST: Statement = Statement::both(
    "operations.migration.list",
    "SELECT number, set_name, step, applied_at FROM schema_migrations ORDER BY number",
    &[],
    &[Int, Text, Int, Time],
);
static INSERT: Statement = Statement::both(
    "operations.migration.insert",
    "INSERT INTO schema_migrations (number, set_name, step, name, applied_at) VALUES ($1, $2, $3, $4, $5)",
    &[Int, Text, Int, Text, Time],
    &[],
);
static DELETE: Statement =
    Statement::both("operations.migration.delete", "DELETE FROM schema_migrations WHERE number = $1", &[Int], &[]);

/// Creates the table of the first version if it is missing, then adds the columns for sets. Existing rows belong to the
/// foundation's first step.
const CREATE: (&str, &str) = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (
        number INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        applied_at INTEGER NOT NULL
    ) STRICT;
    ALTER TABLE schema_migrations ADD COLUMN set_name TEXT NOT NULL DEFAULT 'foundation';
    ALTER TABLE schema_migrations ADD COLUMN step INTEGER NOT NULL DEFAULT 1;
    CREATE UNIQUE INDEX schema_migrations_step_key ON schema_migrations (set_name, step);",
    "CREATE TABLE IF NOT EXISTS schema_migrations (
        number BIGINT NOT NULL,
        name TEXT NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT schema_migrations_pkey PRIMARY KEY (number)
    );
    ALTER TABLE schema_migrations ADD COLUMN set_name TEXT COLLATE \"C\" NOT NULL DEFAULT 'foundation';
    ALTER TABLE schema_migrations ADD COLUMN step BIGINT NOT NULL DEFAULT 1;
    CREATE UNIQUE INDEX schema_migrations_step_key ON schema_migrations (set_name, step);",
);

/// The change to the record that belongs to a step.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// The step is applied.
    Insert { position: i64, now: Timestamp },
    /// The step is reverted.
    Remove { position: i64 },
}

impl Change {
    pub(super) const fn is_back(self) -> bool {
        matches!(self, Self::Remove { .. })
    }
}

/// Returns every applied step. Changes nothing, and can read the tables with and without sets.
pub(super) async fn applied(schema: &mut dyn SqlSchema) -> Result<Vec<AppliedStep>, StoreError> {
    match columns(schema).await? {
        0 => Ok(vec![]),
        1 => {
            rows(schema, &LIST_WITHOUT_SETS, |row| {
                let number = row.int()?;
                Ok(AppliedStep { position: number, set: FOUNDATION.to_owned(), number, applied_at: row.time()? })
            })
            .await
        }
        _ => {
            rows(schema, &LIST, |row| {
                Ok(AppliedStep { position: row.int()?, set: row.text()?, number: row.int()?, applied_at: row.time()? })
            })
            .await
        }
    }
}

/// Changes the record within the open step. Adds missing columns first.
pub(super) async fn change(
    schema: &mut dyn SqlSchema,
    engine: Engine,
    step: &ScheduledStep<SqlStep>,
    change: Change,
) -> Result<(), StoreError> {
    if columns(schema).await? < 2 {
        let create = if engine == Engine::Sqlite { CREATE.0 } else { CREATE.1 };
        schema.script(create).await?;
    }
    let changed = match change {
        Change::Insert { position, now } => {
            schema.execute(&INSERT, args![position, step.set, step.number, step.name, now]).await?
        }
        Change::Remove { position } => schema.execute(&DELETE, args![position]).await?,
    };
    if changed == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

async fn columns(schema: &mut dyn SqlSchema) -> Result<i64, StoreError> {
    let found = rows(schema, &COLUMNS, Row::int).await?;
    found.first().copied().ok_or_else(|| StoreError::Corrupt("schema_migrations cannot be described".into()))
}

async fn rows<T>(
    schema: &mut (dyn SqlSchema + '_),
    statement: &'static Statement,
    read: fn(&mut Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let connection: &mut dyn SqlConnection = schema;
    connection.query(statement, vec![]).await?.iter_mut().map(read).collect()
}
