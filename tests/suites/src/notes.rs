//! A sealed field of a program that embeds Skep, for each kind of store.

use bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use mongodb::Database;
use skep_application::{
    kernel::{Constraint, SealedField, Transaction as _, TxMode, Units as _},
    operations::{FOUNDATION, MigrationStep, Migrations as _},
};
use skep_contract::Failure;
use skep_sql::{Declared, Kind, SqlSet, SqlStep, SqlStore, SqlWork, Table, Value, Verb};
use std::sync::LazyLock;
use uuid::Uuid;

/// The field.
pub(crate) const FIELD: SealedField = SealedField::new("suite_notes", "text");

struct Note(Uuid, Option<String>);

static NOTES: LazyLock<Table<Note>> = LazyLock::new(|| {
    Table::<Note>::new("suite_notes", "suite.note", Constraint::new("suite_notes_pkey"))
        .key("id", Kind::Uuid, |note| note.0.into())
        .column("text", Kind::Text, |note| note.1.as_deref().map_or(Value::Null, Value::from))
        .nullable()
        .sealed()
        .offers(&[Verb::InsertMany])
});

const STEP: SqlStep = SqlStep {
    up: SqlWork::Script {
        sqlite: "CREATE TABLE suite_notes (id BLOB NOT NULL CONSTRAINT suite_notes_pkey PRIMARY KEY, text TEXT) STRICT; \
                 CREATE INDEX suite_notes_text_idx ON suite_notes (text)",
        postgres: "CREATE TABLE suite_notes (id UUID NOT NULL CONSTRAINT suite_notes_pkey PRIMARY KEY, \
                   text TEXT COLLATE \"C\"); CREATE INDEX suite_notes_text_idx ON suite_notes (text)",
    },
    down: SqlWork::both("DROP TABLE suite_notes"),
};
const SET: SqlSet =
    SqlSet { name: "suite_notes", after: &[FOUNDATION], steps: &[MigrationStep { name: "notes", work: STEP }] };

/// The store with the field and these rows.
pub(crate) async fn in_sql(store: SqlStore, rows: &[(Uuid, Option<String>)]) -> Result<SqlStore, Failure> {
    let store = store.with_sets(&[SET])?.with_tables(Declared::table(&NOTES))?;
    store.up().await?;
    let notes: Vec<_> = rows.iter().map(|(id, text)| Note(*id, text.clone())).collect();
    let mut unit = store.open(TxMode::Write, &[]).await?;
    NOTES.insert_many(&mut unit, &notes).await?;
    Box::new(unit).commit().await?;
    Ok(store)
}

/// Adds the rows to a database of MongoDB, and the index.
pub(crate) async fn in_mongodb(database: &Database, rows: &[(Uuid, Option<String>)]) -> Result<(), Failure> {
    let index = doc! { "name": "suite_notes_text_idx", "key": { FIELD.column: 1 } };
    database.run_command(doc! { "createIndexes": FIELD.table, "indexes": [index] }).await?;
    let document = |(id, text): &(Uuid, Option<String>)| {
        let id = Binary { subtype: BinarySubtype::Uuid, bytes: id.as_bytes().to_vec() };
        doc! { "_id": id, FIELD.column: text.as_deref().map_or(Bson::Null, Bson::from) }
    };
    let documents: Vec<Document> = rows.iter().map(document).collect();
    database.collection::<Document>(FIELD.table).insert_many(documents).await?;
    Ok(())
}
