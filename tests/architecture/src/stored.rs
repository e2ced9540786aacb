//! Entities that are stored in one place.

use super::SourceFile;

/// Uses of a repository that store an entity beside the file for it. A file `stored_bees.rs` of a context is the only one
/// that inserts, saves or deletes with the repository `bees()`.
#[must_use]
pub fn stray_writes(files: &[SourceFile]) -> Vec<String> {
    let name = |file: &SourceFile| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        Some(name.strip_prefix("stored_")?.strip_suffix(".rs")?.to_owned())
    };
    let is_test = |file: &SourceFile| file.path.contains("tests") || file.path.contains("testing/");
    let mut stray = vec![];
    for entities in files.iter().filter_map(name) {
        let own = format!("stored_{entities}.rs");
        for file in files.iter().filter(|file| !file.path.ends_with(&own) && !is_test(file)) {
            let text: String = file.text.split_whitespace().collect();
            for verb in ["insert", "save", "save_many", "delete"] {
                if text.contains(&format!(".{entities}().{verb}(")) {
                    stray.push(format!("{} stores {entities} without {own}", file.path));
                }
            }
        }
    }
    stray
}
