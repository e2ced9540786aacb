//! The migrations of a program that embeds ours, for each kind of store.

use bson::doc;
use skep_application::{
    kernel::StoreError,
    operations::{FOUNDATION, MigrationStep},
};
use skep_memory::{MemorySet, MemoryStep};
use skep_mongodb::{MongoSchema, MongoSet, MongoStep};
use skep_sql::{SqlSet, SqlStep, SqlWork};
use std::{future::Future, pin::Pin};

const NAME: &str = "suite";
const AFTER: &[&str] = &[FOUNDATION];

const fn step(name: &'static str, up: &'static str, down: &'static str) -> MigrationStep<SqlStep> {
    MigrationStep { name, work: SqlStep { up: SqlWork::both(up), down: SqlWork::both(down) } }
}

const SQL: &[MigrationStep<SqlStep>] = &[
    step("pens", "CREATE TABLE suite_pens (id BIGINT PRIMARY KEY)", "DROP TABLE suite_pens"),
    step("inks", "CREATE TABLE suite_inks (pen BIGINT REFERENCES suite_pens (id))", "DROP TABLE suite_inks"),
    step("broken", "CREATE TABLE suite_half (id BIGINT); SELECT nonsense", ""),
];

/// The set with its first `steps` steps.
pub(crate) fn sql(steps: usize) -> SqlSet {
    SqlSet { name: NAME, after: AFTER, steps: &SQL[..steps] }
}

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

fn make<'a>(schema: &'a mut MongoSchema<'_>, name: &'static str) -> Done<'a> {
    // A step must be repeatable.
    let index = doc! { "name": "suite_idx", "key": { "pen": 1 } };
    Box::pin(async move { schema.command(doc! { "createIndexes": name, "indexes": [index] }).await.map(drop) })
}

fn remove<'a>(schema: &'a mut MongoSchema<'_>, name: &'static str) -> Done<'a> {
    let all = doc! { "q": {}, "limit": 0 };
    Box::pin(async move { schema.command(doc! { "delete": name, "deletes": [all] }).await.map(drop) })
}

fn fail<'a>(schema: &'a mut MongoSchema<'_>) -> Done<'a> {
    Box::pin(async move {
        schema.command(doc! { "insert": "suite_pens", "documents": [{ "half": true }] }).await?;
        schema.command(doc! { "createIndexes": "suite_pens", "indexes": [] }).await.map(drop)
    })
}

const MONGODB: &[MigrationStep<MongoStep>] = &[
    MigrationStep {
        name: "pens",
        work: MongoStep::code(|schema| make(schema, "suite_pens"), |schema| remove(schema, "suite_pens")),
    },
    MigrationStep {
        name: "inks",
        work: MongoStep::code(|schema| make(schema, "suite_inks"), |schema| remove(schema, "suite_inks")),
    },
    MigrationStep { name: "broken", work: MongoStep::code(|schema| fail(schema), |schema| fail(schema)) },
];

/// The set with its first `steps` steps.
pub(crate) fn mongodb(steps: usize) -> MongoSet {
    MongoSet { name: NAME, after: AFTER, steps: &MONGODB[..steps] }
}

const MEMORY: &[MigrationStep<MemoryStep>] = &[
    MigrationStep { name: "pens", work: || Ok(()) },
    MigrationStep { name: "inks", work: || Ok(()) },
    MigrationStep { name: "broken", work: || Err(StoreError::Stale) },
];

/// The set with its first steps.
pub(crate) fn memory(steps: usize) -> MemorySet {
    MemorySet { name: NAME, after: AFTER, steps: &MEMORY[..steps] }
}
