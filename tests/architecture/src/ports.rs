//! The ports, their numbered clauses, and the contract modules that try them.

use super::SourceFile;

/// The names of the traits that are ports: those that have a mock.
#[must_use]
pub fn port_traits(files: &[SourceFile]) -> Vec<String> {
    let mut ports = vec![];
    for file in files {
        let mut mocked = false;
        for line in file.text.lines().map(str::trim) {
            if line.contains("mockall::automock") {
                mocked = true;
            } else if let Some(name) = line.strip_prefix("pub trait ").filter(|_| mocked) {
                ports.push(name.chars().take_while(|c| c.is_alphanumeric()).collect());
                mocked = false;
            }
        }
    }
    ports.sort();
    ports
}

/// The ports that one of these adapters implements, not counting implementations in tests.
#[must_use]
pub fn implemented(ports: &[String], adapters: &[SourceFile]) -> Vec<String> {
    let sources: Vec<_> = adapters.iter().filter(|file| !file.path.contains("test")).collect();
    let has = |port: &&String| sources.iter().any(|file| file.text.contains(&format!("{port} for ")));
    ports.iter().filter(has).cloned().collect()
}

/// The ports that no source of the contract names.
#[must_use]
pub fn ports_without_module(ports: &[String], contract: &[SourceFile]) -> Vec<String> {
    let without = ports.iter().filter(|port| !contract.iter().any(|file| names(&file.text, port)));
    without.map(|port| format!("no contract module names {port}")).collect()
}

fn names(text: &str, port: &str) -> bool {
    text.match_indices(port).any(|(at, _)| {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(text[..at].chars().next_back()) && !part(text[at + port.len()..].chars().next())
    })
}

/// The numbers of the clauses in the documentation of a trait, in their order.
#[must_use]
pub fn clauses_of(files: &[SourceFile], port: &str) -> Vec<u32> {
    let start = format!("pub trait {port}");
    for file in files {
        let Some(at) = file
            .text
            .match_indices(&start)
            .map(|(at, _)| at)
            .find(|at| names(&file.text[*at..*at + start.len()], port))
        else {
            continue;
        };
        let docs = file.text[..at].lines().rev().take_while(|line| {
            let line = line.trim();
            line.starts_with("///") || line.starts_with("#[")
        });
        let mut numbers: Vec<u32> = docs
            .filter_map(|line| {
                line.trim().strip_prefix("/// ")?.split_once(". ").and_then(|(number, _)| number.parse().ok())
            })
            .collect();
        numbers.reverse();
        return numbers;
    }
    vec![]
}
