//! The store of all contexts.

use crate::{
    catalog::CatalogStore, events::EventsStore, identity::IdentityStore, jobs::JobsStore, operations::OperationsStore,
    ordering::OrderingStore,
};

/// A store of all contexts, as the composition root passes it on. It upcasts to the store of each context.
pub trait Store: OperationsStore + IdentityStore + CatalogStore + OrderingStore + JobsStore + EventsStore {}

impl<S: OperationsStore + IdentityStore + CatalogStore + OrderingStore + JobsStore + EventsStore> Store for S {}
