//! What Skep does: use cases and queries over ports.
//!
//! A use case holds its ports as `Arc<dyn …>`, takes an [`kernel::Actor`] first and a command second, and answers with
//! a view or an error of its own. Nothing here knows a database, a socket or a clock: those are adapters behind the
//! traits of `ports.rs` in each context and of [`kernel`].

mod app;
pub mod catalog;
pub mod identity;
pub mod kernel;
pub mod operations;
pub mod ordering;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use app::{App, Policies, Ports};
pub use store::Store;

/// Every uniqueness rule of every context.
pub fn constraints() -> impl Iterator<Item = kernel::Constraint> {
    let contexts = [
        kernel::constraints::ALL,
        identity::constraints::ALL,
        catalog::constraints::ALL,
        ordering::constraints::ALL,
        operations::constraints::ALL,
    ];
    contexts.into_iter().flatten().copied()
}

/// The uniqueness rule whose index or key has this name.
#[must_use]
pub fn constraint_named(name: &str) -> Option<kernel::Constraint> {
    constraints().find(|constraint| constraint.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_constraint_is_found_by_its_name_which_no_other_has() {
        assert!(constraints().all(|constraint| constraint_named(constraint.name()) == Some(constraint)));
        let names: BTreeSet<_> = constraints().map(kernel::Constraint::name).collect();
        assert_eq!(names.len(), constraints().count());
        assert_eq!(constraint_named("users_email_ke"), None);
    }
}
