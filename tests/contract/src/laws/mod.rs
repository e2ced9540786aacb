//! Laws: clauses that are the same for all ordinary entities.
//!
//! A context describes an entity once, with the traits of this module, and gets its clauses from the functions in the
//! table. It adds separate clauses only for rules that no law covers.
//!
//! | trait | the entity | clauses |
//! | --- | --- | --- |
//! | [`Entity`] | is stored and found by its id | [`rows`], [`atomicity`] |
//! | [`Versioned`] | has a version, which a save checks | [`saves`] |
//! | [`Batched`] | is found by several ids in one call | [`batches`] |
//! | [`Shown`] | is read outside of a unit of work | [`shows`], [`atomicity::shown`] |
//! | [`Owned`] | is read in a scope | [`shows::scoped`] |
//! | [`Listed`] | is listed in pages | [`lists`] |
//! | [`Deleted`] | can be deleted | [`deletes`] |
//! | [`Child`] | can have a parent | [`references`] |

pub(crate) mod atomicity;
pub(crate) mod batches;
pub(crate) mod deletes;
pub(crate) mod lists;
pub(crate) mod references;
pub(crate) mod rows;
pub(crate) mod saves;
pub(crate) mod shows;

pub(crate) use deletes::Deleted;
pub(crate) use references::Child;

use crate::{
    check::Checked,
    harness::Subject,
    units::{Opens, repeated, write},
};
use async_trait::async_trait;
use skep_application::kernel::{Constraint, Page, PageRequest, Position, Scope, StoreError, Transaction};
use skep_domain::shared::{Direction, UserId, Version};
use std::fmt::Debug;

/// A uniqueness rule of an entity.
pub(crate) struct Unique<E> {
    /// The constraint that the store names in `Duplicate`.
    pub(crate) rule: Constraint,
    /// Gives the second entity the unique value of the first one.
    pub(crate) collide: fn(&E, &mut E),
    /// Whether a save stores the value, and so can break the rule.
    pub(crate) on_save: bool,
}

/// An entity that is stored and found by its id.
#[async_trait]
pub(crate) trait Entity: Clone + PartialEq + Debug + Send + Sync + Sized + 'static {
    /// The type of the id.
    type Id: Copy + PartialEq + Debug + Send + Sync + 'static;
    /// The part of a store that has the entity.
    type Store: Opens<Unit = Self::Tx> + Subject + ?Sized;
    /// The unit of work whose repository stores the entity.
    type Tx: Transaction + ?Sized + 'static;
    /// The uniqueness rules, including that of the id.
    const UNIQUE: &'static [Unique<Self>];

    /// A new entity that breaks no uniqueness rule. The entities that it refers to are stored.
    async fn sample(store: &Self::Store) -> Checked<Self>;
    /// New entities that together have the extreme values of each field.
    async fn extremes(store: &Self::Store) -> Checked<Vec<Self>>;
    /// Returns the id of this entity.
    fn id(&self) -> Self::Id;
    /// Calls `find` of the repository.
    async fn find(tx: &mut Self::Tx, id: Self::Id) -> Result<Option<Self>, StoreError>;
    /// Calls `insert` of the repository.
    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;
}

/// An entity with a version, which a save checks.
#[async_trait]
pub(crate) trait Versioned: Entity {
    /// Returns the version that was read.
    fn version(&mut self) -> &mut Version;
    /// Changes each field that a save stores, except the version. Each round from 1 on sets different values.
    fn alter(&mut self, round: i64) -> Checked;
    /// Calls `save` of the repository.
    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError>;
}

/// An entity that is found by several ids in one call.
#[async_trait]
pub(crate) trait Batched: Entity {
    /// Calls `find_many` of the repository.
    async fn find_many(tx: &mut Self::Tx, ids: &[Self::Id]) -> Result<Vec<Self>, StoreError>;
}

/// An entity that is read outside of a unit of work.
#[async_trait]
pub(crate) trait Shown: Versioned {
    /// The type that queries return.
    type Row: Clone + PartialEq + Debug + Send + Sync + 'static;

    /// The value that queries must return for this entity.
    fn row(&self) -> Self::Row;
    /// Reads one entity through the query port. A port without scopes ignores the scope.
    async fn show(store: &Self::Store, scope: Scope, id: Self::Id) -> Result<Option<Self::Row>, StoreError>;
}

/// An entity that is read in a scope.
pub(crate) trait Owned: Shown {
    /// The user that the entity belongs to.
    fn owner(&self) -> UserId;
}

/// An entity that is listed in pages.
#[async_trait]
pub(crate) trait Listed: Shown {
    /// A sort key of the list.
    type Sort: Copy + Debug + Send + Sync + 'static;
    /// All sort keys.
    const SORTS: &'static [Self::Sort];

    /// A new entity. Entities with different numbers share few sort keys. The number is not negative.
    async fn common(store: &Self::Store, number: i64) -> Checked<Self>;
    /// New entities that together have the extreme values of each sort key.
    async fn edges(store: &Self::Store) -> Checked<Vec<Self>>;
    /// The position of a row in the list.
    fn place(sort: Self::Sort, row: &Self::Row) -> Position;
    /// Reads a page through the query port. A port without scopes ignores the scope.
    async fn list(
        store: &Self::Store,
        scope: Scope,
        sort: Self::Sort,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self::Row>, StoreError>;
    /// Removes the entity from the list. Returns `false` if entities of this kind cannot be removed.
    async fn leave(&self, _tx: &mut Self::Tx) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// Makes this user the owner, if entities of this kind belong to users.
    fn give(&mut self, _owner: UserId) {}
}

/// Opens a unit of work that may write.
async fn begin<E: Entity>(store: &E::Store) -> Result<Box<E::Tx>, StoreError> {
    write(store).await
}

/// Finds an entity in a separate unit.
pub(crate) async fn stored<E: Entity>(store: &E::Store, id: E::Id) -> Checked<Option<E>> {
    let found = repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let found = E::find(&mut *tx, id).await?;
        tx.rollback().await?;
        Ok(found)
    });
    Ok(found.await?)
}

/// Inserts entities in a separate unit.
pub(crate) async fn put<E: Entity>(store: &E::Store, entities: &[E]) -> Result<(), StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        for entity in entities {
            entity.insert(&mut *tx).await?;
        }
        tx.commit().await
    })
    .await
}

/// Stores a new entity and returns it.
pub(crate) async fn put_sample<E: Entity>(store: &E::Store) -> Checked<E> {
    let entity = E::sample(store).await?;
    put(store, std::slice::from_ref(&entity)).await?;
    Ok(entity)
}

/// Saves a change in a separate unit and returns the new version.
pub(crate) async fn save<E: Versioned>(store: &E::Store, entity: &E) -> Result<Version, StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let version = entity.save(&mut *tx).await?;
        tx.commit().await?;
        Ok(version)
    })
    .await
}
