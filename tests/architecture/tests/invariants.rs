//! `docs/invariants.md` and the comments that cite it.

use skep_architecture::*;
use std::fs;

fn file(text: &str) -> SourceFile {
    SourceFile { path: "a.rs".to_owned(), text: text.to_owned() }
}

#[test]
fn each_cited_invariant_has_a_row_and_each_row_is_cited() {
    let root = workspace();
    let page = fs::read_to_string(root.join("docs/invariants.md")).expect("the page can be read");
    let rows = invariants(&page);
    assert!(rows.len() > 20, "{rows:?}");
    let violations = invariant_violations(&rust_files(&root), &page);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
    let violations = store_violations(&rust_files(&root), &page);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn a_row_with_wrong_stores_is_caught() {
    let files = [
        SourceFile { path: "tests/contract/src/a.rs".to_owned(), text: "fn on_each() {}".to_owned() },
        SourceFile { path: "domain/src/a.rs".to_owned(), text: "fn rule() {}".to_owned() },
    ];
    let found = |row: &str| store_violations(&files, row);
    assert_eq!(found("| I1 | a | `Code` | SQLite, PostgreSQL, MongoDB | `on_each`, `rule` |"), [""; 0]);
    assert_eq!(found("| I1 | a | `Code` | none needed | `rule` |"), [""; 0]);
    assert_eq!(found("| I1 | a | `Code` | none needed | `on_each` |").len(), 1);
    assert_eq!(found("| I1 | a | `Code` | SQLite, PostgreSQL, MongoDB | `rule` |").len(), 1);
}

#[test]
fn a_page_that_differs_from_the_comments_is_caught() {
    // The comments of this file count as well, so the unknown number is not in one.
    let unknown = "O99";
    let source = file(&format!("/// Stays so (I1, {unknown}).\nfn proof() {{}}\nlet code = M1;"));
    let page = "| number | rule | enforced by | proved by |\n| --- | --- | --- | --- |\n";
    let found = |rows: &str| invariant_violations(std::slice::from_ref(&source), &format!("{page}{rows}"));
    let good = "| I1 | a | `Code` | `proof` (`tests/journeys`) |\n";
    let other = "| O99 | b | `Code` | `proof` |\n";
    assert_eq!(found(&format!("{good}{other}")), Vec::<String>::new());
    assert_eq!(found(good), ["a.rs cites O99, which has no row"]);
    assert_eq!(found(&format!("{good}{other}{other}")), ["O99 has two rows"]);
    assert_eq!(found(&format!("{good}{other}| M1 | c | d | `proof` |\n")), ["no comment cites M1"]);
    assert_eq!(found(&format!("{good}| O99 | b | `proof` | |\n")), ["O99 names no test"]);
    assert_eq!(found(&format!("{good}| O99 | b | c | `gone` |\n")), ["O99 names gone, not a function"]);
}
