//! Clauses of migrations, health, instance keys and sealed fields.

mod contexts;
mod field_keys;
mod health;
mod instance_keys;
mod migrations;
mod sealed_fields;

use crate::{
    Failure,
    clause::{Clause, of},
};
use async_trait::async_trait;
use skep_application::operations::{FieldKeys, InstanceKeys, Migrations, SealedFields, StoreHealth};
use std::sync::Arc;
use uuid::Uuid;

/// A store with migrations. The clauses need a way to check whether its schema is usable.
#[async_trait]
pub trait Schema: Send + Sync {
    /// Returns the store as `Migrations`, often `self`.
    fn migrations(&self) -> &dyn Migrations;

    /// Stores rows with this id, one in each table that the steps create.
    ///
    /// # Errors
    /// The reason why they are not stored, for example because a table does not exist.
    async fn put(&self, id: Uuid) -> Result<(), Failure>;

    /// Returns whether the rows with this id are stored.
    ///
    /// # Errors
    /// Only some of them are stored, or the store cannot be read.
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

/// The clauses of `FieldKeys`.
#[must_use]
pub fn field_keys() -> Vec<Clause<dyn FieldKeys>> {
    field_keys::clauses()
}

/// The clauses of `SealedFields`.
#[must_use]
pub fn sealed_fields() -> Vec<Clause<dyn SealedFields>> {
    sealed_fields::clauses()
}

/// All clauses of operations, for a whole store.
pub(crate) fn whole() -> Vec<Clause> {
    [
        of(migrations(), |store| Arc::new(crate::part::Whole(store))),
        of(health(), |store| store),
        contexts::health(),
        of(instance_keys(), |store| store),
        of(field_keys(), |store| store),
        of(sealed_fields(), |store| store),
    ]
    .concat()
}
