//! Which context of a crate uses which other.

use super::SourceFile;
use std::collections::BTreeSet;

/// One context using another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The context that uses.
    pub from: String,
    /// The context that is used.
    pub to: String,
}

/// The edges between the top modules of a crate, found by the paths that its sources write (`crate::catalog`, also inside
/// a group). Code of tests counts: a test that reaches across a border is as brittle.
#[must_use]
pub fn context_edges(files: &[SourceFile], contexts: &[&str]) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for file in files {
        let Some(from) = contexts.iter().find(|context| file.path.starts_with(&format!("{context}/"))) else {
            continue;
        };
        let used = contexts.iter().filter(|to| *to != from && uses(&file.text, to));
        edges.extend(used.map(|to| Edge { from: (*from).to_owned(), to: (*to).to_owned() }));
    }
    edges
}

fn uses(text: &str, context: &str) -> bool {
    let path = format!("crate::{context}");
    let named = text.match_indices(&path).any(|(at, _)| !continues(&text[at + path.len()..]));
    named || groups(text).any(|group| group.iter().any(|item| item == context))
}

/// Whether the name goes on, so that it is another one.
fn continues(rest: &str) -> bool {
    rest.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The first segments of every `use crate::{…}` group.
fn groups(text: &str) -> impl Iterator<Item = Vec<String>> {
    let start = "crate::{";
    text.match_indices(start).map(move |(at, _)| {
        let (mut depth, mut segment, mut segments) = (0_usize, String::new(), vec![]);
        for c in text[at + start.len()..].chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => segments.push(std::mem::take(&mut segment)),
                c if depth == 0 => segment.push(c),
                _ => {}
            }
        }
        segments.push(segment);
        segments.iter().map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()).collect()
    })
}
