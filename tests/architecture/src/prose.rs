//! The rules of language: the words that `docs/style.md` avoids, and comments that repeat a name.

use crate::SourceFile;
use std::{fs, path::Path};

/// A row of the table of words in `docs/style.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avoided {
    /// One or more words. If the first letter is a capital, it matches only a capital; a small letter matches both.
    pub phrase: String,
    /// The text to write in its place.
    pub instead: String,
}

/// A place that breaks a rule of language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the root of the workspace.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The phrase of the table, or the comment.
    pub text: String,
}

/// The rows of the table whose head starts with `| avoid |`.
#[must_use]
pub fn avoided(style: &str) -> Vec<Avoided> {
    let table = style.lines().skip_while(|line| !line.starts_with("| avoid |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        Avoided { phrase: cells[1].trim_matches('`').to_owned(), instead: cells[2].to_owned() }
    });
    rows.collect()
}

/// The texts of the workspace that people write: sources, pages, manifests and scripts.
///
/// # Panics
/// If a folder cannot be read.
#[must_use]
pub fn texts(root: &Path) -> Vec<SourceFile> {
    let mut found = vec![];
    walk(root, root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry can be read").path();
        let below = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        let name = path.file_name().expect("entries have names").to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "fixtures") && (!name.starts_with('.') || name == ".ci") {
                walk(root, &path, found);
            }
        } else if is_prose(&below) {
            let text = fs::read_to_string(&path).expect("sources are text");
            found.push(SourceFile { path: below, text });
        }
    }
}

fn is_prose(path: &str) -> bool {
    let read = [".rs", ".md", ".toml", ".py", ".yaml"].iter().any(|ending| path.ends_with(ending));
    let script = path.starts_with("scripts/") || path.starts_with(".ci/");
    (read || script) && path != "docs/style.md"
}

/// The phrases of the table that a text contains. A phrase may continue on the next line.
#[must_use]
pub fn avoided_phrases(file: &SourceFile, avoided: &[Avoided]) -> Vec<Finding> {
    let words = words(&file.text);
    let mut found = vec![];
    for rule in avoided {
        let phrase: Vec<&str> = rule.phrase.split(' ').collect();
        for window in words.windows(phrase.len()) {
            let same = window.iter().zip(&phrase).enumerate().all(|(place, ((_, word), part))| {
                *word == *part || (place == 0 && uncapitalized(word).as_deref() == Some(part))
            });
            if same {
                found.push(Finding { path: file.path.clone(), line: window[0].0, text: rule.phrase.clone() });
            }
        }
    }
    found.sort_by_key(|finding| finding.line);
    found
}

/// The word with a small first letter. Returns `None` unless the first letter is its only capital.
fn uncapitalized(word: &str) -> Option<String> {
    let mut letters = word.chars();
    let first = letters.next().filter(char::is_ascii_uppercase)?;
    let rest = letters.as_str();
    rest.chars().all(|letter| !letter.is_ascii_uppercase()).then(|| format!("{}{rest}", first.to_ascii_lowercase()))
}

/// The words of a text with the numbers of their lines. An identifier is one word.
fn words(text: &str) -> Vec<(usize, &str)> {
    let part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '\'');
    let lines = text.lines().enumerate();
    let words =
        lines.flat_map(|(line, text)| text.split(move |letter| !part(letter)).map(move |word| (line + 1, word)));
    words.map(|(line, word)| (line, word.trim_matches('\''))).filter(|(_, word)| !word.is_empty()).collect()
}

/// Words that do not make a comment say more than the name.
const FILLERS: [&str; 24] = [
    "a", "all", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "it", "its", "of", "on", "one", "or",
    "s", "that", "the", "this", "to", "with",
];

/// Doc comments of one line whose every word is in the name of the item below them.
#[must_use]
pub fn repeated_names(file: &SourceFile) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let doc = |line: usize| lines.get(line).and_then(|text| text.strip_prefix("/// "));
    let mut found = vec![];
    for (line, _) in lines.iter().enumerate() {
        let Some(comment) = doc(line) else { continue };
        if line.checked_sub(1).is_some_and(|above| lines[above].starts_with("///")) {
            continue;
        }
        let Some(item) = lines[line + 1..].iter().find(|text| !text.starts_with("#[")) else { continue };
        if item.starts_with("///") {
            continue;
        }
        let name: Vec<String> = name_of(item).map(stems).unwrap_or_default();
        let said = stems(comment);
        if !name.is_empty() && said.iter().all(|word| name.contains(word) || FILLERS.contains(&word.as_str())) {
            found.push(Finding { path: file.path.clone(), line: line + 1, text: comment.to_owned() });
        }
    }
    found
}

/// The name that the first line of an item declares: `pub fn name(`, `pub name: Type,` or `Variant {`.
fn name_of(item: &str) -> Option<&str> {
    const BEFORE: [&str; 12] =
        ["pub", "pub(crate)", "async", "const", "unsafe", "fn", "struct", "enum", "trait", "type", "mod", "static"];
    let name = item.split_whitespace().find(|word| !BEFORE.contains(word))?;
    let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
}

/// The words of a name or comment, in small letters and without the ending of a plural.
fn stems(text: &str) -> Vec<String> {
    let mut split = String::new();
    for letter in text.chars() {
        if letter.is_uppercase() {
            split.push(' ');
        }
        split.extend(letter.to_lowercase());
    }
    let words = split.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| if word.len() > 3 { word.trim_end_matches('s').to_owned() } else { word.to_owned() }).collect()
}
