//! A table as the database sees it, and the statements that are generated from it.

use super::{
    Effect, Kind, Sql, Statement,
    sealed::SealedColumn,
    statement::{A_BATCH, A_LIST, A_LOCK},
};
use skep_application::kernel::{Constraint, StoreError};
use std::borrow::Cow;

/// A declared table. It is the same on both engines, and a test compares it with the catalogs of both.
#[derive(Debug)]
pub struct Shape {
    /// The table's name in the database.
    pub name: &'static str,
    /// `context.entity`, the first part of the names of its statements.
    pub prefix: &'static str,
    /// The columns, in the order in which rows are written and read.
    pub columns: Vec<Column>,
    /// The name of the primary key, whose columns are those with [`Role::Key`].
    pub key: Constraint,
    /// The other uniqueness rules.
    pub unique: Vec<Rule>,
    /// The foreign keys.
    pub references: Vec<Reference>,
    /// The last part of the name of the statement that stores new rows.
    pub(crate) insert_verb: &'static str,
    /// The generated statements.
    pub(crate) offered: Vec<(Verb, Statement)>,
    /// The columns with sealed values.
    pub(crate) sealed: Vec<SealedColumn>,
}

/// A statement that can be generated from a table's declaration ([`Table::offers`](crate::Table::offers)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads one row by its key.
    Find,
    /// Reads the rows with these keys, in no order.
    FindMany,
    /// Stores a new row.
    Insert,
    /// Stores new rows, in one statement.
    InsertMany,
    /// Stores a changed row, if its version is still the one that was read.
    Save,
    /// Stores changed rows, in one statement.
    SaveMany,
    /// Deletes a row, if its version is still the one that was read.
    Delete,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The column's name in the database.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// Whether the column may be NULL.
    pub nullable: bool,
    /// When the column is written.
    pub role: Role,
}

/// When a column is written, and whether it belongs to the primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Written with the row, and part of the primary key.
    Key,
    /// Written with the row, and never again.
    Fixed,
    /// Written with the row and by each save.
    Saved,
    /// Written with the row. Each save requires the version that was read, and adds one to it.
    Version,
}

/// A uniqueness rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The rule, named after its index or key.
    pub constraint: Constraint,
    /// The columns, in the order of the index.
    pub columns: Vec<&'static str>,
}

/// A foreign key: the column holds the `id` of a row in another table or in the same one.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The foreign key's name in the database.
    pub constraint: Constraint,
    /// The column that holds the id.
    pub column: &'static str,
    /// The table whose column `id` is referred to.
    pub table: &'static str,
}

impl Shape {
    /// The names of the columns, separated by commas, for a `SELECT`.
    pub(crate) fn columns(&self) -> String {
        self.qualified("")
    }

    /// The names of the columns, each after `qualifier`: an alias with its dot, or nothing.
    fn qualified(&self, qualifier: &str) -> String {
        list(self.columns.iter().map(|column| format!("{qualifier}{}", column.name)))
    }

    /// The kinds of the columns, in their order: those of the parameters of a handwritten text that writes a whole row.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.columns.iter().map(|column| column.kind).collect()
    }

    /// The same table with its columns up to this one and no others, for statements that read no more of a row.
    ///
    /// # Panics
    /// If there is no column with this name.
    #[must_use]
    pub(crate) fn up_to(&self, column: &str) -> Self {
        let last = self.columns.iter().position(|candidate| candidate.name == column);
        let last = last.unwrap_or_else(|| panic!("{} has no column {column}", self.name));
        let (name, prefix, key, insert_verb) = (self.name, self.prefix, self.key, self.insert_verb);
        let columns = self.columns[..=last].to_vec();
        let (unique, references, offered, sealed) = (vec![], vec![], vec![], vec![]);
        Self { name, prefix, columns, key, unique, references, insert_verb, offered, sealed }
    }

    /// Whether there is a column with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// The kind of the column with this name.
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

    /// The column of a primary key that has only one.
    fn only_key(&self) -> &Column {
        let keys: Vec<_> = self.keys().collect();
        let [key] = keys[..] else { panic!("{} has a key of {} columns", self.name, keys.len()) };
        key
    }

    fn version(&self) -> &Column {
        self.of(Role::Version).next().unwrap_or_else(|| panic!("{} has no version", self.name))
    }

    /// Makes a statement that reads rows: the columns of the table, then the other columns of the text, of the kinds
    /// `more`.
    ///
    /// The text is written once for both engines. It may contain
    /// - `{*}` for the columns, and `{alias.*}` for the columns of an alias;
    /// - `{values}` for a parameter for each column, in their order;
    /// - `{in $1}` after a column, for "is one of the ids in this parameter";
    /// - `{table by column in $1}` after FROM, for the rows of a table whose column is one of the ids, which are looked
    ///   up one by one. `AND` may follow;
    /// - `{for update}`, which locks the rows on an engine with several writers, and `{for update skip locked}`, which
    ///   leaves out the rows that another unit has locked.
    ///
    /// It is made once, in a static, because its name and kinds live as long as the program. Its name is the table's
    /// prefix and `verb`.
    ///
    /// # Panics
    /// If the text has anything else in braces.
    #[must_use]
    pub fn query(&self, verb: &str, text: &str, params: &[Kind], more: &[Kind]) -> Statement {
        Statement {
            name: self.statement_name(verb),
            sql: self.sql(text),
            params: params.to_vec().leak(),
            columns: [&self.kinds(), more].concat().leak(),
            batch: false,
            is_long: false,
            effect: Effect::None,
        }
    }

    /// Makes a statement that changes rows, or that does not return rows of the table. `columns` are the kinds of the
    /// result. The text is as in [`Shape::query`]. A text that can break a foreign key says so with
    /// [`Statement::writes`] or [`Statement::deletes`].
    ///
    /// # Panics
    /// As [`Shape::query`].
    #[must_use]
    pub fn command(&self, verb: &str, text: &str, params: &[Kind], columns: &'static [Kind]) -> Statement {
        let (name, sql) = (self.statement_name(verb), self.sql(text));
        let params = params.to_vec().leak();
        Statement { name, sql, params, columns, batch: false, is_long: false, effect: Effect::None }
    }

    /// Leaks the name: a statement is made once and lives as long as the program.
    fn statement_name(&self, verb: &str) -> &'static str {
        format!("{}.{verb}", self.prefix).leak()
    }

    /// Makes the statement for a verb.
    pub(crate) fn offer(&mut self, verb: Verb) {
        let mut made = match verb {
            Verb::Find => self.find(),
            Verb::FindMany => self.find_many(),
            Verb::Insert => self.insert(),
            Verb::InsertMany => self.insert_many(),
            Verb::Save => self.save(),
            Verb::SaveMany => self.save_many(),
            Verb::Delete => self.delete(),
        };
        // A table that stores one row and many rows has a name for each.
        if self.offered.iter().any(|(_, other)| other.name == made.name) {
            made.name = format!("{}_{}", made.name, if made.batch { "many" } else { "one" }).leak();
        }
        self.offered.push((verb, made));
    }

    /// The generated statement for a verb.
    ///
    /// # Errors
    /// `Corrupt` if the declaration does not offer the verb, which is a fault of our code.
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
        let text = format!("SELECT {{*}} FROM {{{} by {} in $1}}", self.name, self.only_key().name);
        self.query("find_many", &text, &[Kind::Uuids], &[])
    }

    fn insert(&self) -> Statement {
        let text = format!("INSERT INTO {} ({{*}}) VALUES ({{values}})", self.name);
        self.command(self.insert_verb, &text, &self.kinds(), &[])
            .writes(self.name, self.numbered(0..self.columns.len()))
    }

    /// SQLite runs the text for each row, PostgreSQL once with an array for each column.
    fn insert_many(&self) -> Statement {
        let one = self.insert();
        let arrays = arrays(&self.kinds());
        let many = format!("INSERT INTO {} ({}) SELECT * FROM unnest({arrays})", self.name, self.columns());
        batch(one, many)
    }

    fn save(&self) -> Statement {
        let (key, version) = (self.only_key(), self.version());
        let sets: Vec<_> =
            (2..).zip(self.of(Role::Saved)).map(|(n, column)| format!("{} = ${n}, ", column.name)).collect();
        let last = sets.len() + 2;
        let text = format!(
            "UPDATE {} SET {}{version} = {version} + 1 WHERE {} = $1 AND {version} = ${last}",
            self.name,
            sets.concat(),
            key.name,
            version = version.name,
        );
        self.command("save", &text, &self.saved_kinds(), &[]).writes(self.name, self.numbered(self.saved()))
    }

    fn save_many(&self) -> Statement {
        let (key, version) = (self.only_key().name, self.version().name);
        let sets: String = self.of(Role::Saved).map(|column| format!("{0} = saved.{0}, ", column.name)).collect();
        let names = list(self.saved().map(|at| self.columns[at].name.to_owned()));
        let many = format!(
            "UPDATE {} AS stored SET {sets}{version} = stored.{version} + 1 FROM unnest({}) AS saved ({names}) \
             WHERE stored.{key} = saved.{key} AND stored.{version} = saved.{version}",
            self.name,
            arrays(&self.saved_kinds()),
        );
        batch(self.save(), many)
    }

    fn delete(&self) -> Statement {
        let (key, version) = (self.only_key(), self.version());
        let text = format!("DELETE FROM {} WHERE {} = $1 AND {} = $2", self.name, key.name, version.name);
        let delete = self.command("delete", &text, &[key.kind, version.kind], &[]);
        // Foreign keys refer to a column `id`.
        if key.name == "id" { delete.deletes(self.name, 1) } else { delete }
    }

    /// The names of these columns with the numbers of the parameters that they are written from.
    fn numbered(&self, columns: impl Iterator<Item = usize>) -> &'static [(usize, &'static str)] {
        (1..).zip(columns).map(|(number, at)| (number, self.columns[at].name)).collect::<Vec<_>>().leak()
    }

    /// The positions of the columns that a save binds: the key, the saved columns, the version that was read.
    pub(crate) fn saved(&self) -> impl Iterator<Item = usize> {
        let in_role = |role| move |(at, column): (usize, &Column)| (column.role == role).then_some(at);
        [Role::Key, Role::Saved, Role::Version]
            .into_iter()
            .flat_map(move |role| self.columns.iter().enumerate().filter_map(in_role(role)))
    }

    fn saved_kinds(&self) -> Vec<Kind> {
        self.saved().map(|at| self.columns[at].kind).collect()
    }

    /// Makes the text of each engine.
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
            } else if token == "values" {
                let values = list((1..=self.columns.len()).map(|number| format!("${number}")));
                sqlite.push_str(&values);
                postgres.push_str(&values);
            } else if let Some((table, (column, parameter))) =
                token.split_once(" by ").and_then(|(table, more)| Some((table, more.split_once(" in ")?)))
            {
                // For IN, SQLite would copy the list into an index of its own for each execution.
                sqlite.push_str(&format!("rarray({parameter}) AS given CROSS JOIN {table} ON {column} = given.value"));
                postgres.push_str(&format!("{table} WHERE {column} = ANY({parameter})"));
                why = why.or(Some(A_LIST));
            } else if let Some(parameter) = token.strip_prefix("in ") {
                sqlite.push_str(&format!("IN rarray({parameter})"));
                postgres.push_str(&format!("= ANY({parameter})"));
                why = why.or(Some(A_LIST));
            } else {
                assert!(["for update", "for update skip locked"].contains(&token), "{text}");
                sqlite.truncate(sqlite.trim_end().len());
                postgres.push_str(&token.to_ascii_uppercase());
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
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

pub(crate) fn arrays(kinds: &[Kind]) -> String {
    list((1..).zip(kinds).map(|(number, kind)| format!("${number}::{}[]", kind.postgres())))
}

pub(crate) fn batch(one: Statement, many: String) -> Statement {
    let sqlite = one.text(super::Engine::Sqlite).to_owned();
    let sql = Sql::Per { sqlite: Cow::Owned(sqlite), postgres: Cow::Owned(many), why: A_BATCH };
    Statement { sql, batch: true, ..one }
}
