//! The tables of pages that name tests.

use crate::SourceFile;
use std::collections::BTreeSet;

/// The cells of each row of a table whose first cell is a number that `is_number` takes.
pub(crate) fn numbered_rows(page: &str, is_number: impl Fn(&str) -> bool) -> Vec<Vec<&str>> {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.trim_end_matches('|').split('|').map(str::trim).collect();
        cells.first().is_some_and(|number| is_number(number)).then_some(cells)
    });
    rows.collect()
}

/// The parts of a cell that are code and can be the names of functions.
pub(crate) fn named_functions(cell: &str) -> Vec<String> {
    let is_function = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    // Every second part of a cell is code.
    cell.split('`').skip(1).step_by(2).filter(is_function).map(str::to_owned).collect()
}

/// The names of all functions of the files.
pub(crate) fn functions(files: &[SourceFile]) -> BTreeSet<&str> {
    let declared = files.iter().flat_map(|file| file.text.split("fn ").skip(1)).filter_map(|rest| {
        let name = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?];
        rest[name.len()..].starts_with(['(', '<']).then_some(name)
    });
    declared.collect()
}
