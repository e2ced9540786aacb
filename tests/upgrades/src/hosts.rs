//! Migrations of a program that embeds ours: a table with rows, a new column, and code that fills it in batches.

use bson::{Bson, Document, doc};
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use skep_mongodb::{MongoSchema, MongoSet, MongoStep};
use skep_sql::{Kind, SqlConnection, SqlSet, SqlStep, SqlWork, Statement, Value};
use std::{future::Future, pin::Pin};

/// The number of rows that the code fills. They are more than two batches.
pub const FILLED_ROWS: i64 = 1_200;
const BATCH: i64 = 500;

/// A version of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Its code fills every row.
    Right,
    /// Its code fails after two batches.
    Failing,
}

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

fn broken() -> StoreError {
    StoreError::Corrupt("broken on purpose".into())
}

const NOTES: SqlStep = SqlStep {
    up: SqlWork::Script {
        sqlite: "CREATE TABLE host_notes (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT;
            WITH RECURSIVE n(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < 1200)
            INSERT INTO host_notes SELECT id, 'note ' || id FROM n;",
        postgres: "CREATE TABLE host_notes (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL);
            INSERT INTO host_notes SELECT id, 'note ' || id FROM generate_series(1, 1200) id;",
    },
    down: SqlWork::both("DROP TABLE host_notes"),
};
const SIZE: SqlStep = SqlStep {
    up: SqlWork::Script {
        sqlite: "ALTER TABLE host_notes ADD COLUMN size INTEGER",
        postgres: "ALTER TABLE host_notes ADD COLUMN size BIGINT",
    },
    down: SqlWork::both("ALTER TABLE host_notes DROP COLUMN size"),
};

static UNFILLED: Statement = Statement::both(
    "host.note.list_unfilled",
    "SELECT id, text FROM host_notes WHERE size IS NULL ORDER BY id LIMIT $1",
    &[Kind::Int],
    &[Kind::Int, Kind::Text],
);
static FILL: Statement = Statement::batch(
    "host.note.fill",
    (
        "UPDATE host_notes SET size = $2 WHERE id = $1",
        "UPDATE host_notes SET size = filled.size FROM unnest($1::bigint[], $2::bigint[]) filled(id, size) \
         WHERE host_notes.id = filled.id",
    ),
    &[Kind::Int, Kind::Int],
);

async fn fill_sql(connection: &mut dyn SqlConnection, batches: usize) -> Result<(), StoreError> {
    for _ in 0..batches {
        let mut rows = Vec::new();
        for mut row in connection.query(&UNFILLED, vec![Value::Int(BATCH)]).await? {
            let (id, text) = (row.int()?, row.text()?);
            rows.push(vec![Value::Int(id), Value::Int(i64::try_from(text.len()).unwrap_or(i64::MAX))]);
        }
        if rows.is_empty() {
            return Ok(());
        }
        connection.execute_many(&FILL, rows).await?;
    }
    Ok(())
}

fn fill_all_sql(connection: &mut dyn SqlConnection) -> Done<'_> {
    Box::pin(fill_sql(connection, usize::MAX))
}

fn fill_some_sql(connection: &mut dyn SqlConnection) -> Done<'_> {
    Box::pin(async move {
        fill_sql(connection, 2).await?;
        Err(broken())
    })
}

const fn sql(fill: SqlWork) -> [MigrationStep<SqlStep>; 3] {
    [
        MigrationStep { name: "notes", work: NOTES },
        MigrationStep { name: "note_size", work: SIZE },
        MigrationStep { name: "fill_note_size", work: SqlStep { up: fill, down: SqlWork::NOTHING } },
    ]
}

fn make_mongodb<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    let notes = (1..=FILLED_ROWS).map(|id| {
        let change = doc! { "$setOnInsert": { "text": format!("note {id}") } };
        doc! { "q": { "_id": id }, "u": change, "upsert": true }
    });
    let updates: Vec<Document> = notes.collect();
    Box::pin(async move { schema.command(doc! { "update": "host_notes", "updates": updates }).await.map(drop) })
}

fn drop_mongodb<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move { schema.command(doc! { "drop": "host_notes" }).await.map(drop) })
}

async fn fill_mongodb(schema: &mut MongoSchema<'_>, batches: usize) -> Result<(), StoreError> {
    let unreadable = || StoreError::Corrupt("an answer of an unknown form".into());
    for _ in 0..batches {
        let unfilled = doc! {
            "find": "host_notes", "filter": { "size": { "$exists": false } }, "sort": { "_id": 1 },
            "limit": BATCH, "batchSize": BATCH,
        };
        let mut answer = schema.command(unfilled).await?;
        let Some(Bson::Document(mut cursor)) = answer.remove("cursor") else { return Err(unreadable()) };
        let Some(Bson::Array(notes)) = cursor.remove("firstBatch") else { return Err(unreadable()) };
        if notes.is_empty() {
            return Ok(());
        }
        let mut updates = Vec::new();
        for note in notes {
            let Bson::Document(note) = note else { return Err(unreadable()) };
            let (Ok(id), Ok(text)) = (note.get_i64("_id"), note.get_str("text")) else { return Err(unreadable()) };
            let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
            updates.push(doc! { "q": { "_id": id }, "u": { "$set": { "size": size } } });
        }
        schema.command(doc! { "update": "host_notes", "updates": updates }).await?;
    }
    Ok(())
}

fn fill_all_mongodb<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(fill_mongodb(schema, usize::MAX))
}

fn fill_some_mongodb<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        fill_mongodb(schema, 2).await?;
        Err(broken())
    })
}

fn empty_mongodb<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    let unset = doc! { "q": {}, "u": { "$unset": { "size": "" } }, "multi": true };
    Box::pin(async move { schema.command(doc! { "update": "host_notes", "updates": [unset] }).await.map(drop) })
}

fn nothing_mongodb<'a>(_schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async { Ok(()) })
}

/// A new field needs no declaration in MongoDB. The step exists so that every store has the same number of steps.
const fn mongodb(fill: MongoStep) -> [MigrationStep<MongoStep>; 3] {
    [
        MigrationStep { name: "notes", work: MongoStep::code(make_mongodb, drop_mongodb) },
        MigrationStep { name: "note_size", work: MongoStep::code(nothing_mongodb, nothing_mongodb) },
        MigrationStep { name: "fill_note_size", work: fill },
    ]
}

static RIGHT_SQL: [MigrationStep<SqlStep>; 3] = sql(SqlWork::Code(fill_all_sql));
static FAILING_SQL: [MigrationStep<SqlStep>; 3] = sql(SqlWork::Code(fill_some_sql));
static RIGHT_MONGODB: [MigrationStep<MongoStep>; 3] = mongodb(MongoStep::code(fill_all_mongodb, empty_mongodb));
static FAILING_MONGODB: [MigrationStep<MongoStep>; 3] = mongodb(MongoStep::code(fill_some_mongodb, empty_mongodb));

impl Host {
    /// The name of its set of migrations.
    pub const SET: &'static str = "host_notes";

    pub(crate) fn sql(self) -> SqlSet {
        let steps = if self == Self::Right { &RIGHT_SQL } else { &FAILING_SQL };
        SqlSet { name: Self::SET, after: &[FOUNDATION], steps }
    }

    pub(crate) fn mongodb(self) -> MongoSet {
        let steps = if self == Self::Right { &RIGHT_MONGODB } else { &FAILING_MONGODB };
        MongoSet { name: Self::SET, after: &[FOUNDATION], steps }
    }
}
