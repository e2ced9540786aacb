//! The contexts of a crate, and the uses between them.

use super::SourceFile;
use std::{collections::BTreeSet, fs, path::Path};

/// Folders that are not contexts. All contexts share them.
const SHARED: [&str; 3] = ["kernel", "shared", "testing"];

/// The contexts: the folders of the domain and of the application, except the shared ones.
///
/// # Panics
/// If a folder cannot be read.
#[must_use]
pub fn contexts(workspace: &Path) -> Vec<String> {
    let folders = ["domain/src", "application/src"].map(|folder| workspace.join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("the crate has sources"));
    let folders = entries.map(|entry| entry.expect("an entry can be read").path()).filter(|path| path.is_dir());
    let names = folders.filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    names.filter(|name| !SHARED.contains(&name.as_str())).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The use of one context by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The context that uses the other.
    pub from: String,
    /// The context that is used.
    pub to: String,
}

/// The edges between the top modules of a crate, found by the paths in its sources (`crate::catalog`, also inside a
/// group). Tests count as well, because a test that uses another context is just as brittle.
#[must_use]
pub fn context_edges(files: &[SourceFile], contexts: &[String]) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for file in files {
        let is_of = |context: &&String| {
            file.path.strip_prefix(context.as_str()).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
        };
        let Some(from) = contexts.iter().find(is_of) else { continue };
        let used = contexts.iter().filter(|to| *to != from && uses(&file.text, to));
        edges.extend(used.map(|to| Edge { from: from.clone(), to: to.clone() }));
    }
    edges
}

/// The edges that contexts declare. A declaration is a line in the `mod.rs` of a context that starts with
/// ``//! Uses `catalog` `` and gives the reason.
#[must_use]
pub fn declared_edges(files: &[SourceFile], contexts: &[String]) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for from in contexts {
        let Some(file) = files.iter().find(|file| file.path == format!("{from}/mod.rs")) else { continue };
        let names = file.text.lines().filter_map(|line| line.strip_prefix("//! Uses `")?.split('`').next());
        edges.extend(names.map(|to| Edge { from: from.clone(), to: to.to_owned() }));
    }
    edges
}

/// Uses without a declaration, and declarations without a use.
#[must_use]
pub fn border_violations(files: &[SourceFile], contexts: &[String]) -> Vec<String> {
    let (used, declared) = (context_edges(files, contexts), declared_edges(files, contexts));
    let crossed = used.difference(&declared);
    let crossed = crossed.map(|edge| format!("{} uses {}, and its mod.rs does not say so", edge.from, edge.to));
    let idle = declared.difference(&used);
    let idle = idle.map(|edge| format!("the mod.rs of {} says that it uses {}, which it does not", edge.from, edge.to));
    crossed.chain(idle).collect()
}

fn uses(text: &str, context: &str) -> bool {
    let path = format!("crate::{context}");
    let named = text.match_indices(&path).any(|(at, _)| !continues(&text[at + path.len()..]));
    named || groups(text).any(|group| group.iter().any(|item| item == context))
}

/// Whether the name goes on after the match, so that it is another name.
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
