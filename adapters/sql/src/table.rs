//! A table, declared once: the columns of an entity's row, and how rows are found, written and read.

use super::{
    Kind, SqlStore, SqlUnit, Value,
    sealed::SealedColumn,
    shape::{Column, Reference, Role, Rule, Shape, Verb},
    stored::Stored,
};
use skep_application::kernel::{Constraint, StoreError};
use skep_domain::shared::Version;
use uuid::Uuid;

/// A table whose rows are written from an `E`. It is declared as a static, column by column, and its statements follow
/// from that. A program may have tables of its own beside ours:
///
/// ```
/// use async_trait::async_trait;
/// use skep_application::kernel::{Constraint, StoreError};
/// use skep_domain::shared::{OrderId, Version};
/// use skep_sql::{Declared, Kind, Row, RowId, SqlUnit, Statement, Stored, Table, Verb, args};
/// use std::sync::LazyLock;
///
/// /// The words on the card of an order.
/// struct Card {
///     id: OrderId,
///     text: String,
///     version: Version,
/// }
///
/// const CARD_ID: Constraint = Constraint::new("cards_pkey");
/// const CARD_ORDER: Constraint = Constraint::new("cards_id_fkey");
///
/// static CARDS: LazyLock<Table<Card>> = LazyLock::new(|| {
///     Table::<Card>::new("cards", "shop.card", CARD_ID)
///         .key("id", Kind::Uuid, |card| card.id.into())
///         .column("text", Kind::Text, |card| card.text.as_str().into())
///         .version(|card| card.version)
///         .references(CARD_ORDER, "id", "orders")
///         .offers(&[Verb::Find, Verb::Insert, Verb::Save])
/// });
/// static BLANK: LazyLock<Statement> =
///     LazyLock::new(|| CARDS.command("blank", "UPDATE cards SET text = '' WHERE id = $1", &[Kind::Uuid], &[]));
///
/// /// For `SqlStore::with_tables`.
/// fn declared() -> Declared {
///     Declared::table(&CARDS).statements([&*BLANK])
/// }
///
/// impl Stored for Card {
///     fn read(row: &mut Row) -> Result<Self, StoreError> {
///         let id = OrderId::new(row.uuid()?);
///         Ok(Self { id, text: row.text()?, version: RowId("cards", id).version(row.int()?)? })
///     }
/// }
///
/// #[async_trait]
/// trait CardRepository: Send {
///     async fn find(&mut self, id: OrderId) -> Result<Option<Card>, StoreError>;
///     /// `Duplicate` of [`CARD_ID`], `Referenced` of [`CARD_ORDER`].
///     async fn insert(&mut self, card: &Card) -> Result<(), StoreError>;
///     async fn save(&mut self, card: &Card) -> Result<Version, StoreError>;
///     async fn blank(&mut self, id: OrderId) -> Result<bool, StoreError>;
/// }
///
/// #[async_trait]
/// impl CardRepository for SqlUnit {
///     async fn find(&mut self, id: OrderId) -> Result<Option<Card>, StoreError> {
///         CARDS.find(self, id).await
///     }
///     async fn insert(&mut self, card: &Card) -> Result<(), StoreError> {
///         CARDS.insert(self, card).await
///     }
///     async fn save(&mut self, card: &Card) -> Result<Version, StoreError> {
///         CARDS.save(self, card).await
///     }
///     async fn blank(&mut self, id: OrderId) -> Result<bool, StoreError> {
///         Ok(self.change(&BLANK, args![id]).await? > 0)
///     }
/// }
/// assert_eq!(declared().all().count(), 4);
/// ```
///
/// The table itself is made by a migration ([`SqlSet`](crate::SqlSet)), and is the same on both engines: the names of
/// its keys and indexes are those of the constraints, and its text is `COLLATE "C"` on PostgreSQL.
pub struct Table<E: 'static> {
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

/// Methods that declare the table.
impl<E> Table<E> {
    /// A table without columns. `prefix` (`context.entity`) starts the names of its statements, and `key` names its
    /// primary key. A host takes a context that is not one of ours.
    #[must_use]
    pub fn new(name: &'static str, prefix: &'static str, key: Constraint) -> Self {
        let (columns, unique, references, offered, sealed) = (vec![], vec![], vec![], vec![], vec![]);
        let shape = Shape { name, prefix, columns, key, unique, references, insert_verb: "insert", offered, sealed };
        Self { shape, sources: vec![], saved: vec![] }
    }

    fn with(mut self, name: &'static str, kind: Kind, role: Role, source: Source<E>) -> Self {
        self.shape.columns.push(Column { name, kind, nullable: false, role });
        self.sources.push(source);
        self
    }

    /// A column of the primary key. Find, save and delete need a key of one column.
    #[must_use]
    pub fn key(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Key, Source::Value(value))
    }

    /// A column that is written with the row and never again.
    #[must_use]
    pub fn fixed(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Fixed, Source::Value(value))
    }

    /// A column that every save writes.
    #[must_use]
    pub fn column(self, name: &'static str, kind: Kind, value: fn(&E) -> Value) -> Self {
        self.with(name, kind, Role::Saved, Source::Value(value))
    }

    /// Declares that the column that was declared last has sealed values only, so `skep keys rotate --fields` seals them
    /// again. It holds text, the key of the table is one column of UUIDs or texts, and an index begins with the column.
    ///
    /// # Panics
    /// If that is not so.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        let column = self.shape.columns.last().expect("sealed follows a column").name;
        self.shape.sealed.push(SealedColumn::new(&self.shape, column));
        self
    }

    /// Lets the column that was declared last be NULL.
    ///
    /// # Panics
    /// If no column was declared.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.shape.columns.last_mut().expect("nullable follows a column").nullable = true;
        self
    }

    /// The column `version`, which each save checks and increments. Save and delete need it.
    #[must_use]
    pub fn version(self, version: fn(&E) -> Version) -> Self {
        self.with("version", Kind::Int, Role::Version, Source::Version(version))
    }

    /// A uniqueness rule in addition to the primary key. `constraint` is the name of its index, which has these columns
    /// in this order.
    #[must_use]
    pub fn unique(mut self, constraint: Constraint, columns: &[&'static str]) -> Self {
        self.shape.unique.push(Rule { constraint, columns: columns.to_vec() });
        self
    }

    /// A foreign key: the column holds the `id` of a row of `table`, which may be one of ours. It is checked at once,
    /// not at the commit.
    #[must_use]
    pub fn references(mut self, constraint: Constraint, column: &'static str, table: &'static str) -> Self {
        self.shape.references.push(Reference { constraint, column, table });
        self
    }

    /// Declares that rows are only added. The statement that stores them is then called `append`.
    #[must_use]
    pub fn grows(mut self) -> Self {
        self.shape.insert_verb = "append";
        self
    }

    /// Ends the declaration and generates the statements for these verbs. Other verbs fail with `Corrupt` when they are
    /// used.
    ///
    /// # Panics
    /// If the table lacks what a verb needs: a key of one column, or a version.
    #[must_use]
    pub fn offers(mut self, verbs: &[Verb]) -> Self {
        self.saved = self.shape.saved().collect();
        for verb in verbs {
            self.shape.offer(*verb);
        }
        self
    }
}

/// Methods that run statements in a unit of work. The first error ends the unit.
impl<E> Table<E> {
    /// The values of a row, in the order of the columns: the arguments of a handwritten text that writes a whole row.
    #[must_use]
    pub fn row_of(&self, entity: &E) -> Vec<Value> {
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

    /// Stores a new row.
    ///
    /// # Errors
    /// `Duplicate` if a uniqueness rule or the key is violated, `Referenced` if the row refers to one that does not exist.
    /// Those of a driver.
    pub async fn insert(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<(), StoreError> {
        unit.change(self.statement(Verb::Insert)?, self.row_of(entity)).await?;
        Ok(())
    }

    /// Stores new rows, in one statement. Without rows, nothing runs.
    ///
    /// # Errors
    /// As [`Table::insert`]; then none of the rows is stored.
    pub async fn insert_many(&'static self, unit: &mut SqlUnit, entities: &[E]) -> Result<(), StoreError> {
        let rows = entities.iter().map(|entity| self.row_of(entity)).collect();
        unit.change_many(self.statement(Verb::InsertMany)?, rows).await?;
        Ok(())
    }

    /// Stores a changed row and returns its new version.
    ///
    /// # Errors
    /// `Stale` if the stored version is not the one that was read. As [`Table::insert`].
    pub async fn save(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<Version, StoreError> {
        let saved = unit.change(self.statement(Verb::Save)?, self.saved_of(entity)).await?;
        unit.all_or_stale(saved, 1)?;
        Ok(self.version_of(entity).next())
    }

    /// Stores changed rows in one statement. Without rows, nothing runs.
    ///
    /// # Errors
    /// `Stale` if one of them is. As [`Table::insert`].
    pub async fn save_many(&'static self, unit: &mut SqlUnit, entities: &[E]) -> Result<(), StoreError> {
        let rows = entities.iter().map(|entity| self.saved_of(entity)).collect();
        let saved = unit.change_many(self.statement(Verb::SaveMany)?, rows).await?;
        unit.all_or_stale(saved, entities.len())
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// `Referenced` if another row refers to it, `Stale` if the stored version is not the one that was read. Those of a
    /// driver.
    pub async fn delete(&'static self, unit: &mut SqlUnit, entity: &E) -> Result<(), StoreError> {
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
    ///
    /// # Errors
    /// Those of a driver. `Corrupt` if the row cannot be read.
    pub async fn find(
        &'static self,
        unit: &mut SqlUnit,
        key: impl Into<Value> + Send,
    ) -> Result<Option<E>, StoreError> {
        unit.row(self.statement(Verb::Find)?, vec![key.into()], E::read).await
    }

    /// Reads the rows with these keys, in no order.
    ///
    /// # Errors
    /// As [`Table::find`].
    pub async fn find_many(&'static self, unit: &mut SqlUnit, keys: Vec<Uuid>) -> Result<Vec<E>, StoreError> {
        unit.rows(self.statement(Verb::FindMany)?, vec![keys.into()], E::read).await
    }

    /// Finds the row with this key outside of any unit of work.
    ///
    /// # Errors
    /// As [`Table::find`].
    pub async fn look_up(
        &'static self,
        store: &SqlStore,
        key: impl Into<Value> + Send,
    ) -> Result<Option<E>, StoreError> {
        store.row(self.statement(Verb::Find)?, vec![key.into()], E::read).await
    }

    /// Reads the rows with these keys outside of any unit of work, in no order.
    ///
    /// # Errors
    /// As [`Table::find`].
    pub async fn look_up_many(&'static self, store: &SqlStore, keys: Vec<Uuid>) -> Result<Vec<E>, StoreError> {
        store.rows(self.statement(Verb::FindMany)?, vec![keys.into()], E::read).await
    }
}
