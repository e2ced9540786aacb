//! Source files and the rules for them.

use std::{fs, path::Path};

/// The path and the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path below the folder that was searched.
    pub path: String,
    /// The content of the file.
    pub text: String,
}

/// Every Rust file below a folder, sorted by path.
///
/// # Panics
/// If the folder cannot be read.
#[must_use]
pub fn rust_files(folder: &Path) -> Vec<SourceFile> {
    let mut found = vec![];
    walk(folder, folder, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry can be read").path();
        let hidden = path.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            walk(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            let path = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
            found.push(SourceFile { path, text });
        }
    }
}

/// Files with more than `most` lines.
#[must_use]
pub fn long_files(files: &[SourceFile], most: usize) -> Vec<String> {
    let lines = |file: &SourceFile| file.text.lines().count();
    let long = files.iter().filter(|file| lines(file) > most);
    long.map(|file| format!("{} has {} lines, more than {most}", file.path, lines(file))).collect()
}

/// Manifests that do not use the lints of the workspace.
#[must_use]
pub fn manifests_without_lints(manifests: &[(String, String)]) -> Vec<String> {
    let without = manifests.iter().filter(|(_, text)| !text.contains("[lints]\nworkspace = true"));
    without.map(|(path, _)| format!("{path} does not use the lints of the workspace")).collect()
}
