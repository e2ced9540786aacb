//! A parent exists, and a parent with children cannot be deleted.

use super::{Versioned, begin, put, put_sample, save, stored};
use crate::{
    check::{Checked, Failure, equal, referenced, stale},
    clause::{Clause, Given, clauses},
    units::repeated,
};
use async_trait::async_trait;
use skep_application::kernel::{Constraint, StoreError, Transaction as _};
use std::{slice::from_ref, sync::Arc};

/// An entity that can be deleted, and that can have a parent of its own kind.
#[async_trait]
pub(crate) trait Child: Versioned {
    /// The rule that the parent exists.
    const PARENT: Constraint;
    /// Sets the parent.
    fn under(&mut self, parent: Self::Id);
    /// Deletes the entity through its repository.
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;
}

/// The clauses of every [`Child`]. Those about parents are the trials of the numbered clauses `proves`.
pub(crate) fn clauses<E: Child>(subject: &'static str, proves: &'static [&'static str]) -> Vec<Clause<E::Store>> {
    children::<E>(subject).into_iter().map(|clause| Clause { proves, ..clause }).chain(deletes::<E>(subject)).collect()
}

clauses! { children<E: Child>:
    a_parent_must_exist,
    what_has_children_cannot_be_deleted,
    a_child_and_the_deletion_of_its_parent_are_never_both_stored,
}

clauses! { deletes<E: Child>:
    a_stale_deletion_is_rejected,
    a_deletion_frees_what_was_taken,
}

async fn delete<E: Child>(store: &E::Store, entity: &E) -> Result<(), StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        entity.delete(&mut *tx).await?;
        tx.commit().await
    })
    .await
}

/// A new entity under `parent`, not stored yet.
async fn child<E: Child>(store: &E::Store, parent: E::Id) -> Checked<E> {
    let mut child = E::sample(store).await?;
    child.under(parent);
    Ok(child)
}

async fn a_parent_must_exist<E: Child>(given: &Given<E::Store>) -> Checked {
    let missing = E::sample(&*given.store).await?.id();
    let orphan: E = child(&*given.store, missing).await?;
    referenced(put(&*given.store, from_ref(&orphan)).await, E::PARENT)?;
    equal(stored::<E>(&*given.store, orphan.id()).await?, None)?;
    let top: E = put_sample(&*given.store).await?;
    let mut lost = top.clone();
    lost.under(missing);
    referenced(save(&*given.store, &lost).await, E::PARENT)?;
    equal(stored(&*given.store, top.id()).await?, Some(top))
}

async fn what_has_children_cannot_be_deleted<E: Child>(given: &Given<E::Store>) -> Checked {
    let top: E = put_sample(&*given.store).await?;
    let child: E = child(&*given.store, top.id()).await?;
    put(&*given.store, from_ref(&child)).await?;
    referenced(delete(&*given.store, &top).await, E::PARENT)?;
    equal(stored(&*given.store, top.id()).await?, Some(top.clone()))?;
    delete(&*given.store, &child).await?;
    delete(&*given.store, &top).await?;
    equal(stored::<E>(&*given.store, top.id()).await?, None)
}

/// Aborted units are repeated, so that the loser ends with the violated rule.
async fn a_child_and_the_deletion_of_its_parent_are_never_both_stored<E: Child>(given: &Given<E::Store>) -> Checked {
    for _ in 0..10 {
        let top: E = put_sample(&*given.store).await?;
        let child: E = child(&*given.store, top.id()).await?;
        let id = child.id();
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let inserted = {
            let (store, start) = (given.store.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                put(&*store, &[child]).await
            })
        };
        start.wait().await;
        let deleted = delete(&*given.store, &top).await;
        match (inserted.await?, deleted) {
            (Ok(()), refused) | (refused, Ok(())) => referenced(refused, E::PARENT)?,
            both => return Err(Failure::new(format!("neither of the two is stored: {both:?}"))),
        }
        let there = stored::<E>(&*given.store, top.id()).await?.is_some();
        equal(stored::<E>(&*given.store, id).await?.is_some(), there)?;
    }
    Ok(())
}

async fn a_stale_deletion_is_rejected<E: Child>(given: &Given<E::Store>) -> Checked {
    let top: E = put_sample(&*given.store).await?;
    let mut later = top.clone();
    *later.version() = top.clone().version().next();
    stale(delete(&*given.store, &later).await)?;
    equal(stored(&*given.store, top.id()).await?, Some(top.clone()))?;
    delete(&*given.store, &top).await?;
    stale(delete(&*given.store, &top).await)
}

async fn a_deletion_frees_what_was_taken<E: Child>(given: &Given<E::Store>) -> Checked {
    let gone: E = put_sample(&*given.store).await?;
    delete(&*given.store, &gone).await?;
    Ok(put(&*given.store, from_ref(&gone)).await?)
}
