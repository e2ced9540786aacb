//! SQLite reads postings along their two indexes, so a search costs what its words cost, however many documents there
//! are.

use super::sqlite;
use rusqlite::types::Null;
use skep_sql::{Engine, statements};

#[tokio::test]
async fn sqlite_reads_postings_along_their_indexes() {
    let (_folder, connection) = sqlite().await;
    let by_term = "SEARCH search_postings USING PRIMARY KEY (space=? AND term>? AND term<?)";
    let by_document = "INDEX search_postings_document_idx (document_id=?";
    let by_words = "INDEX search_postings_document_idx (document_id=? AND term>? AND term<?)";
    let expected = [
        ("search.posting.list", by_term),
        ("search.posting.count", by_term),
        ("search.posting.list_of", by_words),
        ("search.posting.delete_of", by_document),
    ];
    for (name, way) in expected {
        let statement = statements().iter().find(|statement| statement.name == name).unwrap();
        let text = format!("EXPLAIN QUERY PLAN {}", statement.text(Engine::Sqlite));
        let mut explain = connection.prepare(&text).unwrap();
        let values = vec![Null; statement.params.len()];
        let lines =
            explain.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>("detail")).unwrap();
        let lines: Vec<_> = lines.map(Result::unwrap).collect();
        assert!(lines.iter().any(|line| line.contains(way)), "{name}: {lines:#?}");
        // Only what was found of given documents is sorted.
        let sorts = name == "search.posting.list_of" && lines.iter().any(|line| line.contains("TEMP B-TREE"));
        let wrong = |line: &String| line.contains("SCAN search") || line.contains("TEMP B-TREE") && !sorts;
        assert!(!lines.iter().any(wrong), "{name}: {lines:#?}");
    }
}
