//! Laws that hold for every ordinary entity, on every store.
//!
//! A context describes an entity once, by the traits of this module, and gets its clauses from the functions beside
//! them. Clauses of its own are written only for what is special about it.
//!
//! | trait | the entity | clauses |
//! | --- | --- | --- |
//! | [`Entity`] | is stored and found by its id | [`rows`], [`atomicity`] |
//! | [`Versioned`] | is saved over the version it was read with | [`saves`] |
//! | [`Batched`] | is found by many ids at once | [`batches`] |
//! | [`Shown`] | is read outside of a unit of work | [`shows`], [`atomicity::shown`] |
//! | [`Owned`] | is read within a scope | [`shows::scoped`] |
//! | [`Listed`] | is listed by pages | [`lists`] |
//! | [`Child`] | can be under another one, and is deleted | [`references`] |

pub(crate) mod atomicity;
pub(crate) mod batches;
pub(crate) mod lists;
pub(crate) mod references;
pub(crate) mod rows;
pub(crate) mod saves;
pub(crate) mod shows;

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
    /// Its name.
    pub(crate) rule: Constraint,
    /// Gives the second entity the value of the first that only one of them can have.
    pub(crate) collide: fn(&E, &mut E),
    /// Whether a save stores the value, so that it can meet the rule.
    pub(crate) on_save: bool,
}

/// An entity that is stored and found by its id.
#[async_trait]
pub(crate) trait Entity: Clone + PartialEq + Debug + Send + Sync + Sized + 'static {
    /// What it is found by.
    type Id: Copy + PartialEq + Debug + Send + Sync + 'static;
    /// The part of a store that keeps it.
    type Store: Opens<Unit = Self::Tx> + Subject + ?Sized;
    /// The unit of work whose repository stores it.
    type Tx: Transaction + ?Sized + 'static;
    /// Its uniqueness rules, that of the id among them.
    const UNIQUE: &'static [Unique<Self>];

    /// A new entity that collides with no other one. What it refers to is stored.
    async fn sample(store: &Self::Store) -> Checked<Self>;
    /// New entities, of which each field has its extreme values in one or another.
    async fn extremes(store: &Self::Store) -> Checked<Vec<Self>>;
    /// What this one is found by.
    fn id(&self) -> Self::Id;
    /// Finds it by the repository.
    async fn find(tx: &mut Self::Tx, id: Self::Id) -> Result<Option<Self>, StoreError>;
    /// Inserts it by the repository.
    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;
}

/// An entity that is saved over the version it was read with.
#[async_trait]
pub(crate) trait Versioned: Entity {
    /// Where it keeps the version that it was read with.
    fn version(&mut self) -> &mut Version;
    /// Changes every field that a save stores but the version; to other values in every round from 1 on.
    fn alter(&mut self, round: i64) -> Checked;
    /// Saves it by the repository.
    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError>;
}

/// An entity that is found by many ids at once.
#[async_trait]
pub(crate) trait Batched: Entity {
    /// Finds those that exist by one call of the repository.
    async fn find_many(tx: &mut Self::Tx, ids: &[Self::Id]) -> Result<Vec<Self>, StoreError>;
}

/// An entity that is read outside of a unit of work.
#[async_trait]
pub(crate) trait Shown: Versioned {
    /// What is shown of it.
    type Row: Clone + PartialEq + Debug + Send + Sync + 'static;

    /// What is to be shown of it.
    fn row(&self) -> Self::Row;
    /// Reads it by the query port; a port that takes no scope ignores it.
    async fn show(store: &Self::Store, scope: Scope, id: Self::Id) -> Result<Option<Self::Row>, StoreError>;
}

/// An entity that is read within a scope.
pub(crate) trait Owned: Shown {
    /// The user that it belongs to.
    fn owner(&self) -> UserId;
}

/// An entity that is listed by pages.
#[async_trait]
pub(crate) trait Listed: Shown {
    /// What the list can be sorted by.
    type Sort: Copy + Debug + Send + Sync + 'static;
    /// Every sort key.
    const SORTS: &'static [Self::Sort];

    /// A new entity, one of many with few different sort keys. The number is not negative.
    async fn common(store: &Self::Store, number: i64) -> Checked<Self>;
    /// New entities with the extreme values of every sort key.
    async fn edges(store: &Self::Store) -> Checked<Vec<Self>>;
    /// The place of a row in the list.
    fn place(sort: Self::Sort, row: &Self::Row) -> Position;
    /// Reads a page by the query port; a port that takes no scope ignores it.
    async fn list(
        store: &Self::Store,
        scope: Scope,
        sort: Self::Sort,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<Self::Row>, StoreError>;
    /// Takes it off the list; `false` if an entity of this kind stays for ever.
    async fn leave(&self, _tx: &mut Self::Tx) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// Gives it to this user, if entities of this kind belong to users.
    fn give(&mut self, _owner: UserId) {}
}

/// Opens a unit of work that may write.
async fn begin<E: Entity>(store: &E::Store) -> Result<Box<E::Tx>, StoreError> {
    write(store).await
}

/// Finds an entity in a unit of its own.
pub(crate) async fn stored<E: Entity>(store: &E::Store, id: E::Id) -> Checked<Option<E>> {
    let found = repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let found = E::find(&mut *tx, id).await?;
        tx.rollback().await?;
        Ok(found)
    });
    Ok(found.await?)
}

/// Inserts entities in a unit of their own.
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

/// A new entity that is stored.
pub(crate) async fn put_sample<E: Entity>(store: &E::Store) -> Checked<E> {
    let entity = E::sample(store).await?;
    put(store, std::slice::from_ref(&entity)).await?;
    Ok(entity)
}

/// Saves a change in a unit of its own; answers the new version.
pub(crate) async fn save<E: Versioned>(store: &E::Store, entity: &E) -> Result<Version, StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let version = entity.save(&mut *tx).await?;
        tx.commit().await?;
        Ok(version)
    })
    .await
}
