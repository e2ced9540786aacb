//! Everything that one store does.

use crate::{catalog::CatalogStore, identity::IdentityStore, operations::OperationsStore, ordering::OrderingStore};

/// Everything that one store does, as the composition root hands it out. It upcasts to the part of each context.
pub trait Store: OperationsStore + IdentityStore + CatalogStore + OrderingStore {}

impl<S: OperationsStore + IdentityStore + CatalogStore + OrderingStore> Store for S {}
