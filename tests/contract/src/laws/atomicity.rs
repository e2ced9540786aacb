//! A unit of work is all or nothing, whatever entity it stores.

use super::{Entity, Shown, begin, put, put_sample, save, stored};
use crate::{
    check::{Checked, equal, holds, refused},
    clause::{Given, clauses},
    units::{self, impatiently},
};
use skep_application::kernel::{Scope, StoreError, Transaction as _};
use std::slice::from_ref;

// The clauses of every `Entity`.
clauses! { clauses<E: Entity>:
    an_error_ends_the_unit,
    a_caller_may_hang_up_at_any_await,
}

// The clauses of every `Shown` entity.
clauses! { shown<E: Shown>:
    nothing_is_shown_before_the_commit,
    a_reading_unit_sees_one_state,
}

async fn an_error_ends_the_unit<E: Entity>(given: &Given<E::Store>) -> Checked {
    let taken: E = put_sample(&*given.store).await?;
    for rolled_back in [true, false] {
        let fresh = E::sample(&*given.store).await?;
        let mut tx = begin::<E>(&*given.store).await?;
        fresh.insert(&mut *tx).await?;
        refused(taken.insert(&mut *tx).await, "an insert of what is there")?;
        refused(E::find(&mut *tx, taken.id()).await, "a read after an error")?;
        if rolled_back {
            // A duplicate may be a refusal, and ends like one.
            tx.rollback().await?;
        } else {
            refused(tx.commit().await, "a commit after an error")?;
        }
        equal(stored::<E>(&*given.store, fresh.id()).await?, None)?;
    }
    Ok(())
}

async fn a_caller_may_hang_up_at_any_await<E: Entity>(given: &Given<E::Store>) -> Checked {
    let mut waits = 0;
    loop {
        let pair = [E::sample(&*given.store).await?, E::sample(&*given.store).await?];
        let storing = async {
            let mut tx = begin::<E>(&*given.store).await?;
            for entity in &pair {
                entity.insert(&mut *tx).await?;
            }
            tx.commit().await
        };
        let outcome = impatiently(waits, storing).await;
        // The unit that was dropped holds nothing: its entities can be stored now, unless both were.
        let mut were_stored = vec![];
        for entity in pair {
            were_stored.push(match put(&*given.store, from_ref(&entity)).await {
                Ok(()) => false,
                Err(StoreError::Duplicate { .. }) => true,
                Err(error) => return Err(error.into()),
            });
            equal(stored(&*given.store, entity.id()).await?, Some(entity))?;
        }
        equal(were_stored[0], were_stored[1])?;
        match outcome {
            None => waits += 1,
            Some(Ok(())) => return holds(were_stored[0], "an acknowledged unit is stored"),
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

async fn nothing_is_shown_before_the_commit<E: Shown>(given: &Given<E::Store>) -> Checked {
    let (entity, second) = (E::sample(&*given.store).await?, given.second().await?);
    let mut tx = begin::<E>(&*given.store).await?;
    entity.insert(&mut *tx).await?;
    for store in [&given.store, &second] {
        equal(E::show(&**store, Scope::All, entity.id()).await?, None)?;
    }
    tx.commit().await?;
    for store in [&given.store, &second] {
        equal(E::show(&**store, Scope::All, entity.id()).await?, Some(entity.row()))?;
    }
    Ok(())
}

async fn a_reading_unit_sees_one_state<E: Shown>(given: &Given<E::Store>) -> Checked {
    let before: E = put_sample(&*given.store).await?;
    let mut reader = units::read(&*given.store).await?;
    equal(E::find(&mut *reader, before.id()).await?, Some(before.clone()))?;
    let mut after = before.clone();
    after.alter(1)?;
    *after.version() = save(&*given.store, &after).await?;
    equal(E::find(&mut *reader, before.id()).await?, Some(before.clone()))?;
    reader.commit().await?;
    equal(stored(&*given.store, before.id()).await?, Some(after))
}
