//! The store of all contexts.

use crate::{
    catalog::CatalogStore, events::EventsStore, files::FilesStore, identity::IdentityStore, jobs::JobsStore,
    notifications::NotificationsStore, operations::OperationsStore, ordering::OrderingStore, search::SearchStore,
};

/// A store of all contexts, as the composition root passes it on. It upcasts to the store of each context.
pub trait Store:
    OperationsStore
    + IdentityStore
    + CatalogStore
    + OrderingStore
    + NotificationsStore
    + JobsStore
    + EventsStore
    + FilesStore
    + SearchStore
{
}

impl<S> Store for S where
    S: OperationsStore
        + IdentityStore
        + CatalogStore
        + OrderingStore
        + NotificationsStore
        + JobsStore
        + EventsStore
        + FilesStore
        + SearchStore
        + SearchStore
{
}
