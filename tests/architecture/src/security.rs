//! The requirements of `docs/security/coverage.md`, each with a state.

use crate::{
    SourceFile,
    named::{functions, named_functions, numbered_rows},
};
use std::collections::BTreeMap;

/// A row of `docs/security/coverage.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// A letter for the area and a count, for example `A1`. A number that was put between two others ends with a letter.
    pub number: String,
    /// The functions in the last column that test it.
    pub tests: Vec<String>,
    /// Whether a part is not built or not tested yet.
    pub is_later: bool,
    /// Whether the whole or the rest does not apply.
    pub is_void: bool,
    /// Whether every cell has a text, and each word of the state is followed by a reason.
    pub is_whole: bool,
}

const LATER: &str = "later:";
const VOID: &str = "does not apply:";

/// The rows of the page that start with a number.
#[must_use]
pub fn requirements(page: &str) -> Vec<Requirement> {
    numbered_rows(page, is_number).into_iter().map(requirement).collect()
}

fn requirement(cells: Vec<&str>) -> Requirement {
    let state = cells.last().copied().unwrap_or_default();
    let (tests, is_later, is_void) = (named_functions(state), state.contains(LATER), state.contains(VOID));
    let has_reasons = [LATER, VOID].iter().all(|word| {
        let reason = state.split_once(word).map(|(_, reason)| reason.trim());
        reason.is_none_or(|reason| !reason.is_empty())
    });
    // What looks like the name of a test is one.
    let has_other_code = state.matches('`').count() != 2 * tests.len();
    let is_whole = cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()) && has_reasons && !has_other_code;
    Requirement { number: cells[0].to_owned(), tests, is_later, is_void, is_whole }
}

fn is_number(word: &str) -> bool {
    let count = word.strip_prefix(|area: char| area.is_ascii_uppercase());
    count.is_some_and(|count| count.starts_with(|first: char| first.is_ascii_digit()) && count.len() <= 3)
}

/// The sums of the states, as the page has them.
#[must_use]
pub fn coverage_summary(rows: &[Requirement]) -> String {
    let count = |is_counted: fn(&Requirement) -> bool| rows.iter().filter(|row| is_counted(row)).count();
    let whole = count(|row| !row.tests.is_empty() && !row.is_later);
    let part = count(|row| !row.tests.is_empty() && row.is_later);
    let later = count(|row| row.tests.is_empty() && row.is_later);
    let void = count(|row| row.tests.is_empty() && !row.is_later && row.is_void);
    let all = rows.len();
    let proved = format!("Of {all} requirements, {whole} are proved, {part} are proved in part");
    format!("{proved}, {later} are later, and {void} do not apply.")
}

/// Numbers that are missing, repeated or not expected, rows without a state, tests that do not exist, and wrong sums.
#[must_use]
pub fn coverage_violations(files: &[SourceFile], page: &str, expected: &[String]) -> Vec<String> {
    let (rows, known) = (requirements(page), functions(files));
    let mut violations = vec![];
    let mut counts: BTreeMap<&str, u32> = expected.iter().map(|number| (number.as_str(), 0)).collect();
    for Requirement { number, tests, is_later, is_void, is_whole } in &rows {
        match counts.get_mut(number.as_str()) {
            Some(count) => *count += 1,
            None => violations.push(format!("{number} is not on the list")),
        }
        if !is_whole {
            violations.push(format!("{number} lacks a text, or has code that is not the name of a test"));
        }
        if tests.is_empty() && !is_later && !is_void {
            violations.push(format!("{number} has no state"));
        }
        let missing = tests.iter().filter(|test| !known.contains(test.as_str()));
        violations.extend(missing.map(|test| format!("{number} names {test}, not a function")));
    }
    let wrong = counts.into_iter().filter(|(_, count)| *count != 1);
    violations.extend(wrong.map(|(number, count)| format!("{number} has {count} rows")));
    let summary = coverage_summary(&rows);
    if !page.contains(&summary) {
        violations.push(format!("the page does not say: {summary}"));
    }
    violations
}
