//! Tables that are not ours, in one unit of work with ours: their rules are named on both engines, and a use case over
//! both is carried out by the frame of commands.

use crate::{Postgres, sqlite_store};
use async_trait::async_trait;
use serde::Serialize;
use skep_application::{
    catalog::{CategoryRepository, constraints::CATEGORY_PARENT},
    context,
    kernel::{
        Actor, Authorized, Begin as _, Call, Command, Commands, Constraint, Denied, Fingerprints, IdempotencyKey,
        KeyReused, NotFound, OutboxQueries as _, Page, PageRequest, Position, SortValue, StoreError, Total,
        Transaction as _, TxMode, Units as _, UseCase,
    },
    operations::{FOUNDATION, MigrationStep, Migrations as _},
    use_case_error,
};
use skep_domain::{
    access::{BuiltInRole, Permissions},
    catalog::{Category, CategoryId, Slug},
    shared::{
        Action, Described, Direction, Event, Field, Kind as FieldKind, PageLimit, SessionId, Text, Timestamp, UserId,
        Version,
    },
};
use skep_local::system_runtime;
use skep_sql::{
    Declared, Kind, Listed, Pages, Row, RowId, SqlSet, SqlStep, SqlStore, SqlUnit, SqlWork, Statement, Stored, Table,
    Verb, args,
};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// A note on a category of ours, and perhaps under another note.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    id: Uuid,
    category: CategoryId,
    parent: Option<Uuid>,
    title: String,
    version: Version,
}

/// A word on a note.
#[derive(Debug)]
struct Tag {
    note: Uuid,
    word: &'static str,
}

const NOTE_ID: Constraint = Constraint::new("suite_notes_pkey");
const NOTE_TITLE: Constraint = Constraint::new("suite_notes_title_key");
const NOTE_CATEGORY: Constraint = Constraint::new("suite_notes_category_id_fkey");
const NOTE_PARENT: Constraint = Constraint::new("suite_notes_parent_id_fkey");
const TAG: Constraint = Constraint::new("suite_tags_pkey");
const TAG_NOTE: Constraint = Constraint::new("suite_tags_note_id_fkey");

const SET: SqlSet = SqlSet {
    name: "suite_notes",
    after: &[FOUNDATION, "catalog"],
    steps: &[MigrationStep {
        name: "notes",
        work: SqlStep {
            up: SqlWork::Script {
                sqlite: "CREATE TABLE suite_notes (id BLOB NOT NULL, category_id BLOB NOT NULL, parent_id BLOB, \
                    title TEXT NOT NULL, version INTEGER NOT NULL, \
                    CONSTRAINT suite_notes_pkey PRIMARY KEY (id), \
                    CONSTRAINT suite_notes_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories (id), \
                    CONSTRAINT suite_notes_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES suite_notes (id)) STRICT;
                    CREATE UNIQUE INDEX suite_notes_title_key ON suite_notes (title);
                    CREATE TABLE suite_tags (note_id BLOB NOT NULL, word TEXT NOT NULL, \
                    CONSTRAINT suite_tags_pkey PRIMARY KEY (note_id, word), \
                    CONSTRAINT suite_tags_note_id_fkey FOREIGN KEY (note_id) REFERENCES suite_notes (id)) STRICT;",
                postgres: "CREATE TABLE suite_notes (id UUID NOT NULL, category_id UUID NOT NULL, parent_id UUID, \
                    title TEXT COLLATE \"C\" NOT NULL, version BIGINT NOT NULL, \
                    CONSTRAINT suite_notes_pkey PRIMARY KEY (id), \
                    CONSTRAINT suite_notes_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories (id), \
                    CONSTRAINT suite_notes_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES suite_notes (id));
                    CREATE UNIQUE INDEX suite_notes_title_key ON suite_notes (title);
                    CREATE TABLE suite_tags (note_id UUID NOT NULL, word TEXT COLLATE \"C\" NOT NULL, \
                    CONSTRAINT suite_tags_pkey PRIMARY KEY (note_id, word), \
                    CONSTRAINT suite_tags_note_id_fkey FOREIGN KEY (note_id) REFERENCES suite_notes (id));",
            },
            down: SqlWork::both("DROP TABLE suite_tags; DROP TABLE suite_notes;"),
        },
    }],
};

static NOTES: LazyLock<Table<Note>> = LazyLock::new(|| {
    Table::<Note>::new("suite_notes", "suite.note", NOTE_ID)
        .key("id", Kind::Uuid, |note| note.id.into())
        .column("category_id", Kind::Uuid, |note| note.category.uuid().into())
        .fixed("parent_id", Kind::Uuid, |note| note.parent.into())
        .nullable()
        .column("title", Kind::Text, |note| note.title.as_str().into())
        .version(|note| note.version)
        .unique(NOTE_TITLE, &["title"])
        .references(NOTE_CATEGORY, "category_id", "categories")
        .references(NOTE_PARENT, "parent_id", "suite_notes")
        .offers(&[Verb::Find, Verb::Insert, Verb::InsertMany, Verb::Save, Verb::SaveMany, Verb::Delete])
});
static TAGS: LazyLock<Table<Tag>> = LazyLock::new(|| {
    Table::<Tag>::new("suite_tags", "suite.tag", TAG)
        .key("note_id", Kind::Uuid, |tag| tag.note.into())
        .key("word", Kind::Text, |tag| tag.word.into())
        .references(TAG_NOTE, "note_id", "suite_notes")
        .grows()
        .offers(&[Verb::InsertMany])
});
static FILE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE suite_notes SET category_id = $1 WHERE title = $2";
    NOTES.command("file", text, &[Kind::Uuid, Kind::Text], &[]).writes("suite_notes", &[(1, "category_id")])
});
static REPLACE: LazyLock<Statement> = LazyLock::new(|| {
    let text = "UPDATE suite_notes SET title = $2 WHERE id = $1";
    NOTES.command("replace", text, &[Kind::Uuid, Kind::Text], &[])
});
static PURGE: Statement =
    Statement::both("suite.note.purge", "DELETE FROM suite_notes WHERE id = $1", &[Kind::Uuid], &[])
        .deletes("suite_notes", 1);
/// Says nothing of the foreign keys that it can break.
static SILENT: Statement = Statement::both(
    "suite.note.silent",
    "UPDATE suite_notes SET category_id = $2 WHERE id = $1",
    &[Kind::Uuid, Kind::Uuid],
    &[],
);
static LIST: LazyLock<Pages> = LazyLock::new(|| {
    let sorts = [("list".to_owned(), "title")];
    let condition = "category_id = $1";
    Pages::new(&NOTES, &Listed { condition, params: &[Kind::Uuid], sorts: &sorts, count: "count" })
});

fn declared() -> Declared {
    let notes = Declared::table(&NOTES).statements([&*FILE, &*REPLACE, &PURGE, &SILENT]).statements(LIST.statements());
    notes.and(Declared::table(&TAGS))
}

impl Stored for Note {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let id = row.uuid()?;
        Ok(Self {
            id,
            category: CategoryId::new(row.uuid()?),
            parent: row.optional_uuid()?,
            title: row.text()?,
            version: RowId("suite_notes", id).version(row.int()?)?,
        })
    }
}

#[async_trait]
trait NoteRepository: Send {
    async fn find(&mut self, id: Uuid) -> Result<Option<Note>, StoreError>;
    async fn insert(&mut self, note: &Note) -> Result<(), StoreError>;
}

#[async_trait]
impl NoteRepository for SqlUnit {
    async fn find(&mut self, id: Uuid) -> Result<Option<Note>, StoreError> {
        NOTES.find(self, id).await
    }
    async fn insert(&mut self, note: &Note) -> Result<(), StoreError> {
        NOTES.insert(self, note).await
    }
}

#[async_trait]
trait NoteQueries: Send + Sync {
    async fn find_note(&self, id: Uuid) -> Result<Option<Note>, StoreError>;
}

#[async_trait]
impl NoteQueries for SqlStore {
    async fn find_note(&self, id: Uuid) -> Result<Option<Note>, StoreError> {
        NOTES.look_up(self, id).await
    }
}

context! {
    /// One repository of ours and one of the host.
    unit NoteTx {
        /// The categories, which notes are on.
        categories: CategoryRepository by MockCategoryRepository,
        /// The notes of this program.
        notes: NoteRepository by MockNoteRepository,
    }
    #[cfg(any())]
    mocks MockNoteTx of NoteMocks
    /// Everything that a store does for notes.
    store NoteStore: NoteQueries
}

fn category(number: u128) -> Category {
    let slug = Slug::parse(&format!("honey-{number}")).unwrap();
    let name = Text::line("Honey", 200).unwrap();
    Category::create(CategoryId::new(Uuid::from_u128(number)), name, slug, None, Timestamp::MIN)
}

fn note(number: u128, title: &str) -> Note {
    let category = category(1).id;
    Note { id: Uuid::from_u128(number), category, parent: None, title: title.to_owned(), version: Version::FIRST }
}

fn answer<T>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(StoreError::Duplicate { constraint }) => format!("duplicate {}", constraint.name()),
        Err(StoreError::Referenced { constraint }) => format!("referenced {}", constraint.name()),
        Err(StoreError::Stale) => "stale".to_owned(),
        Err(StoreError::Corrupt(_)) => "corrupt".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

/// The answer of one call in a unit of its own. The unit is rolled back, as after a refusal.
async fn tried<T>(store: &SqlStore, call: impl AsyncFnOnce(&mut SqlUnit) -> Result<T, StoreError>) -> String {
    let mut unit = Box::new(store.open(TxMode::Write, &[]).await.unwrap());
    let answered = answer(call(&mut unit).await);
    unit.rollback().await.unwrap();
    answered
}

/// The store with the host's tables, in which category 1 has the notes 1 and 2, and note 1 has note 3 and a tag.
async fn filled(store: &SqlStore) -> SqlStore {
    let store = store.clone().with_sets(&[SET]).unwrap().with_tables(declared()).unwrap();
    store.up().await.unwrap();
    let mut unit = Box::new(store.open(TxMode::Write, &[]).await.unwrap());
    CategoryRepository::insert(&mut *unit, &category(1)).await.unwrap();
    NOTES.insert_many(&mut unit, &[note(1, "one"), note(2, "two")]).await.unwrap();
    NOTES.insert(&mut unit, &Note { parent: Some(Uuid::from_u128(1)), ..note(3, "three") }).await.unwrap();
    TAGS.insert_many(&mut unit, &[Tag { note: Uuid::from_u128(1), word: "sweet" }]).await.unwrap();
    unit.commit().await.unwrap();
    store
}

async fn rules_are_named(store: &SqlStore) {
    let store = filled(store).await;
    let nowhere = CategoryId::new(Uuid::from_u128(99));
    let (lost, orphan) = (Note { category: nowhere, ..note(4, "four") }, Some(Uuid::from_u128(98)));
    let tag = |number, word| Tag { note: Uuid::from_u128(number), word };

    assert_eq!(
        tried(&store, async |unit| NOTES.insert(unit, &note(1, "new")).await).await,
        "duplicate suite_notes_pkey"
    );
    assert_eq!(
        tried(&store, async |unit| NOTES.insert(unit, &note(4, "one")).await).await,
        "duplicate suite_notes_title_key"
    );
    assert_eq!(
        tried(&store, async |unit| NOTES.insert(unit, &lost).await).await,
        "referenced suite_notes_category_id_fkey"
    );
    let child = Note { parent: orphan, ..note(4, "four") };
    assert_eq!(
        tried(&store, async |unit| NOTES.insert(unit, &child).await).await,
        "referenced suite_notes_parent_id_fkey"
    );
    let itself = Note { parent: Some(Uuid::from_u128(4)), ..note(4, "four") };
    assert_eq!(tried(&store, async |unit| NOTES.insert(unit, &itself).await).await, "ok");
    let lost_itself = Note { category: nowhere, ..itself };
    assert_eq!(
        tried(&store, async |unit| NOTES.insert(unit, &lost_itself).await).await,
        "referenced suite_notes_category_id_fkey"
    );

    let many = [note(4, "four"), note(5, "two")];
    assert_eq!(
        tried(&store, async |unit| NOTES.insert_many(unit, &many).await).await,
        "duplicate suite_notes_title_key"
    );
    let many = [note(5, "five"), lost.clone()];
    assert_eq!(
        tried(&store, async |unit| NOTES.insert_many(unit, &many).await).await,
        "referenced suite_notes_category_id_fkey"
    );
    assert_eq!(
        tried(&store, async |unit| TAGS.insert_many(unit, &[tag(2, "new"), tag(1, "sweet")]).await).await,
        "duplicate suite_tags_pkey"
    );
    assert_eq!(
        tried(&store, async |unit| TAGS.insert_many(unit, &[tag(9, "new")]).await).await,
        "referenced suite_tags_note_id_fkey"
    );

    assert_eq!(
        tried(&store, async |unit| NOTES.save(unit, &note(1, "two")).await).await,
        "duplicate suite_notes_title_key"
    );
    let moved = Note { category: nowhere, ..note(1, "one") };
    assert_eq!(
        tried(&store, async |unit| NOTES.save(unit, &moved).await).await,
        "referenced suite_notes_category_id_fkey"
    );
    let many = [note(2, "other"), moved];
    assert_eq!(
        tried(&store, async |unit| NOTES.save_many(unit, &many).await).await,
        "referenced suite_notes_category_id_fkey"
    );
    let stale = Note { version: Version::FIRST.next(), ..note(1, "new") };
    assert_eq!(tried(&store, async |unit| NOTES.save(unit, &stale).await).await, "stale");
    assert_eq!(
        tried(&store, async |unit| NOTES.save_many(unit, &[note(2, "new"), stale.clone()]).await).await,
        "stale"
    );
    assert_eq!(tried(&store, async |unit| NOTES.delete(unit, &stale).await).await, "stale");

    assert_eq!(
        tried(&store, async |unit| NOTES.delete(unit, &note(1, "one")).await).await,
        "referenced suite_notes_parent_id_fkey"
    );
    assert_eq!(tried(&store, async |unit| NOTES.delete(unit, &note(2, "two")).await).await, "ok");
    // A row of ours that a row of the host refers to.
    let ours = tried(&store, async |unit| CategoryRepository::delete(unit, &category(1)).await).await;
    assert_eq!(ours, "referenced suite_notes_category_id_fkey");
    // Our own rules are named as always.
    let orphan = Category { parent_id: Some(nowhere), ..category(2) };
    let ours = tried(&store, async |unit| CategoryRepository::insert(unit, &orphan).await).await;
    assert_eq!(ours, format!("referenced {}", CATEGORY_PARENT.name()));

    let file = args![nowhere.uuid(), "one"];
    assert_eq!(
        tried(&store, async |unit| unit.change(&FILE, file).await).await,
        "referenced suite_notes_category_id_fkey"
    );
    let replace = args![Uuid::from_u128(1), "two"];
    assert_eq!(
        tried(&store, async |unit| unit.change(&REPLACE, replace).await).await,
        "duplicate suite_notes_title_key"
    );
    assert_eq!(
        tried(&store, async |unit| unit.change(&PURGE, args![Uuid::from_u128(1)]).await).await,
        "referenced suite_notes_parent_id_fkey"
    );
    let silent = args![Uuid::from_u128(1), nowhere.uuid()];
    assert_eq!(tried(&store, async |unit| unit.change(&SILENT, silent).await).await, "corrupt");
}

async fn both_are_stored_or_neither(store: &SqlStore) {
    let store = filled(store).await;
    let write = async |end: bool| {
        let mut unit: Box<dyn NoteTx> = store.begin(TxMode::Write, &[]).await.unwrap();
        unit.categories().insert(&category(2)).await.unwrap();
        unit.notes().insert(&Note { category: category(2).id, ..note(7, "seven") }).await.unwrap();
        if end {
            unit.commit().await.unwrap()
        } else {
            unit.rollback().await.unwrap()
        }
        let mut unit: Box<dyn NoteTx> = store.begin(TxMode::Read, &[]).await.unwrap();
        let category = unit.categories().find(category(2).id).await.unwrap();
        (category.is_some(), unit.notes().find(Uuid::from_u128(7)).await.unwrap().is_some())
    };
    assert_eq!(write(false).await, (false, false));
    assert_eq!(write(true).await, (true, true));
}

async fn a_list_has_pages(store: &SqlStore) {
    let store = filled(store).await;
    let by = ("title", Direction::Ascending);
    let place = |note: &Note| Position { key: SortValue::Text(note.title.clone()), id: note.id };
    let mut request = PageRequest { limit: PageLimit::new(2).unwrap(), after: None, count_up_to: Some(2) };
    let titles = |page: &Page<Note>| page.items.iter().map(|note| note.title.clone()).collect::<Vec<_>>();
    let page = LIST.page(&store, by, args![category(1).id.uuid()], &request, place).await.unwrap();
    assert_eq!(
        (titles(&page), page.total),
        (vec!["one".to_owned(), "three".to_owned()], Some(Total { count: 2, is_exact: false }))
    );
    request.after = page.next;
    let page = LIST.page(&store, by, args![category(1).id.uuid()], &request, place).await.unwrap();
    assert_eq!((titles(&page), page.next), (vec!["two".to_owned()], None));
}

#[derive(Serialize)]
struct WriteNote {
    category: CategoryId,
    title: String,
}

#[derive(Serialize)]
struct NoteWritten {
    note_id: Uuid,
}

impl Described for NoteWritten {
    const KIND: FieldKind = FieldKind::Object(&[Field { name: "note_id", kind: FieldKind::Id, doc: "The note." }]);
}

impl Event for NoteWritten {
    const NAME: &'static str = "suite.note_written.v1";
    fn aggregate_id(&self) -> Uuid {
        self.note_id
    }
}

use_case_error! {
    /// The refusals of a note.
    WriteNoteError {
        Denied(Denied),
        NotFound(NotFound),
        KeyReused(KeyReused),
    }
}

/// Writes notes on categories.
struct Writing;

impl Command for Writing {
    type Unit = dyn NoteTx;
    type Input = WriteNote;
    type Plan = Note;
    type Target = Category;
    type Answer = Uuid;
    type Error = WriteNoteError;

    const NAME: &'static str = "suite.write_note";
    const ACTION: Action = Action::account("suite.note.write");

    async fn plan(&self, call: &mut Call<'_>, input: WriteNote) -> Result<Note, WriteNoteError> {
        let WriteNote { category, title } = input;
        Ok(Note { id: call.new_id(), category, parent: None, title, version: Version::FIRST })
    }

    async fn load(&self, plan: &Note, unit: &mut Self::Unit) -> Result<Category, WriteNoteError> {
        Ok(unit.categories().find(plan.category).await?.ok_or(NotFound("category"))?)
    }

    async fn write(
        &self,
        plan: &Note,
        unit: &mut Self::Unit,
        category: Authorized<'_, Category>,
    ) -> Result<Uuid, WriteNoteError> {
        unit.notes().insert(plan).await?;
        category.record(unit.outbox(), &NoteWritten { note_id: plan.id }, plan.version, category.now()).await?;
        Ok(plan.id)
    }
}

/// Tells commands apart in a test. A deployment keys its fingerprints.
struct Sums;

impl Fingerprints for Sums {
    fn fingerprint(&self, command: &[u8]) -> [u8; 32] {
        let mut sums = [0_u8; 32];
        for (at, byte) in command.iter().enumerate() {
            sums[at % 32] = sums[at % 32].rotate_left(1).wrapping_add(*byte);
        }
        sums
    }
}

fn writing(store: &SqlStore) -> UseCase<Writing> {
    let store: Arc<dyn NoteStore> = Arc::new(store.clone());
    UseCase::new(Writing, &Commands::<dyn NoteTx>::new(store, Arc::new(Sums), system_runtime()))
}

async fn a_use_case_over_both_is_carried_out_once(store: &SqlStore) {
    let store = filled(store).await;
    let writing = writing(&store);
    let actor = Actor::user(
        UserId::new(Uuid::from_u128(1)),
        SessionId::NIL,
        Permissions::built_in(&[BuiltInRole::User]),
        "request",
    );
    let write = async |actor: &Actor, number, title: &str, key: &str| {
        let input = WriteNote { category: category(number).id, title: title.to_owned() };
        writing.execute_once(actor, Some(&IdempotencyKey::parse(key).unwrap()), input).await
    };
    let events = async || store.list_events(None, 10).await.unwrap();

    let id = write(&actor, 1, "four", "first").await.unwrap();
    assert_eq!(write(&actor, 1, "four", "first").await.unwrap(), id, "the kept answer");
    let recorded = events().await;
    assert_eq!(recorded.len(), 1);
    assert_eq!((recorded[0].name.as_str(), recorded[0].aggregate_id), ("suite.note_written.v1", id));
    let note = store.find_note(id).await.unwrap().unwrap();
    assert_eq!((note.title.as_str(), note.version), ("four", Version::FIRST));

    let reused = write(&actor, 1, "five", "first").await.unwrap_err();
    assert!(matches!(reused, WriteNoteError::KeyReused(_)), "{reused:?}");
    let missing = write(&actor, 9, "five", "second").await.unwrap_err();
    assert!(matches!(missing, WriteNoteError::NotFound(_)), "{missing:?}");
    let visitor = write(&Actor::anonymous("request"), 1, "five", "third").await.unwrap_err();
    assert!(matches!(visitor, WriteNoteError::Denied(_)), "{visitor:?}");
    let taken = write(&actor, 1, "four", "fourth").await.unwrap_err();
    let constraint = match taken {
        WriteNoteError::Store(StoreError::Duplicate { constraint }) => constraint,
        other => panic!("{other:?}"),
    };
    assert_eq!(constraint, NOTE_TITLE);
    assert_eq!(events().await.len(), 1, "a refusal leaves nothing");
    write(&actor, 1, "five", "fourth").await.unwrap();
    assert_eq!(events().await.len(), 2, "nor does it use up its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_host_are_named_by_sqlite() {
    let (_folder, store) = sqlite_store().await;
    rules_are_named(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_host_are_named_by_postgresql() {
    let Some(postgres) = Postgres::start("host_rules").await else { return };
    rules_are_named(&postgres.store).await;
    postgres.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_stores_the_rows_of_both_or_neither() {
    let (_folder, store) = sqlite_store().await;
    both_are_stored_or_neither(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stores_the_rows_of_both_or_neither() {
    let Some(postgres) = Postgres::start("host_rows").await else { return };
    both_are_stored_or_neither(&postgres.store).await;
    postgres.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_host_has_pages_on_sqlite() {
    let (_folder, store) = sqlite_store().await;
    a_list_has_pages(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_host_has_pages_on_postgresql() {
    let Some(postgres) = Postgres::start("host_pages").await else { return };
    a_list_has_pages(&postgres.store).await;
    postgres.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_carries_out_a_use_case_of_a_host_once() {
    let (_folder, store) = sqlite_store().await;
    a_use_case_over_both_is_carried_out_once(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_carries_out_a_use_case_of_a_host_once() {
    let Some(postgres) = Postgres::start("host_use_case").await else { return };
    a_use_case_over_both_is_carried_out_once(&postgres.store).await;
    postgres.remove().await;
}
