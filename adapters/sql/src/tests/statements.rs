//! The texts of the statements.

use crate::{
    Engine, Kind, Sql, Statement,
    statement::{A_BATCH, A_LIST, A_LOCK},
    statements, tables,
};
use std::collections::BTreeSet;

/// The parameter numbers in a text, with repetitions.
fn parameters(text: &str) -> Vec<usize> {
    let numbers = text.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn names_are_unique_and_consist_of_context_entity_and_verb() {
    let names: BTreeSet<_> = statements().iter().map(|statement| statement.name).collect();
    assert_eq!(names.len(), statements().len());
    for name in names {
        let (prefix, verb) = name.rsplit_once('.').unwrap();
        assert!(!verb.is_empty() && tables().iter().any(|table| table.prefix == prefix), "{name}");
        assert_eq!(prefix.split('.').count(), 2, "{name}");
    }
}

/// SQLite binds NULL for a missing argument, and PostgreSQL accepts surplus arguments.
#[test]
fn exactly_the_declared_parameters_are_used_on_both_engines() {
    for statement in statements() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let used: BTreeSet<_> = parameters(statement.text(engine)).into_iter().collect();
            let declared: BTreeSet<_> = (1..=statement.params.len()).collect();
            assert_eq!(used, declared, "{} {engine:?}", statement.name);
        }
    }
}

#[test]
fn a_batch_has_plain_parameters_no_columns_and_an_array_of_each_on_postgres() {
    for statement in statements().iter().filter(|statement| statement.batch) {
        assert!(statement.columns.is_empty() && !statement.params.contains(&Kind::Uuids), "{}", statement.name);
        let text = statement.text(Engine::Postgres);
        assert!(text.contains("unnest($1"), "{}", statement.name);
        assert_eq!(text.matches("[]").count(), statement.params.len(), "{}", statement.name);
    }
}

/// The text for PostgreSQL with the lists of SQLite: as a condition, or as the first table of a join.
fn with_sqlite_lists(postgres: &str) -> String {
    let mut words: Vec<String> = postgres.split(' ').map(str::to_owned).collect();
    for at in 0..words.len().saturating_sub(1) {
        let Some(list) = words[at + 1].strip_prefix("ANY(").map(|list| format!("rarray({list}")) else { continue };
        words[at] = "IN".to_owned();
        words[at + 1].clone_from(&list);
        if at >= 4 && words[at - 4] == "FROM" && words[at - 2] == "WHERE" {
            let (table, column) = (words[at - 3].clone(), words[at - 1].clone());
            let join = ["AS given CROSS JOIN", &table, "ON", &column, "= given.value"].join(" ");
            words.splice(at - 3..=at + 1, [list, join]);
            return with_sqlite_lists(&words.join(" "));
        }
    }
    words.join(" ")
}

/// The fault in the difference between the two texts, if there is one.
fn undue_difference(statement: &Statement) -> Option<&'static str> {
    let Sql::Per { sqlite, postgres, why } = &statement.sql else {
        return statement.batch.then_some("a batch has one text");
    };
    let without_lists = with_sqlite_lists(postgres);
    match *why {
        _ if sqlite == postgres => Some("no difference"),
        A_BATCH => (!statement.batch).then_some("no batch"),
        _ if statement.batch => Some("a batch with another reason"),
        A_LIST => (without_lists != **sqlite).then_some("more than a list differs"),
        A_LOCK => {
            let without_locks = without_lists.replace(" FOR UPDATE SKIP LOCKED", "").replace(" FOR UPDATE", "");
            (without_locks != **sqlite).then_some("more than a lock differs")
        }
        own => (own.split(' ').count() < 5).then_some("no reason is given"),
    }
}

#[test]
fn the_engines_differ_only_in_lists_batches_and_locks_or_say_why() {
    for statement in statements() {
        assert_eq!(undue_difference(statement), None, "{statement:?}");
    }
    let per = |why, texts| Statement::per("test.row.find", why, texts, &[], &[]);
    for (why, texts) in [
        ("", ("SELECT 1", "SELECT 2")),
        (A_LIST, ("SELECT 1 WHERE 1 IN rarray($1)", "SELECT 2 WHERE 1 = ANY($1)")),
        (A_LOCK, ("SELECT 1", "SELECT 2 FOR UPDATE")),
        (A_BATCH, ("SELECT 1", "SELECT 2")),
        ("it has to be, for a reason", ("SELECT 1", "SELECT 1")),
    ] {
        assert!(undue_difference(&per(why, texts)).is_some(), "{why} {texts:?}");
    }
    assert_eq!(undue_difference(&per("it has to be, for a reason", ("SELECT 1", "SELECT 2"))), None);
    assert_eq!(undue_difference(&per(A_LOCK, ("SELECT 1", "SELECT 1 FOR UPDATE"))), None);
}

#[test]
fn arguments_are_checked_by_number_and_kind() {
    static STATEMENT: Statement = Statement::both("test.row.find", "SELECT $1, $2", &[Kind::Int, Kind::Text], &[]);
    assert!(STATEMENT.check(&[1_i64.into(), "a".into()]).is_ok());
    assert!(STATEMENT.check(&[1_i64.into(), crate::Value::Null]).is_ok());
    assert!(STATEMENT.check(&[1_i64.into()]).is_err());
    assert!(STATEMENT.check(&[1_i64.into(), "a".into(), "b".into()]).is_err());
    assert!(STATEMENT.check(&["a".into(), 1_i64.into()]).is_err());
}
