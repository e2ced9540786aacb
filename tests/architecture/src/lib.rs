//! The borders of the house, as functions that tests run on the real tree and on fixtures that break them.
//!
//! Each rule answers a list of violations; an empty list is good. A declaration of something that is not there is a
//! violation too, so that no rule rots into saying nothing. Nothing here names a context: they are found by their
//! folders, and each declares in its own `mod.rs` which others it uses.

mod contexts;
mod dependencies;
mod files;
mod invariants;
mod ports;
mod prose;

pub use contexts::{Edge, border_violations, context_edges, contexts, declared_edges};
pub use dependencies::{Allowed, Package, dependency_violations, packages};
pub use files::{SourceFile, long_files, manifests_without_lints, rust_files};
pub use invariants::{Invariant, cited_invariants, invariant_violations, invariants};
pub use ports::{clauses_of, implemented, port_traits, ports_without_module};
pub use prose::{Avoided, Finding, avoided, avoided_phrases, repeated_names, texts};

use std::path::PathBuf;

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("SKEP_ROOT"))
}
