//! Both engines read postings along their two indexes, and the dictionary along its key. So a search costs what its
//! words cost, however many documents there are.

use super::{Postgres, job_plans::postgres_plan, sqlite};
use rusqlite::types::Null;
use skep_sql::{Engine, statements};
use sqlx::Executor as _;

#[tokio::test]
async fn sqlite_reads_postings_along_their_indexes() {
    let (_folder, connection) = sqlite().await;
    let by_term = "SEARCH search_postings USING PRIMARY KEY (space=? AND term>? AND term<?)";
    let by_document = "INDEX search_postings_document_idx (document_id=?";
    let by_words = "INDEX search_postings_document_idx (document_id=? AND term>? AND term<?)";
    let by_key = "SEARCH search_words USING PRIMARY KEY (key=?";
    let expected = [
        ("search.posting.list", by_term),
        ("search.posting.count", by_term),
        ("search.posting.list_of", by_words),
        ("search.posting.count_of", by_words),
        ("search.posting.delete_of", by_document),
        ("search.word.list", by_key),
        ("search.word.find_many", by_key),
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
        // Only what was found of given documents and keys is sorted.
        let sorts = ["search.posting.list_of", "search.posting.count_of", "search.word.list"].contains(&name);
        let sorts = sorts && lines.iter().any(|line| line.contains("TEMP B-TREE"));
        let wrong = |line: &String| line.contains("SCAN search") || line.contains("TEMP B-TREE") && !sorts;
        assert!(!lines.iter().any(wrong), "{name}: {lines:#?}");
    }
}

/// Common and rare words of many documents, as in a database that is in use, and a dictionary.
const POSTINGS: &str = "INSERT INTO search_postings (space, term, document_id, weight, positions) \
    SELECT 'product', term, md5(n::text)::uuid, 8, '\\x0000' FROM generate_series(1, 20000) AS n, \
    LATERAL (VALUES ('honey'), ('word ' || n % 100), ('number ' || n), (':currency:EUR')) AS words (term)";
const WORDS: &str = "INSERT INTO search_words (key, word) \
    SELECT md5((n % 7000)::text)::uuid, 'word ' || n FROM generate_series(1, 20000) AS n";

#[tokio::test]
async fn postgres_reads_postings_along_their_indexes() {
    let Some(mut postgres) = Postgres::start("search_plans").await else { return };
    let connection = &mut postgres.connection;
    for text in [POSTINGS, WORDS, "ANALYZE"] {
        connection.execute(text).await.unwrap();
    }
    let ids = "ARRAY[md5('1')::uuid, md5('2')::uuid, md5('3')::uuid]";
    let (common, rare) =
        (["'product'", "'honey'", "'honey'", "10001"], ["'product'", "'number 7'", "'number 7'", "10001"]);
    let of = |last: &'static str| vec![ids, "'product'", "'word 1'", last, "10001"];
    let (by_term, by_document, by_key) = ("search_postings_pkey", "search_postings_document_idx", "search_words_pkey");
    let expected = [
        ("search.posting.list", common.to_vec(), by_term),
        ("search.posting.list", rare.to_vec(), by_term),
        ("search.posting.count", common.to_vec(), by_term),
        ("search.posting.count", rare.to_vec(), by_term),
        ("search.posting.list_of", of("'word 1'"), by_document),
        ("search.posting.count_of", of("'word 9'"), by_document),
        ("search.posting.delete_of", vec![ids], by_document),
        ("search.word.list", vec![ids, "1000"], by_key),
        ("search.word.find_many", vec![ids], by_key),
    ];
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("SET plan_cache_mode = {mode}");
        connection.execute(sqlx::AssertSqlSafe(set)).await.unwrap();
        for (name, values, index) in &expected {
            let statement = statements().iter().find(|statement| statement.name == *name).unwrap();
            let plan = postgres_plan(connection, statement, values).await;
            assert!(plan.iter().any(|line| line.contains(index)), "{name} {mode}: {plan:#?}");
            // What was found of given documents and keys is sorted. The candidates of a word are not.
            let sorts = plan.iter().any(|line| line.contains("Sort"))
                && ["list", "count"].iter().any(|verb| *name == format!("search.posting.{verb}"));
            assert!(!sorts && !plan.iter().any(|line| line.contains("Seq Scan")), "{name} {mode}: {plan:#?}");
        }
    }
    postgres.remove().await;
}
