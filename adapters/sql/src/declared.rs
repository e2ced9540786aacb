//! The tables and statements that the contexts declare.

use super::{
    Statement, Value, catalog, identity, kernel, operations, ordering,
    shape::{Shape, Verb},
    table::Table,
};
use skep_application::kernel::Constraint;
use std::sync::LazyLock;

/// Tables and statements. Each file of a context returns its own.
#[derive(Default)]
pub(crate) struct Declared {
    tables: Vec<&'static Shape>,
    statements: Vec<&'static Statement>,
}

impl Declared {
    /// A table, with the statements that it offers.
    pub(crate) fn table<E>(table: &'static Table<E>) -> Self {
        let shape: &'static Shape = table;
        Self { tables: vec![shape], statements: shape.offered.iter().map(|(_, statement)| statement).collect() }
    }

    /// Adds statements with a handwritten text.
    pub(crate) fn statements(mut self, statements: impl IntoIterator<Item = &'static Statement>) -> Self {
        self.statements.extend(statements);
        self
    }

    /// Joins both declarations.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tables.extend(other.tables);
        self.statements(other.statements)
    }
}

static ALL: LazyLock<Declared> = LazyLock::new(|| {
    kernel::declared()
        .and(identity::declared())
        .and(catalog::declared())
        .and(ordering::declared())
        .and(operations::declared())
});

/// Every table that the repositories write. Tests compare them with the catalogs of both engines.
#[must_use]
pub fn tables() -> &'static [&'static Shape] {
    &ALL.tables
}

/// Every statement that the repositories and queries run. Tests prepare each of them on both engines.
#[must_use]
pub fn statements() -> &'static [&'static Statement] {
    &ALL.statements
}

/// Finds the uniqueness rule whose index or key has this name.
#[must_use]
pub fn unique_rule(name: &str) -> Option<Constraint> {
    let rules = tables().iter().flat_map(|table| table.rules());
    rules.map(|rule| rule.constraint).find(|constraint| constraint.name() == name)
}

/// Finds the foreign key with this constraint name.
#[must_use]
pub fn foreign_key(name: &str) -> Option<Constraint> {
    let references = tables().iter().flat_map(|table| &table.references);
    references.map(|reference| reference.constraint).find(|constraint| constraint.name() == name)
}

/// Finds the uniqueness rule that SQLite names in its message `UNIQUE constraint failed: table.column, …`, or
/// `… failed: index 'name'` for an index on an expression.
#[must_use]
pub fn unique_rule_by_message(message: &str) -> Option<Constraint> {
    if let Some(index) = message.split('\'').nth(1) {
        return unique_rule(index);
    }
    let listed = message.rsplit_once(": ").map_or(message, |(_, listed)| listed).trim();
    let columns: Vec<_> = listed.split(", ").map(|column| column.split_once('.')).collect::<Option<_>>()?;
    let table = tables().iter().find(|table| columns.iter().all(|(of, _)| *of == table.name))?;
    let mut rules = table.rules();
    let rule = rules.find(|rule| rule.columns.iter().eq(columns.iter().map(|(_, column)| column)))?;
    Some(rule.constraint)
}

/// Finds the foreign key that a statement broke, for an engine that only reports that one is broken (SQLite). Call it
/// in the same transaction, right after the statement failed: with one writer, nothing has changed since.
///
/// Knows only the statements that are generated from a table's declaration. `exists` returns whether a text with one
/// parameter finds a row.
pub fn broken_foreign_key(
    statement: &'static Statement,
    args: &[Value],
    exists: &mut dyn FnMut(&str, &Value) -> bool,
) -> Option<Constraint> {
    let made_for = |table: &&'static Shape| -> Option<Verb> {
        let mut offered = table.offered.iter();
        offered.find(|(_, offered)| std::ptr::eq(offered, statement)).map(|(verb, _)| *verb)
    };
    let (table, verb) = tables().iter().find_map(|table| Some((table, made_for(table)?)))?;
    table.broken_reference(verb, args, tables(), exists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_uniqueness_rule_is_found_by_its_columns() {
        for table in tables() {
            for rule in table.rules() {
                let listed: Vec<_> = rule.columns.iter().map(|column| format!("{}.{column}", table.name)).collect();
                let message = format!("UNIQUE constraint failed: {}", listed.join(", "));
                assert_eq!(unique_rule_by_message(&message), Some(rule.constraint), "{message}");
                let message = format!("UNIQUE constraint failed: index '{}'", rule.constraint.name());
                assert_eq!(unique_rule_by_message(&message), Some(rule.constraint), "{message}");
            }
        }
        for unknown in ["users.nothing", "nothing.id", "users", "", "users.id, orders.id", "index 'nothing_key'"] {
            assert_eq!(unique_rule_by_message(&format!("UNIQUE constraint failed: {unknown}")), None, "{unknown}");
        }
    }

    #[test]
    fn every_constraint_that_use_cases_know_belongs_to_a_table() {
        for constraint in skep_application::constraints() {
            assert_eq!(unique_rule(constraint.name()), Some(constraint), "{}", constraint.name());
        }
        assert_eq!(unique_rule("users_email_ke"), None);
        assert_eq!(foreign_key("sessions_user_id_fkey").map(Constraint::name), Some("sessions_user_id_fkey"));
        assert_eq!(foreign_key("users_email_key"), None);
    }

    #[test]
    fn rules_and_tables_have_unique_names() {
        let rules = tables().iter().flat_map(|table| table.rules().map(|rule| rule.constraint));
        let references =
            tables().iter().flat_map(|table| table.references.iter().map(|reference| reference.constraint));
        let names: Vec<_> = rules.chain(references).map(|constraint| constraint.name()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        let names: BTreeSet<_> = tables().iter().map(|table| table.name).collect();
        assert_eq!(names.len(), tables().len());
    }

    #[test]
    fn rules_and_references_name_columns_that_exist() {
        for table in tables() {
            let has = |wanted: &&str| table.columns.iter().any(|column| column.name == *wanted);
            assert!(
                table.rules().all(|rule| !rule.columns.is_empty() && rule.columns.iter().all(has)),
                "{}",
                table.name
            );
            for reference in &table.references {
                let target = tables().iter().find(|target| target.name == reference.table);
                assert!(has(&reference.column) && target.is_some(), "{} {reference:?}", table.name);
            }
        }
    }
}
