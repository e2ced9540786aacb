//! `docs/security/coverage.md`: each requirement has one row, and the tests that it names exist.

use skep_architecture::*;
use std::fs;

/// The areas, each with the number of its requirements.
const AREAS: [(char, u32); 15] = [
    ('A', 14),
    ('B', 12),
    ('C', 15),
    ('D', 16),
    ('E', 13),
    ('F', 10),
    ('G', 8),
    ('H', 13),
    ('I', 6),
    ('J', 14),
    ('K', 18),
    ('L', 6),
    ('M', 9),
    ('N', 9),
    ('O', 12),
];
/// A requirement that was put between two others.
const BETWEEN: &str = "A13b";

#[test]
fn each_security_requirement_has_a_state_and_its_tests_exist() {
    let root = workspace();
    let page = fs::read_to_string(root.join("docs/security/coverage.md")).expect("the page can be read");
    let counted = AREAS.iter().flat_map(|(area, count)| (1..=*count).map(move |number| format!("{area}{number}")));
    let expected: Vec<String> = counted.chain([BETWEEN.to_owned()]).collect();
    assert_eq!(expected.len(), 176);
    let violations = coverage_violations(&rust_files(&root), &page, &expected);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn a_requirement_that_is_missing_or_wrong_is_caught() {
    let text = "fn proof() {}\nasync fn generic<T>() {}\nfn other_word\nlet proof_of_nothing = 1;".to_owned();
    let source = SourceFile { path: "a.rs".to_owned(), text };
    let expected = ["A1", "A2"].map(str::to_owned);
    let found = |first: &str, rest: &str| {
        let rows = format!("| A1 | {first} |\n{rest}\n");
        let page = format!("{}\n{rows}", coverage_summary(&requirements(&rows)));
        coverage_violations(std::slice::from_ref(&source), &page, &expected)
    };
    let second = "| A2 | b | 1.2 | later: all of it |";
    for state in ["`proof`, `generic` (large)", "`proof`; later: a part", "does not apply: it is not built"] {
        assert_eq!(found(&format!("a | 1.1 | {state}"), second), Vec::<String>::new(), "{state}");
    }
    let good = "a | 1.1 | `proof`";
    assert_eq!(found(good, ""), ["A2 has 0 rows"]);
    assert_eq!(found(good, &format!("{second}\n{second}")), ["A2 has 2 rows"]);
    assert_eq!(found(good, &format!("{second}\n| A3 | c | 1.1 | `proof` |")), ["A3 is not on the list"]);
    assert_eq!(found("a | 1.1 | soon", second), ["A1 has no state"]);
    let incomplete = "A1 lacks a text, or has code that is not the name of a test";
    for row in ["a | | `proof`", "a | `proof`", "a | 1.1 | later:", "a | 1.1 | `proof`; later: `Code`"] {
        assert_eq!(found(row, second), [incomplete], "{row}");
    }
    for name in ["gone", "other_word", "proof_of_nothing"] {
        let missing = format!("A1 names {name}, not a function");
        assert_eq!(found(&format!("a | 1.1 | `proof`, `{name}`"), second), [missing]);
    }

    let rows = format!("| A1 | {good} |\n{second}\n");
    let sums = "Of 2 requirements, 1 are proved, 0 are proved in part, 1 are later, and 0 do not apply.";
    let wrong = coverage_violations(&[source], &rows, &expected);
    assert_eq!(wrong, [format!("the page does not say: {sums}")]);
}
