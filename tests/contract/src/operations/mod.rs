//! Schema, health and keys.

mod contexts;
mod health;
mod instance_keys;
mod migrations;

use crate::{
    Failure,
    clause::{Clause, of},
};
use async_trait::async_trait;
use skep_application::operations::{InstanceKeys, Migrations, StoreHealth};
use std::sync::Arc;
use uuid::Uuid;

/// A store whose schema is moved by steps, and that tells whether it can be used.
#[async_trait]
pub trait Schema: Send + Sync {
    /// The store as `Migrations`: often `self`.
    fn migrations(&self) -> &dyn Migrations;

    /// Stores something under this id, in every table that the steps make.
    ///
    /// # Errors
    /// Why it is not stored, for example because there is no such table.
    async fn put(&self, id: Uuid) -> Result<(), Failure>;

    /// Whether all of what was put under this id is stored, rather than nothing of it.
    ///
    /// # Errors
    /// A part of it is stored, or the store cannot be read.
    async fn has(&self, id: Uuid) -> Result<bool, Failure>;
}

/// The clauses of `Migrations`.
#[must_use]
pub fn migrations() -> Vec<Clause<dyn Schema>> {
    migrations::clauses()
}

/// The clauses of `StoreHealth`.
#[must_use]
pub fn health() -> Vec<Clause<dyn StoreHealth>> {
    health::clauses()
}

/// The clauses of `InstanceKeys`.
#[must_use]
pub fn instance_keys() -> Vec<Clause<dyn InstanceKeys>> {
    instance_keys::clauses()
}

/// Every clause about the running of a store, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    [
        of(migrations(), |store| Arc::new(crate::part::Whole(store))),
        of(health(), |store| store),
        contexts::health(),
        of(instance_keys(), |store| store),
    ]
    .concat()
}
