//! The rules with a number: `docs/invariants.md` has a row for each number that a comment cites, and no other rows.

use crate::{
    SourceFile,
    named::{functions, named_functions, numbered_rows},
};
use std::collections::{BTreeMap, BTreeSet};

/// A row of `docs/invariants.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    /// A letter for the subject and a count, for example `I1`.
    pub number: String,
    /// The functions in the last column that test it.
    pub tests: Vec<String>,
}

/// The rows of the page that start with a number.
#[must_use]
pub fn invariants(page: &str) -> Vec<Invariant> {
    let rows = numbered_rows(page, is_number).into_iter().map(|cells| {
        let tests = cells.last().map(|cell| named_functions(cell)).unwrap_or_default();
        Invariant { number: cells[0].to_owned(), tests }
    });
    rows.collect()
}

/// Rows with a column of stores that does not say where their tests run: a test of the contract suite or of the journeys
/// runs on each store, and any other one needs none.
#[must_use]
pub fn store_violations(files: &[SourceFile], page: &str) -> Vec<String> {
    const ON_EACH: &str = "SQLite, PostgreSQL, MongoDB";
    let runs_on_stores = |path: &str| path.starts_with("tests/contract/src/") || path.starts_with("tests/journeys/");
    let on_stores: Vec<_> = files.iter().filter(|file| runs_on_stores(&file.path)).cloned().collect();
    let on_stores = functions(&on_stores);
    let mut violations = vec![];
    for cells in numbered_rows(page, is_number) {
        let &[number, _, _, stores, tests] = cells.as_slice() else { continue };
        let runs = named_functions(tests).iter().any(|test| on_stores.contains(test.as_str()));
        if runs != stores.starts_with(ON_EACH) {
            violations.push(format!(
                "{number} says {stores:?}, but its tests {}",
                if runs { "run there" } else { "need none" }
            ));
        }
    }
    violations
}

/// The numbers that comments cite, each with the first file that cites it.
#[must_use]
pub fn cited_invariants(files: &[SourceFile]) -> BTreeMap<String, String> {
    let mut cited = BTreeMap::new();
    for file in files {
        let comments = file.text.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment);
        let words = comments.flat_map(|comment| comment.split(|c: char| !c.is_alphanumeric()));
        for number in words.filter(|word| is_number(word)) {
            cited.entry(number.to_owned()).or_insert_with(|| file.path.clone());
        }
    }
    cited
}

fn is_number(word: &str) -> bool {
    let count = word.strip_prefix(['C', 'E', 'I', 'J', 'M', 'O']);
    // `E11000` is an error of MongoDB.
    count.is_some_and(|count| (1..=2).contains(&count.len()) && count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Cited numbers without a row, rows that are repeated or not cited, and rows whose tests do not exist.
#[must_use]
pub fn invariant_violations(files: &[SourceFile], page: &str) -> Vec<String> {
    let (rows, cited, known) = (invariants(page), cited_invariants(files), functions(files));
    let mut violations = vec![];
    let mut stated = BTreeSet::new();
    for Invariant { number, tests } in &rows {
        if !stated.insert(number) {
            violations.push(format!("{number} has two rows"));
        }
        if !cited.contains_key(number) {
            violations.push(format!("no comment cites {number}"));
        }
        if tests.is_empty() {
            violations.push(format!("{number} names no test"));
        }
        let is_missing = |test: &&String| !known.contains(test.as_str());
        violations.extend(tests.iter().filter(is_missing).map(|test| format!("{number} names {test}, not a function")));
    }
    let unstated = cited.iter().filter(|(number, _)| !stated.contains(number));
    violations.extend(unstated.map(|(number, path)| format!("{path} cites {number}, which has no row")));
    violations
}
