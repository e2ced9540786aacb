//! Statements and values that follow from the declaration of a table.

use crate::{
    Declared, Engine, Kind, Statement, Value, Verb, args,
    table::Table,
    testing::{Answer, Fake},
};
use skep_application::kernel::{Constraint, StoreError, TxMode, Units as _};
use skep_domain::shared::Version;
use std::sync::LazyLock;
use uuid::Uuid;

struct Note {
    id: Uuid,
    title: &'static str,
    parent: Option<Uuid>,
    version: Version,
}

const TITLE: Constraint = Constraint::new("notes_title_key");
const PARENT: Constraint = Constraint::new("notes_parent_id_fkey");
const BOOK: Constraint = Constraint::new("notes_book_id_fkey");
const ALL: &[Verb] = &[Verb::Find, Verb::FindMany, Verb::Insert, Verb::Save, Verb::Delete];

fn notes() -> Table<Note> {
    Table::<Note>::new("notes", "test.note", Constraint::new("notes_pkey"))
        .key("id", Kind::Uuid, |note| note.id.into())
        .fixed("book_id", Kind::Uuid, |note| note.id.into())
        .column("title", Kind::Text, |note| note.title.into())
        .version(|note| note.version)
        .column("parent_id", Kind::Uuid, |note| note.parent.into())
        .nullable()
        .unique(TITLE, &["title"])
        .references(BOOK, "book_id", "books")
        .references(PARENT, "parent_id", "notes")
}
static NOTES: LazyLock<Table<Note>> = LazyLock::new(|| notes().offers(ALL));
static BATCHES: LazyLock<Table<Note>> = LazyLock::new(|| notes().grows().offers(&[Verb::InsertMany, Verb::SaveMany]));

fn note() -> Note {
    let version = Version::FIRST.next();
    Note { id: Uuid::from_u128(1), title: "honey", parent: Some(Uuid::from_u128(2)), version }
}

fn texts(statement: &Statement) -> [&str; 2] {
    [statement.text(Engine::Sqlite), statement.text(Engine::Postgres)]
}

#[test]
fn statements_follow_from_the_declaration() {
    for (verb, name, sqlite, postgres) in [
        (Verb::Find, "test.note.find", "SELECT id, book_id, title, version, parent_id FROM notes WHERE id = $1", None),
        (
            Verb::FindMany,
            "test.note.find_many",
            "SELECT id, book_id, title, version, parent_id FROM rarray($1) AS given CROSS JOIN notes ON id = given.value",
            Some("SELECT id, book_id, title, version, parent_id FROM notes WHERE id = ANY($1)"),
        ),
        (
            Verb::Insert,
            "test.note.insert",
            "INSERT INTO notes (id, book_id, title, version, parent_id) VALUES ($1, $2, $3, $4, $5)",
            None,
        ),
        (
            Verb::Save,
            "test.note.save",
            "UPDATE notes SET title = $2, parent_id = $3, version = version + 1 WHERE id = $1 AND version = $4",
            None,
        ),
        (Verb::Delete, "test.note.delete", "DELETE FROM notes WHERE id = $1 AND version = $2", None),
    ] {
        let statement = NOTES.statement(verb).unwrap();
        assert_eq!(statement.name, name);
        assert_eq!(texts(statement), [sqlite, postgres.unwrap_or(sqlite)]);
        assert!(!statement.batch);
    }
    assert_eq!(NOTES.statement(Verb::Save).unwrap().params, [Kind::Uuid, Kind::Text, Kind::Uuid, Kind::Int]);
    assert_eq!(NOTES.statement(Verb::Find).unwrap().columns.len(), 5);
}

#[test]
fn a_batch_has_an_array_for_each_column_on_postgres() {
    let append = BATCHES.statement(Verb::InsertMany).unwrap();
    let values = "INSERT INTO notes (id, book_id, title, version, parent_id) VALUES ($1, $2, $3, $4, $5)";
    let arrays = "INSERT INTO notes (id, book_id, title, version, parent_id) SELECT * FROM \
                  unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[])";
    assert_eq!((append.name, append.batch, texts(append)), ("test.note.append", true, [values, arrays]));
    let save = BATCHES.statement(Verb::SaveMany).unwrap();
    let one = "UPDATE notes SET title = $2, parent_id = $3, version = version + 1 WHERE id = $1 AND version = $4";
    let many = "UPDATE notes AS stored SET title = saved.title, parent_id = saved.parent_id, \
                version = stored.version + 1 \
                FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[]) AS saved (id, title, parent_id, version) \
                WHERE stored.id = saved.id AND stored.version = saved.version";
    assert_eq!((save.name, save.batch, texts(save)), ("test.note.save", true, [one, many]));
}

#[test]
fn a_table_that_stores_one_row_and_many_has_a_name_for_each() {
    let names = |verbs: &[Verb]| {
        let table: &'static Table<Note> = Box::leak(Box::new(notes().offers(verbs)));
        verbs.iter().map(|verb| table.statement(*verb).unwrap().name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[Verb::Insert, Verb::InsertMany]), ["test.note.insert", "test.note.insert_many"]);
    assert_eq!(names(&[Verb::SaveMany, Verb::Save]), ["test.note.save", "test.note.save_one"]);
}

#[test]
fn handwritten_texts_use_the_columns_of_the_table() {
    let text = "SELECT {note.*}, 1 FROM notes AS note WHERE book_id {in $1} ORDER BY id {for update}";
    let statement = NOTES.query("lock", text, &[Kind::Uuids], &[Kind::Int]);
    let columns = "SELECT note.id, note.book_id, note.title, note.version, note.parent_id, 1 FROM notes AS note";
    assert_eq!(
        texts(&statement),
        [
            format!("{columns} WHERE book_id IN rarray($1) ORDER BY id"),
            format!("{columns} WHERE book_id = ANY($1) ORDER BY id FOR UPDATE"),
        ]
    );
    assert_eq!(statement.columns.len(), 6);
    let text = "SELECT {*} FROM notes LIMIT $1 {for update skip locked}";
    let statement = NOTES.up_to("title").query("skip", text, &[Kind::Int], &[]);
    let columns = "SELECT id, book_id, title FROM notes LIMIT $1";
    assert_eq!(texts(&statement), [columns.to_owned(), format!("{columns} FOR UPDATE SKIP LOCKED")]);
    assert_eq!(statement.columns, [Kind::Uuid, Kind::Uuid, Kind::Text]);
    let keep = "INSERT INTO notes ({*}) VALUES ({values}) ON CONFLICT DO NOTHING";
    let columns = "INSERT INTO notes (id, book_id, title, version, parent_id)";
    let expected = format!("{columns} VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
    assert_eq!(texts(&NOTES.command("keep", keep, &NOTES.kinds(), &[])), [expected.as_str(), &expected]);
}

#[test]
fn values_are_taken_in_the_order_of_the_parameters() {
    let (written, saved) = (NOTES.row_of(&note()), NOTES.saved_of(&note()));
    assert_eq!(written, args![note().id, note().id, "honey", 2_i64, note().parent]);
    assert_eq!(saved, args![note().id, "honey", note().parent, 2_i64]);
    assert!(NOTES.statement(Verb::Insert).unwrap().check(&written).is_ok());
    assert!(NOTES.statement(Verb::Save).unwrap().check(&saved).is_ok());
}

#[tokio::test]
async fn a_row_is_saved_and_deleted_in_the_version_that_was_read() {
    for (changed, stale) in [(1, false), (0, true)] {
        let fake = Fake::answering([Answer::Changed(1), Answer::Changed(changed), Answer::Changed(changed)]);
        let mut unit = fake.store().open(TxMode::Write, &[]).await.unwrap();
        NOTES.insert(&mut unit, &note()).await.unwrap();
        match NOTES.save(&mut unit, &note()).await {
            Ok(version) => assert_eq!((version, stale), (note().version.next(), false)),
            Err(error) => assert!(stale && matches!(error, StoreError::Stale), "{error}"),
        }
        let mut unit = fake.store().open(TxMode::Write, &[]).await.unwrap();
        let deleted = NOTES.delete(&mut unit, &note()).await;
        assert_eq!(matches!(deleted, Err(StoreError::Stale)), stale, "{deleted:?}");
        assert_eq!(fake.log(), ["test.note.insert", "test.note.save", "test.note.delete"]);
    }
}

#[test]
fn a_verb_that_a_table_does_not_offer_is_refused() {
    let error = NOTES.statement(Verb::SaveMany).unwrap_err();
    let StoreError::Corrupt(why) = error else { panic!("{error:?}") };
    assert_eq!(why.to_string(), "the table notes does not offer SaveMany");
}

/// Looks up a broken reference as SQLite does. `rows` lists, for a text with one parameter, the ids that it finds.
fn broken(statement: &Statement, args: &[Value], rows: &[(&str, u128)]) -> Option<Constraint> {
    Declared::table(&NOTES).broken_foreign_key(statement, args, &mut |text, value| {
        rows.iter().any(|(of, id)| *of == text && Value::from(Uuid::from_u128(*id)) == *value)
    })
}

const HAS_BOOK: &str = "SELECT 1 FROM books WHERE id = $1";
const HAS_PARENT: &str = "SELECT 1 FROM notes WHERE id = $1";
const HAS_CHILD: &str = "SELECT 1 FROM notes WHERE parent_id = $1 AND id <> $1";

#[test]
fn a_broken_reference_is_found_by_reading_the_rows() {
    let [insert, save, delete] = [Verb::Insert, Verb::Save, Verb::Delete].map(|verb| NOTES.statement(verb).unwrap());
    let (book, parent, child) = (HAS_BOOK, HAS_PARENT, HAS_CHILD);
    let written = NOTES.row_of(&note());
    assert_eq!(broken(insert, &written, &[(parent, 2)]), Some(BOOK));
    assert_eq!(broken(insert, &written, &[(book, 1)]), Some(PARENT));
    assert_eq!(broken(insert, &written, &[(book, 1), (parent, 2)]), None);
    let root = NOTES.row_of(&Note { parent: None, ..note() });
    assert_eq!(broken(insert, &root, &[(book, 1)]), None, "NULL refers to nothing");
    let own_parent = NOTES.row_of(&Note { parent: Some(note().id), ..note() });
    assert_eq!(broken(insert, &own_parent, &[(book, 1)]), None, "a row may refer to itself");
    let saved = NOTES.saved_of(&note());
    assert_eq!(broken(save, &saved, &[]), Some(PARENT), "the book is not saved");
    let deleted: [Value; 2] = [note().id.into(), note().version.into()];
    assert_eq!(broken(delete, &deleted, &[(child, 1)]), Some(PARENT));
    assert_eq!(broken(delete, &deleted, &[(child, 7)]), None);
}

#[test]
fn a_handwritten_text_can_break_only_what_it_says() {
    let text = "UPDATE notes SET parent_id = $1 WHERE title = $2";
    let silent = || NOTES.command("hang", text, &[Kind::Uuid, Kind::Text], &[]);
    let hang = silent().writes("notes", &[(1, "parent_id")]);
    let purge =
        NOTES.command("purge", "DELETE FROM notes WHERE title = $1 AND id = $2", &[Kind::Text, Kind::Uuid], &[]);
    let purge = purge.deletes("notes", 2);
    let id = Value::from(note().id);
    assert_eq!(broken(&silent(), &[id.clone(), "honey".into()], &[]), None);
    assert_eq!(broken(&hang, &[id.clone(), "honey".into()], &[]), Some(PARENT));
    assert_eq!(broken(&hang, &[id.clone(), "honey".into()], &[(HAS_PARENT, 1)]), None);
    assert_eq!(broken(&purge, &["honey".into(), id], &[(HAS_CHILD, 1)]), Some(PARENT));
    // PostgreSQL names the key, and gets the same answer.
    let declared = Declared::table(&NOTES);
    let named = |statement: &Statement, key: Constraint| declared.foreign_key(statement, key.name());
    assert_eq!([named(&silent(), PARENT), named(&hang, PARENT), named(&hang, BOOK)], [None, Some(PARENT), None]);
    assert_eq!([named(&purge, PARENT), named(&purge, BOOK), named(&purge, TITLE)], [Some(PARENT), None, None]);
}

#[test]
fn a_declaration_that_does_not_fit_is_refused_and_named() {
    let refusal = |tables: Declared| match Fake::default().store().with_tables(tables) {
        Ok(_) => "fits".to_owned(),
        Err(error) => error.to_string().split_once(": ").unwrap().1.to_owned(),
    };
    let table = |name, prefix, key| {
        Table::<Note>::new(name, prefix, Constraint::new(key)).key("id", Kind::Uuid, |note| note.id.into())
    };
    let declared = |table: Table<Note>| Declared::table(Box::leak(Box::new(table.offers(&[Verb::Insert]))));
    let writes = |table: &'static str, columns: &'static [(usize, &'static str)]| {
        let statement = Statement::both("test.pen.fill", "", &[Kind::Uuid], &[]).writes(table, columns);
        Declared::default().statements([&*Box::leak(Box::new(statement))])
    };
    const UNKNOWN: &str = "test.pen.fill writes or deletes in a table, column or parameter that is not declared";
    let pens = || table("pens", "test.pen", "pens_pkey");
    const PEN: Constraint = Constraint::new("pens_user_id_fkey");
    for (tables, expected) in [
        (declared(pens()), "fits"),
        (declared(table("users", "test.pen", "pens_pkey")), "the table users is declared twice"),
        (declared(table("pens", "identity.user", "pens_pkey")), "the statement identity.user.insert is declared twice"),
        (declared(table("pens", "test.pen", "users_pkey")), "the rule users_pkey is declared twice"),
        (declared(pens()).and(declared(pens())), "the statement test.pen.insert is declared twice"),
        (declared(pens().unique(PEN, &["ink"])), "a rule of pens is on \"ink\", which is no column"),
        (declared(pens().references(PEN, "user_id", "users")), "a rule of pens is on \"user_id\", which is no column"),
        (declared(pens().references(PEN, "id", "users")), "fits"),
        (declared(pens()).and(writes("pens", &[(1, "id")])), "fits"),
        (declared(pens()).and(writes("pencils", &[(1, "id")])), UNKNOWN),
        (declared(pens()).and(writes("pens", &[(1, "ink")])), UNKNOWN),
        (declared(pens()).and(writes("pens", &[(2, "id")])), UNKNOWN),
        (declared(pens().references(PEN, "id", "inks")), "pens.id refers to inks.id, which is not declared"),
        (
            declared(pens().references(PEN, "id", "stock_levels")),
            "pens.id refers to stock_levels.id, which is not declared",
        ),
    ] {
        assert_eq!(refusal(tables), expected);
    }
}
