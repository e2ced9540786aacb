//! A parent exists, and a parent with children cannot be deleted.

use super::{Deleted, deletes::delete, put, put_sample, save, stored};
use crate::{
    check::{Checked, Failure, equal, referenced},
    clause::{Clause, Given, clauses},
};
use skep_application::kernel::Constraint;
use std::{slice::from_ref, sync::Arc};

/// An entity that can be deleted, and that can have a parent of its own kind.
pub(crate) trait Child: Deleted {
    /// The rule that the parent exists.
    const PARENT: Constraint;
    /// Sets the parent.
    fn under(&mut self, parent: Self::Id);
}

/// The clauses of every [`Child`], which are the trials of the numbered clauses `proves`.
pub(crate) fn clauses<E: Child>(subject: &'static str, proves: &'static [&'static str]) -> Vec<Clause<E::Store>> {
    children::<E>(subject).into_iter().map(|clause| Clause { proves, ..clause }).collect()
}

clauses! { children<E: Child>:
    a_parent_must_exist,
    what_has_children_cannot_be_deleted,
    a_child_and_the_deletion_of_its_parent_are_never_both_stored,
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
