//! The use cases and queries of Skep, and the ports that they use.
//!
//! A use case holds its ports as `Arc<dyn …>`. It takes a [`kernel::Actor`] first and a command second, and returns a
//! view or its own error. Databases, sockets and clocks are adapters. They implement the traits of [`kernel`] and of
//! each context's `ports.rs`.

mod app;
pub mod catalog;
pub mod events;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod kernel;
pub mod notifications;
pub mod operations;
pub mod ordering;
pub mod search;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use app::{App, Policies, Ports};
pub use store::Store;

/// The uniqueness rules of all contexts.
pub fn constraints() -> impl Iterator<Item = kernel::Constraint> {
    let contexts = [
        kernel::constraints::ALL,
        identity::constraints::ALL,
        catalog::constraints::ALL,
        ordering::constraints::ALL,
        jobs::constraints::ALL,
        notifications::constraints::ALL,
        events::constraints::ALL,
        files::constraints::ALL,
        search::constraints::ALL,
        operations::constraints::ALL,
    ];
    contexts.into_iter().flatten().copied()
}

/// What the erasure and the export of an account do with the tables of all contexts. Each table is declared once.
pub fn erasures() -> impl Iterator<Item = kernel::Erasure> {
    let contexts = [
        kernel::erasures::ALL,
        identity::erasures::ALL,
        catalog::erasures::ALL,
        ordering::erasures::ALL,
        jobs::erasures::ALL,
        notifications::erasures::ALL,
        events::erasures::ALL,
        files::erasures::ALL,
        search::erasures::ALL,
        operations::erasures::ALL,
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
    fn each_table_is_declared_once_and_has_a_reason_for_what_stays_or_is_left_out() {
        use kernel::{Export, UserData};
        let tables: BTreeSet<_> = erasures().map(|(table, _)| table).collect();
        assert_eq!(tables.len(), erasures().count());
        for (table, data) in erasures() {
            assert!(!matches!(data, UserData::Kept("", _)), "{table} stays without a reason");
            let left = matches!(data.export(), Some(Export::Left("") | Export::Sections([])));
            assert!(!left, "{table} is left out without a reason");
        }
    }

    #[test]
    fn every_constraint_is_found_by_its_unique_name() {
        assert!(constraints().all(|constraint| constraint_named(constraint.name()) == Some(constraint)));
        let names: BTreeSet<_> = constraints().map(kernel::Constraint::name).collect();
        assert_eq!(names.len(), constraints().count());
        assert_eq!(constraint_named("users_email_ke"), None);
    }
}
