//! A table, declared once: the columns of an entity's row, and how rows are found, written and read.

use super::{
    Kind, SqlStore, SqlUnit, Value,
    shape::{Column, Reference, Role, Rule, Shape, Verb},
    stored::Stored,
};
use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::Version;
use uuid::Uuid;

/// A table whose rows are written from an `E`. It is declared as a static, column by column:
///
/// ```ignore
/// static NOTES: LazyLock<Table<Note>> = LazyLock::new(|| {
///     Table::new("notes", "catalog.note", NOTE_ID)
///         .key("id", Kind::Uuid, |note| note.id.into())
///         .fixed("created_at", Kind::Time, |note| note.created_at.into())
///         .column("title", Kind::Text, |note| note.title.as_str().into())
///         .version(|note| note.version)
///         .unique(NOTE_TITLE, &["title"])
///         .offers(&[Verb::Find, Verb::Insert, Verb::Save])
/// });
/// ```
pub(crate) struct Table<E: 'static> {
    shape: Shape,
    /// For each column, the function that takes its value from the entity.
    sources: Vec<Source<E>>,
    /// The columns whose values a save binds, in the order of its parameters.
    saved: Vec<usize>,
}

enum Source<E: 'static> {
    Value(fn(&E) -> Value),
    Version(fn(&E) -> Version),
}

impl<E> Source<E> {
    fn of(&self, entity: &E) -> Value {
        match self {
            Self::Value(value) => value(entity),
            Self::Version(version) => version(entity).into(),
        }
    }
}

impl<E> std::ops::Deref for Table<E> {
    type Target = Shape;
    fn deref(&self) -> &Shape {
        &self.shape
    }
}

/// The declaration.
impl<E> Table<E> {
    /// A table without columns. `prefix` (`context.entity`) starts the names of its statements, and `key` names its
    /// primary key.
    pub(crate) fn new(name: &'static str, prefix: &'static str, key: Constraint) -> Self {
        let (columns, unique, references, offered) = (vec![], vec![], vec![], vec![]);
        let shape = Shape { name, prefix, columns, key, unique, references, insert_verb: "insert", offered };
        Self { shape, sources: vec![], saved: vec![] }
    }

    fn with(mut self, name: &'static str, kind: Kind, role: Role, source: Source<E>) -> Self {
        self.shape.columns.push(Column { name, kind, nullable: false, role });
        self.sources.push(source);
        self
    }

    /// A column of the primary key.
    pub(crate) fn key(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Key, Source::Value(value))
    }

    /// A column that is written with the row and never again.
    pub(crate) fn fixed(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Fixed, Source::Value(value))
    }

    /// A column that every save writes.
    pub(crate) fn column(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Saved, Source::Value(value))
    }

    /// Lets the column that was declared last be NULL.
    pub(crate) fn nullable(mut self) -> Self {
        self.shape.columns.last_mut().expect("a column comes before").nullable = true;
        self
    }

    /// The column `version`, which each save checks and increments.
    pub(crate) fn version(self, version: fn(&E) -> Version) -> Self {
        self.with("version", Kind::Int, Role::Version, Source::Version(version))
    }

    /// A uniqueness rule in addition to the primary key.
    pub(crate) fn unique(mut self, constraint: Constraint, columns: &[&'static str]) -> Self {
        self.shape.unique.push(Rule { constraint, columns: columns.to_vec() });
        self
    }

    /// A foreign key: the column holds the `id` of a row of `table`.
    pub(crate) fn references(mut self, constraint: Constraint, column: &'static str, table: &'static str) -> Self {
        self.shape.references.push(Reference { constraint, column, table });
        self
    }

    /// Declares that rows are only added. The statement that stores them is then called `append`.
    pub(crate) fn grows(mut self) -> Self {
        self.shape.insert_verb = "append";
        self
    }

    /// Ends the declaration and generates the statements for these verbs. Other verbs fail when they are used.
    pub(crate) fn offers(mut self, verbs: &[Verb]) -> Self {
        self.saved = self.shape.saved().collect();
        for verb in verbs {
            self.shape.offer(*verb);
        }
        self
    }
}

/// The operations. They run in a unit of work. Queries use the statements ([`Shape::statement`]) directly.
impl<E> Table<E> {
    /// The values of a row, in the order of the columns.
    pub(crate) fn row_of(&self, entity: &E) -> Vec<Value> {
        self.sources.iter().map(|source| source.of(entity)).collect()
    }

    pub(crate) fn saved_of(&self, entity: &E) -> Vec<Value> {
        self.saved.iter().map(|at| self.sources[*at].of(entity)).collect()
    }

    fn version_of(&self, entity: &E) -> Version {
        let version = self.sources.iter().find_map(|source| match source {
            Source::Version(version) => Some(version(entity)),
            Source::Value(_) => None,
        });
        version.unwrap_or(Version::FIRST)
    }

    /// Stores a new row. Every write fails with `Referenced` if the row refers to one that does not exist.
    pub(crate) async fn insert(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<(), StoreError> {
        unit.change(self.statement(Verb::Insert)?, self.row_of(entity)).await?;
        Ok(())
    }

    /// Stores new rows, in one statement.
    pub(crate) async fn insert_many(&'static self, unit: &mut SqlUnit, entities: &[E]) -> Result<(), StoreError> {
        let rows = entities.iter().map(|entity| self.row_of(entity)).collect();
        unit.change_many(self.statement(Verb::InsertMany)?, rows).await?;
        Ok(())
    }

    /// Stores a changed row and returns its new version. `Stale` if the stored version is not the one that was read.
    pub(crate) async fn save(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<Version, StoreError> {
        let saved = unit.change(self.statement(Verb::Save)?, self.saved_of(entity)).await?;
        unit.all_or_stale(saved, 1)?;
        Ok(self.version_of(entity).next())
    }

    /// Stores changed rows in one statement. If one of them is stale, the unit fails with `Stale`.
    pub(crate) async fn save_many(&'static self, unit: &mut SqlUnit, entities: &[E]) -> Result<(), StoreError> {
        let rows = entities.iter().map(|entity| self.saved_of(entity)).collect();
        let saved = unit.change_many(self.statement(Verb::SaveMany)?, rows).await?;
        unit.all_or_stale(saved, entities.len())
    }

    /// Deletes a row. `Referenced` if another row refers to it, `Stale` if the stored version is not the one that was
    /// read.
    pub(crate) async fn delete(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<(), StoreError> {
        let key = self.sources[self.saved[0]].of(entity);
        let args = vec![key, self.version_of(entity).into()];
        let deleted = unit.change(self.statement(Verb::Delete)?, args).await?;
        unit.all_or_stale(deleted, 1)
    }
}

/// A table whose rows do not come from one entity. Their values are passed with the statement.
impl Table<()> {
    /// A column of the primary key.
    pub(crate) fn given_key(self, name: &'static str, kind: Kind) -> Self {
        self.key(name, kind, |()| Value::Null)
    }

    /// A column that is written with the row and never again.
    pub(crate) fn given(self, name: &'static str, kind: Kind) -> Self {
        self.fixed(name, kind, |()| Value::Null)
    }

    /// Stores new rows in one statement. Each row has a value for every column, in the order of the columns.
    pub(crate) async fn insert_rows(
        &'static self,
        unit: &mut SqlUnit,
        rows: Vec<Vec<Value>>,
    ) -> Result<(), StoreError> {
        unit.change_many(self.statement(Verb::InsertMany)?, rows).await?;
        Ok(())
    }
}

impl<E: Stored> Table<E> {
    /// Finds the row with this key.
    pub(crate) async fn find(
        &'static self,
        unit: &mut SqlUnit,
        key: impl Into<Value> + Send,
    ) -> Result<Option<E>, StoreError> {
        unit.row(self.statement(Verb::Find)?, vec![key.into()], E::read).await
    }

    /// Reads the rows with these keys, in no order.
    pub(crate) async fn find_many(&'static self, unit: &mut SqlUnit, keys: Vec<Uuid>) -> Result<Vec<E>, StoreError> {
        unit.rows(self.statement(Verb::FindMany)?, vec![keys.into()], E::read).await
    }

    /// Finds the row with this key outside of any unit of work.
    pub(crate) async fn look_up(
        &'static self,
        store: &SqlStore,
        key: impl Into<Value> + Send,
    ) -> Result<Option<E>, StoreError> {
        store.row(self.statement(Verb::Find)?, vec![key.into()], E::read).await
    }
}
