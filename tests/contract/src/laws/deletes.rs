//! A deletion names the version that was read.

use super::{Versioned, begin, put, put_sample, stored};
use crate::{
    check::{Checked, equal, stale},
    clause::{Given, clauses},
    units::repeated,
};
use async_trait::async_trait;
use skep_application::kernel::{StoreError, Transaction as _};
use std::slice::from_ref;

/// An entity that can be deleted.
#[async_trait]
pub(crate) trait Deleted: Versioned {
    /// Deletes the entity through its repository.
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError>;
}

// The clauses of every `Deleted` entity.
clauses! { clauses<E: Deleted>:
    a_stale_deletion_is_rejected,
    a_deletion_frees_what_was_taken,
}

pub(super) async fn delete<E: Deleted>(store: &E::Store, entity: &E) -> Result<(), StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        entity.delete(&mut *tx).await?;
        tx.commit().await
    })
    .await
}

async fn a_stale_deletion_is_rejected<E: Deleted>(given: &Given<E::Store>) -> Checked {
    let top: E = put_sample(&*given.store).await?;
    let mut later = top.clone();
    *later.version() = top.clone().version().next();
    stale(delete(&*given.store, &later).await)?;
    equal(stored(&*given.store, top.id()).await?, Some(top.clone()))?;
    delete(&*given.store, &top).await?;
    stale(delete(&*given.store, &top).await)
}

async fn a_deletion_frees_what_was_taken<E: Deleted>(given: &Given<E::Store>) -> Checked {
    let gone: E = put_sample(&*given.store).await?;
    delete(&*given.store, &gone).await?;
    Ok(put(&*given.store, from_ref(&gone)).await?)
}
