//! The rules of the architecture, as functions that tests run on the real tree and on fixtures that break them.
//!
//! Each rule returns a list of violations. A declaration of something that does not exist is a violation too, so that
//! no rule becomes empty unnoticed. No context is named here: contexts are found by their folders, and each declares in
//! its `mod.rs` which other contexts it uses.

mod contexts;
mod dependencies;
mod files;
mod invariants;
mod named;
mod ports;
mod prose;
mod security;
mod stored;

pub use contexts::{Edge, border_violations, context_edges, contexts, declared_edges};
pub use dependencies::{Allowed, Package, dependency_violations, packages};
pub use files::{SourceFile, long_files, manifests_without_lints, rust_files};
pub use invariants::{Invariant, cited_invariants, invariant_violations, invariants, store_violations};
pub use ports::{clauses_of, implemented, port_traits, ports_without_module};
pub use prose::{Avoided, Finding, avoided, avoided_phrases, repeated_names, texts};
pub use security::{Requirement, coverage_summary, coverage_violations, requirements};
pub use stored::stray_writes;

use std::path::PathBuf;

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("SKEP_ROOT"))
}
