//! SQLite reads the orders of a customer along their two indexes. It uses a partial index only if the statement has its
//! condition, so a change of either text would make it read all orders.

use super::sqlite;
use rusqlite::{Connection, types::Null};
use skep_sql::{Engine, Statement, statements};

/// The lines of a plan that read the table of orders.
fn reads_orders(connection: &Connection, statement: &Statement) -> Vec<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text(Engine::Sqlite))).unwrap();
    let values = vec![Null; statement.params.len()];
    let lines = explain.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>("detail")).unwrap();
    lines.map(Result::unwrap).filter(|line| line.contains(" orders")).collect()
}

#[tokio::test]
async fn sqlite_reads_the_orders_of_a_customer_along_its_indexes() {
    let (_folder, connection) = sqlite().await;
    let (unpaid, other) =
        ("INDEX orders_of_customer_unpaid_idx (customer_id=?", "INDEX orders_of_customer_other_idx (customer_id=?");
    let expected = |name: &str| -> Option<Vec<String>> {
        let lines = |kind: &str, indexes: &[&str]| {
            Some(indexes.iter().map(|index| format!("SEARCH orders USING {kind}{index}")).collect())
        };
        match name.strip_prefix("ordering.order.")? {
            "count_open_lines" => lines("COVERING ", &[unpaid]),
            "count_owned" => lines("COVERING ", &[unpaid, other]),
            list if list.starts_with("list_owned") => lines("", &[unpaid, other]),
            _ => None,
        }
    };
    let mut checked = 0;
    for statement in statements() {
        let Some(expected) = expected(statement.name) else { continue };
        let found = reads_orders(&connection, statement);
        let is_right = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected.as_str()));
        assert!(is_right, "{}: {found:#?}, expected {expected:#?}", statement.name);
        checked += 1;
    }
    assert_eq!(checked, 6, "four lists and two counts");
}
