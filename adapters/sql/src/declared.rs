//! What is declared of tables and statements, by this crate and by a program that has tables of its own.

use super::{
    Effect, Statement, Value, catalog, events, files, identity, jobs, kernel, notifications, operations, ordering,
    sealed::SealedColumn,
    search,
    shape::{Reference, Shape},
    table::Table,
};
use skep_application::kernel::Constraint;
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// Tables and statements. Each file of a context returns its own, and so does a program with tables of its own
/// ([`SqlStore::with_tables`](crate::SqlStore::with_tables)).
///
/// A driver gets the declarations of its store with each transaction. From them it finds the rule that a failed
/// statement has violated.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    tables: Vec<&'static Shape>,
    statements: Vec<&'static Statement>,
}

/// The declarations do not fit together. The text names the table or the statement and the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tables of this program do not fit together: {0}")]
pub struct Misdeclared(String);

/// Building.
impl Declared {
    /// A table, with the statements that it offers.
    #[must_use]
    pub fn table<E>(table: &'static Table<E>) -> Self {
        let shape: &'static Shape = table;
        let offered = shape.offered.iter().map(|(_, statement)| statement);
        let sealed = shape.sealed.iter().flat_map(SealedColumn::statements);
        Self { tables: vec![shape], statements: offered.chain(sealed).collect() }
    }

    /// Adds statements with a handwritten text.
    #[must_use]
    pub fn statements(mut self, statements: impl IntoIterator<Item = &'static Statement>) -> Self {
        self.statements.extend(statements);
        self
    }

    /// Joins both declarations.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.tables.extend(other.tables);
        self.statements(other.statements)
    }

    /// Fails with the first name that occurs twice, or that stands for no table or column.
    pub(crate) fn check(&self) -> Result<(), Misdeclared> {
        let mut names = BTreeSet::new();
        let statements = self.statements.iter().map(|statement| ("the statement", statement.name));
        let tables = self.tables.iter().map(|table| ("the table", table.name));
        let rules = self.tables.iter().flat_map(|table| table.rules()).map(|rule| rule.constraint);
        let keys = self.references().map(|(_, reference)| reference.constraint);
        let rules = rules.chain(keys).map(|rule| ("the rule", rule.name()));
        if let Some((what, name)) = statements.chain(tables).chain(rules).find(|named| !names.insert(*named)) {
            return Err(Misdeclared(format!("{what} {name} is declared twice")));
        }
        for table in &self.tables {
            let ruled = table.rules().flat_map(|rule| if rule.columns.is_empty() { vec![""] } else { rule.columns });
            let mut named = ruled.chain(table.references.iter().map(|reference| reference.column));
            if let Some(missing) = named.find(|name| !table.has(name)) {
                return Err(Misdeclared(format!("a rule of {} is on \"{missing}\", which is no column", table.name)));
            }
        }
        if let Some(statement) = self.statements.iter().find(|statement| !self.knows(statement)) {
            let name = statement.name;
            return Err(Misdeclared(format!(
                "{name} writes or deletes in a table, column or parameter that is not declared"
            )));
        }
        let has_id = |name: &str| self.tables.iter().any(|table| table.name == name && table.has("id"));
        match self.references().find(|(_, reference)| !has_id(reference.table)) {
            Some((table, Reference { column, table: target, .. })) => {
                Err(Misdeclared(format!("{}.{column} refers to {target}.id, which is not declared", table.name)))
            }
            None => Ok(()),
        }
    }

    /// Every statement, those that tables offer too. A program's own test may prepare each of them.
    pub fn all(&self) -> impl Iterator<Item = &'static Statement> {
        self.statements.iter().copied()
    }

    /// The columns with sealed values.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = &'static SealedColumn> {
        self.tables.iter().flat_map(|table| &table.sealed)
    }

    /// The names of the tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.tables.iter().map(|table| table.name)
    }

    /// Whether the effect of a statement names a declared table, its columns and parameters of the statement.
    fn knows(&self, statement: &Statement) -> bool {
        let table = |name: &str| self.tables.iter().find(|table| table.name == name);
        let is_parameter = |number: usize| (1..=statement.params.len()).contains(&number);
        match statement.effect {
            Effect::None => true,
            Effect::Writes { table: name, columns } => table(name)
                .is_some_and(|table| columns.iter().all(|(number, name)| is_parameter(*number) && table.has(name))),
            Effect::Deletes { table: name, id } => table(name).is_some() && is_parameter(id),
        }
    }

    /// The foreign keys, each with the table that has it.
    fn references(&self) -> impl Iterator<Item = (&'static Shape, &'static Reference)> {
        self.tables.iter().flat_map(|table| table.references.iter().map(move |reference| (*table, reference)))
    }
}

/// Naming the rule that a failed statement has violated, for drivers.
impl Declared {
    /// Finds the uniqueness rule whose index or key has this name.
    #[must_use]
    pub fn unique_rule(&self, name: &str) -> Option<Constraint> {
        let rules = self.tables.iter().flat_map(|table| table.rules());
        rules.map(|rule| rule.constraint).find(|constraint| constraint.name() == name)
    }

    /// Finds the uniqueness rule that SQLite names in its message `UNIQUE constraint failed: table.column, …`, or
    /// `… failed: index 'name'` for an index on an expression.
    #[must_use]
    pub fn unique_rule_by_message(&self, message: &str) -> Option<Constraint> {
        if let Some(index) = message.split('\'').nth(1) {
            return self.unique_rule(index);
        }
        let listed = message.rsplit_once(": ").map_or(message, |(_, listed)| listed).trim();
        let columns: Vec<_> = listed.split(", ").map(|column| column.split_once('.')).collect::<Option<_>>()?;
        let table = self.tables.iter().find(|table| columns.iter().all(|(of, _)| *of == table.name))?;
        let mut rules = table.rules();
        let rule = rules.find(|rule| rule.columns.iter().eq(columns.iter().map(|(_, column)| column)))?;
        Some(rule.constraint)
    }

    /// Finds the foreign key with this name among those that the statement can break. Others do not count, although
    /// PostgreSQL names them: SQLite names none, and both engines answer alike.
    #[must_use]
    pub fn foreign_key(&self, statement: &Statement, name: &str) -> Option<Constraint> {
        let mut breakable = self.references().filter(|(table, reference)| match statement.effect {
            Effect::None => false,
            Effect::Writes { table: written, columns } => {
                table.name == written && columns.iter().any(|(_, column)| *column == reference.column)
            }
            Effect::Deletes { table: deleted, .. } => reference.table == deleted,
        });
        let (_, reference) = breakable.find(|(_, reference)| reference.constraint.name() == name)?;
        Some(reference.constraint)
    }

    /// Finds the foreign key that a statement broke, for an engine that only reports that one is broken (SQLite). Call
    /// it in the same transaction, right after the statement failed: with one writer, nothing has changed since.
    ///
    /// `args` are those of the failed row. `exists` returns whether a text with one parameter finds a row.
    pub fn broken_foreign_key(
        &self,
        statement: &Statement,
        args: &[Value],
        exists: &mut dyn FnMut(&str, &Value) -> bool,
    ) -> Option<Constraint> {
        let value = |parameter: usize| args.get(parameter.checked_sub(1)?);
        let mut references = self.references();
        let (_, broken) = match statement.effect {
            Effect::None => None,
            Effect::Writes { table: written, columns } => {
                let of = |name: &str| columns.iter().find(|(_, column)| *column == name).and_then(|(n, _)| value(*n));
                references.filter(|(table, _)| table.name == written).find(|(_, reference)| {
                    of(reference.column).is_some_and(|value| {
                        // A new row may refer to itself.
                        let itself = reference.table == written && of("id") == Some(value);
                        let text = format!("SELECT 1 FROM {} WHERE id = $1", reference.table);
                        *value != Value::Null && !itself && !exists(&text, value)
                    })
                })
            }
            Effect::Deletes { table: deleted, id } => {
                let id = value(id)?;
                references.find(|(table, reference)| {
                    // A row that refers to itself can be deleted.
                    let others = if table.name == deleted { " AND id <> $1" } else { "" };
                    let text = format!("SELECT 1 FROM {} WHERE {} = $1{others}", table.name, reference.column);
                    reference.table == deleted && exists(&text, id)
                })
            }
        }?;
        Some(broken.constraint)
    }
}

static OURS: LazyLock<Arc<Declared>> = LazyLock::new(|| {
    let contexts = kernel::declared().and(identity::declared()).and(catalog::declared()).and(ordering::declared());
    let later = notifications::declared().and(jobs::declared()).and(events::declared()).and(files::declared());
    Arc::new(contexts.and(later).and(search::declared()).and(operations::declared()))
});

/// The declarations of this crate, with which each store begins.
pub(crate) fn ours() -> Arc<Declared> {
    Arc::clone(&OURS)
}

/// Every table that the repositories write. Tests compare them with the catalogs of both engines.
#[must_use]
pub fn tables() -> &'static [&'static Shape] {
    &OURS.tables
}

/// Every statement that the repositories and queries run. Tests prepare each of them on both engines.
#[must_use]
pub fn statements() -> &'static [&'static Statement] {
    &OURS.statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uniqueness_rule_is_found_by_its_columns() {
        for table in tables() {
            for rule in table.rules() {
                let listed: Vec<_> = rule.columns.iter().map(|column| format!("{}.{column}", table.name)).collect();
                let message = format!("UNIQUE constraint failed: {}", listed.join(", "));
                assert_eq!(OURS.unique_rule_by_message(&message), Some(rule.constraint), "{message}");
                let message = format!("UNIQUE constraint failed: index '{}'", rule.constraint.name());
                assert_eq!(OURS.unique_rule_by_message(&message), Some(rule.constraint), "{message}");
            }
        }
        for unknown in ["users.nothing", "nothing.id", "users", "", "users.id, orders.id", "index 'nothing_key'"] {
            assert_eq!(OURS.unique_rule_by_message(&format!("UNIQUE constraint failed: {unknown}")), None, "{unknown}");
        }
    }

    #[test]
    fn every_constraint_that_use_cases_know_belongs_to_a_table() {
        for constraint in skep_application::constraints() {
            assert_eq!(OURS.unique_rule(constraint.name()), Some(constraint), "{}", constraint.name());
        }
        assert_eq!(OURS.unique_rule("users_email_ke"), None);
        assert_eq!(OURS.unique_rule("sessions_user_id_fkey"), None);
    }

    #[test]
    fn our_declarations_fit_together() {
        assert_eq!(OURS.check(), Ok(()));
    }
}
