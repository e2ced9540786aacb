//! What a table is in the database, and the statements that follow from it.

use super::{
    Kind, Sql, Statement, Value,
    statement::{A_BATCH, A_LIST, A_LOCK},
};
use skep_application::kernel::{Constraint, StoreError};
use std::borrow::Cow;

/// A table as it was declared: the same on both engines, and compared with the catalogs of both by a test.
#[derive(Debug)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// `context.entity`, which the names of its statements begin with.
    pub prefix: &'static str,
    /// Its columns, in the order in which rows are written and read.
    pub columns: Vec<Column>,
    /// The name of the primary key, whose columns are those with [`Role::Key`].
    pub key: Constraint,
    /// The other uniqueness rules.
    pub unique: Vec<Rule>,
    /// The foreign keys.
    pub references: Vec<Reference>,
    /// What its statement is called that stores new rows.
    pub(crate) insert_verb: &'static str,
    /// The statements that were made for it.
    pub(crate) offered: Vec<(Verb, Statement)>,
}

/// What a table is asked for, by a statement that follows from its declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// One row, by its key.
    Find,
    /// The rows with these keys, in no order.
    FindMany,
    /// A new row.
    Insert,
    /// New rows, in one statement.
    InsertMany,
    /// A row that was changed, if nobody else has saved it since it was read.
    Save,
    /// Rows that were changed, in one statement.
    SaveMany,
    /// A row to delete, if nobody else has saved it since it was read.
    Delete,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// When it is written.
    pub role: Role,
}

/// When a column is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// With the row; part of the primary key.
    Key,
    /// With the row, and never again.
    Fixed,
    /// With the row, and again whenever it is saved.
    Saved,
    /// With the row; each save requires the version that was read and adds one to it.
    Version,
}

/// A uniqueness rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub constraint: Constraint,
    /// The columns, in the order of the index.
    pub columns: Vec<&'static str>,
}

/// A foreign key: the column holds the `id` of a row of another table, or of the same.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Its name.
    pub constraint: Constraint,
    /// The column that refers.
    pub column: &'static str,
    /// The table that is referred to, by its column `id`.
    pub table: &'static str,
}

impl Shape {
    /// The names of the columns, as they stand behind `SELECT`.
    pub(crate) fn columns(&self) -> String {
        self.qualified("")
    }

    /// The same, each behind `qualifier`: an alias with its dot, or nothing.
    fn qualified(&self, qualifier: &str) -> String {
        list(self.columns.iter().map(|column| format!("{qualifier}{}", column.name)))
    }

    /// The kinds of the columns.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|column| column.kind).collect()
    }

    /// The kind of a column.
    pub(crate) fn kind(&self, column: &str) -> Kind {
        let found = self.columns.iter().find(|candidate| candidate.name == column);
        found.unwrap_or_else(|| panic!("{} has no column {column}", self.name)).kind
    }

    /// The uniqueness rules, the primary key first.
    pub fn rules(&self) -> impl Iterator<Item = Rule> {
        let key = Rule { constraint: self.key, columns: self.keys().map(|column| column.name).collect() };
        std::iter::once(key).chain(self.unique.iter().cloned())
    }

    fn keys(&self) -> impl Iterator<Item = &Column> {
        self.of(Role::Key)
    }

    fn of(&self, role: Role) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |column| column.role == role)
    }

    /// The one column of the primary key.
    fn only_key(&self) -> &Column {
        let keys: Vec<_> = self.keys().collect();
        let [key] = keys[..] else { panic!("{} has a key of {} columns", self.name, keys.len()) };
        key
    }

    fn version(&self) -> &Column {
        self.of(Role::Version).next().unwrap_or_else(|| panic!("{} has no version", self.name))
    }

    /// Reads rows: the columns of the table and whatever else the text selects, of the kinds `more`.
    ///
    /// The text is written once for both engines. In it
    /// - `{*}` stands for the columns, `{alias.*}` for those of an alias;
    /// - `{in $1}` follows a column and means: one of the ids in this parameter;
    /// - `{for update}` locks the rows where there are several writers.
    pub(crate) fn query(&self, verb: &str, text: &str, params: &[Kind], more: &[Kind]) -> Statement {
        Statement {
            name: self.statement_name(verb),
            sql: self.sql(text),
            params: params.to_vec().leak(),
            columns: [&self.kinds(), more].concat().leak(),
            batch: false,
        }
    }

    /// Changes rows, or reads what is no row of the table: `columns` are the kinds of the answer. The text is as in
    /// [`Shape::query`].
    pub(crate) fn command(&self, verb: &str, text: &str, params: &[Kind], columns: &'static [Kind]) -> Statement {
        let (name, sql) = (self.statement_name(verb), self.sql(text));
        Statement { name, sql, params: params.to_vec().leak(), columns, batch: false }
    }

    /// Names live as long as the program: a statement is made once.
    fn statement_name(&self, verb: &str) -> &'static str {
        format!("{}.{verb}", self.prefix).leak()
    }

    /// Makes the statement for a verb.
    pub(crate) fn offer(&mut self, verb: Verb) {
        let made = match verb {
            Verb::Find => self.find(),
            Verb::FindMany => self.find_many(),
            Verb::Insert => self.insert(),
            Verb::InsertMany => self.insert_many(),
            Verb::Save => self.save(),
            Verb::SaveMany => self.save_many(),
            Verb::Delete => self.delete(),
        };
        self.offered.push((verb, made));
    }

    /// The statement for a verb.
    ///
    /// # Errors
    /// `Corrupt` if the declaration does not offer it: it is a fault of ours.
    pub(crate) fn statement(&'static self, verb: Verb) -> Result<&'static Statement, StoreError> {
        let found = self.offered.iter().find(|(offered, _)| *offered == verb);
        let missing = || StoreError::Corrupt(format!("the table {} does not offer {verb:?}", self.name).into());
        found.map(|(_, statement)| statement).ok_or_else(missing)
    }

    fn find(&self) -> Statement {
        let key = self.only_key();
        let text = format!("SELECT {{*}} FROM {} WHERE {} = $1", self.name, key.name);
        self.query("find", &text, &[key.kind], &[])
    }

    fn find_many(&self) -> Statement {
        let text = format!("SELECT {{*}} FROM {} WHERE {} {{in $1}}", self.name, self.only_key().name);
        self.query("find_many", &text, &[Kind::Uuids], &[])
    }

    fn insert(&self) -> Statement {
        let values = list((1..=self.columns.len()).map(|number| format!("${number}")));
        let text = format!("INSERT INTO {} ({{*}}) VALUES ({values})", self.name);
        self.command(self.insert_verb, &text, &self.kinds(), &[])
    }

    /// SQLite runs the text for every row, PostgreSQL once with an array for each column.
    fn insert_many(&self) -> Statement {
        let one = self.insert();
        let arrays = arrays(&self.kinds());
        let many = format!("INSERT INTO {} ({}) SELECT * FROM unnest({arrays})", self.name, self.columns());
        batch(one, many)
    }

    fn save(&self) -> Statement {
        let (key, version) = (self.only_key(), self.version());
        let sets: Vec<_> =
            (2..).zip(self.of(Role::Saved)).map(|(n, column)| format!("{} = ${n}", column.name)).collect();
        let last = sets.len() + 2;
        let text = format!(
            "UPDATE {} SET {}, {version} = {version} + 1 WHERE {} = $1 AND {version} = ${last}",
            self.name,
            sets.join(", "),
            key.name,
            version = version.name,
        );
        self.command("save", &text, &self.saved_kinds(), &[])
    }

    fn save_many(&self) -> Statement {
        let (key, version) = (self.only_key().name, self.version().name);
        let sets = list(self.of(Role::Saved).map(|column| format!("{0} = saved.{0}", column.name)));
        let names = list(self.saved().map(|at| self.columns[at].name.to_owned()));
        let many = format!(
            "UPDATE {} AS stored SET {sets}, {version} = stored.{version} + 1 FROM unnest({}) AS saved ({names}) \
             WHERE stored.{key} = saved.{key} AND stored.{version} = saved.{version}",
            self.name,
            arrays(&self.saved_kinds()),
        );
        batch(self.save(), many)
    }

    fn delete(&self) -> Statement {
        let (key, version) = (self.only_key(), self.version());
        let text = format!("DELETE FROM {} WHERE {} = $1 AND {} = $2", self.name, key.name, version.name);
        self.command("delete", &text, &[key.kind, version.kind], &[])
    }

    /// Where the columns stand whose values a save names: the key, what is saved, the version that was read.
    pub(crate) fn saved(&self) -> impl Iterator<Item = usize> {
        let in_role = |role| move |(at, column): (usize, &Column)| (column.role == role).then_some(at);
        [Role::Key, Role::Saved, Role::Version]
            .into_iter()
            .flat_map(move |role| self.columns.iter().enumerate().filter_map(in_role(role)))
    }

    fn saved_kinds(&self) -> Vec<Kind> {
        self.saved().map(|at| self.columns[at].kind).collect()
    }

    /// The text of each engine.
    fn sql(&self, text: &str) -> Sql {
        let (mut sqlite, mut postgres, mut why) = (String::new(), String::new(), None);
        let mut rest = text;
        while let Some((before, (token, after))) =
            rest.split_once('{').and_then(|(before, more)| Some((before, more.split_once('}')?)))
        {
            sqlite.push_str(before);
            postgres.push_str(before);
            if let Some(qualifier) = token.strip_suffix('*') {
                let columns = self.qualified(qualifier);
                sqlite.push_str(&columns);
                postgres.push_str(&columns);
            } else if let Some(parameter) = token.strip_prefix("in ") {
                sqlite.push_str(&format!("IN rarray({parameter})"));
                postgres.push_str(&format!("= ANY({parameter})"));
                why = why.or(Some(A_LIST));
            } else {
                assert_eq!(token, "for update", "{text}");
                sqlite.truncate(sqlite.trim_end().len());
                postgres.push_str("FOR UPDATE");
                why = Some(A_LOCK);
            }
            rest = after;
        }
        sqlite.push_str(rest);
        postgres.push_str(rest);
        match why {
            None => Sql::Both(Cow::Owned(sqlite)),
            Some(why) => Sql::Per { sqlite: Cow::Owned(sqlite), postgres: Cow::Owned(postgres), why },
        }
    }

    /// Which reference is broken by a statement that was made for this table, given its arguments: for an engine that
    /// says only that one is. `referring` are all tables; `exists` tells whether a text with one parameter finds a row.
    pub(crate) fn broken_reference(
        &self,
        verb: Verb,
        args: &[Value],
        referring: &[&'static Self],
        exists: &mut dyn FnMut(&str, &Value) -> bool,
    ) -> Option<Constraint> {
        if verb == Verb::Delete {
            let all =
                referring.iter().flat_map(|shape| shape.references.iter().map(|reference| (shape.name, reference)));
            let mut ours = all.filter(|(_, reference)| reference.table == self.name);
            let found = ours.find(|(table, reference)| {
                // A row that refers to itself does not keep itself from being deleted.
                let others = if *table == self.name { " AND id <> $1" } else { "" };
                exists(&format!("SELECT 1 FROM {table} WHERE {} = $1{others}", reference.column), &args[0])
            });
            return found.map(|(_, reference)| reference.constraint);
        }
        let saves = matches!(verb, Verb::Save | Verb::SaveMany);
        let written: Vec<_> = if saves { self.saved().collect() } else { (0..self.columns.len()).collect() };
        let found = self.references.iter().find(|reference| {
            let at = written.iter().position(|at| self.columns[*at].name == reference.column);
            at.and_then(|at| args.get(at)).is_some_and(|value| {
                // Nor does a new row that refers to itself refer to nothing.
                let itself = reference.table == self.name && Some(value) == args.first();
                *value != Value::Null
                    && !itself
                    && !exists(&format!("SELECT 1 FROM {} WHERE id = $1", reference.table), value)
            })
        });
        found.map(|reference| reference.constraint)
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn arrays(kinds: &[Kind]) -> String {
    list((1..).zip(kinds).map(|(number, kind)| format!("${number}::{}[]", kind.postgres())))
}

fn batch(one: Statement, many: String) -> Statement {
    let sqlite = one.text(super::Engine::Sqlite).to_owned();
    let sql = Sql::Per { sqlite: Cow::Owned(sqlite), postgres: Cow::Owned(many), why: A_BATCH };
    Statement { sql, batch: true, ..one }
}
