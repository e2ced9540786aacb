//! The texts of the statements.

use crate::{Engine, Kind, Sql, Statement, statements};
use std::collections::BTreeSet;

/// The numbers of the parameters in a text, each as often as it stands there.
fn parameters(text: &str) -> Vec<usize> {
    let numbers = text.split('$').skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn names_are_unique_and_tell_context_entity_and_verb() {
    let names: BTreeSet<_> = statements().iter().map(|statement| statement.name).collect();
    assert_eq!(names.len(), statements().len());
    for name in names {
        let parts: Vec<_> = name.split('.').collect();
        assert_eq!(parts.len(), 3, "{name}");
        assert!(["kernel", "identity", "catalog", "ordering", "operations"].contains(&parts[0]), "{name}");
    }
}

/// Which matters on SQLite, where a missing argument is NULL, and on PostgreSQL, where one too many is none.
#[test]
fn every_declared_parameter_is_used_on_both_engines_and_no_other() {
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
    for statement in statements().into_iter().filter(|statement| statement.batch) {
        assert!(statement.columns.is_empty() && !statement.params.contains(&Kind::Uuids), "{}", statement.name);
        let text = statement.text(Engine::Postgres);
        assert!(text.contains("unnest($1"), "{}", statement.name);
        assert_eq!(text.matches("[]").count(), statement.params.len(), "{}", statement.name);
    }
}

/// All but lists of ids, batches, and three that lock rows where there are several writers.
#[test]
fn the_engines_differ_in_few_statements() {
    let differs = |statement: &&'static Statement| matches!(statement.sql, Sql::Per { .. });
    let per: Vec<_> = statements().into_iter().filter(differs).collect();
    let lists = per.iter().filter(|statement| statement.params.contains(&Kind::Uuids)).count();
    let batches = per.iter().filter(|statement| statement.batch).count();
    let others: Vec<_> = per
        .iter()
        .filter(|statement| !statement.batch && !statement.params.contains(&Kind::Uuids))
        .map(|statement| statement.name)
        .collect();
    assert_eq!((lists, batches), (5, 6));
    assert_eq!(others, ["kernel.idempotency_key.sweep", "identity.session.sweep", "identity.setup_token.lock"]);
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
