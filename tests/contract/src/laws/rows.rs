//! An inserted entity is found again, and a taken value is refused.

use super::{Entity, Unique, begin, put, put_sample, stored};
use crate::{
    check::{Checked, duplicate, equal, holds},
    clause::{Clause, Given, clauses},
};
use skep_application::kernel::Transaction as _;
use std::sync::Arc;

/// The clauses of every [`Entity`].
pub(crate) fn clauses<E: Entity>(subject: &'static str) -> Vec<Clause<E::Store>> {
    [rows::<E>(subject), super::atomicity::clauses::<E>(subject)].concat()
}

clauses! { rows<E: Entity>:
    values_survive,
    an_unknown_id_is_not_found,
    a_taken_value_is_refused_by_its_rule,
    of_racing_units_one_takes_a_value,
    an_undone_insert_leaves_nothing,
}

async fn values_survive<E: Entity>(given: &Given<E::Store>) -> Checked {
    let extremes = E::extremes(&*given.store).await?;
    holds(!extremes.is_empty(), "there is something to store")?;
    for entity in extremes {
        equal(stored::<E>(&*given.store, entity.id()).await?, None)?;
        put(&*given.store, std::slice::from_ref(&entity)).await?;
        equal(stored(&*given.store, entity.id()).await?, Some(entity))?;
    }
    Ok(())
}

async fn an_unknown_id_is_not_found<E: Entity>(given: &Given<E::Store>) -> Checked {
    put_sample::<E>(&*given.store).await?;
    let other = E::sample(&*given.store).await?;
    equal(stored::<E>(&*given.store, other.id()).await?, None)
}

async fn colliding<E: Entity>(given: &Given<E::Store>, unique: &Unique<E>, one: &E) -> Checked<E> {
    let mut other = E::sample(&*given.store).await?;
    (unique.collide)(one, &mut other);
    Ok(other)
}

async fn a_taken_value_is_refused_by_its_rule<E: Entity>(given: &Given<E::Store>) -> Checked {
    for unique in E::UNIQUE {
        let one = put_sample::<E>(&*given.store).await?;
        let other = colliding(given, unique, &one).await?;
        let mut tx = begin::<E>(&*given.store).await?;
        duplicate(other.insert(&mut *tx).await, unique.rule)?;
        drop(tx);
        equal(stored(&*given.store, one.id()).await?, Some(one.clone()))?;
        if other.id() != one.id() {
            equal(stored::<E>(&*given.store, other.id()).await?, None)?;
        }
        // The rule also holds within a unit.
        let one = E::sample(&*given.store).await?;
        let other = colliding(given, unique, &one).await?;
        let mut tx = begin::<E>(&*given.store).await?;
        one.insert(&mut *tx).await?;
        duplicate(other.insert(&mut *tx).await, unique.rule)?;
        drop(tx);
        equal(stored::<E>(&*given.store, one.id()).await?, None)?;
    }
    Ok(())
}

async fn of_racing_units_one_takes_a_value<E: Entity>(given: &Given<E::Store>) -> Checked {
    for unique in E::UNIQUE {
        let one = E::sample(&*given.store).await?;
        let start = Arc::new(tokio::sync::Barrier::new(6));
        let mut tasks = Vec::new();
        for _ in 0..6 {
            let entity = colliding(given, unique, &one).await?;
            let (store, start) = (given.store.clone(), start.clone());
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                put(&*store, &[entity]).await
            }));
        }
        let mut winners = 0;
        for task in tasks {
            match task.await? {
                Ok(()) => winners += 1,
                error => duplicate(error, unique.rule)?,
            }
        }
        equal(winners, 1)?;
    }
    Ok(())
}

async fn an_undone_insert_leaves_nothing<E: Entity>(given: &Given<E::Store>) -> Checked {
    for rolled_back in [true, false] {
        let entity = E::sample(&*given.store).await?;
        let mut tx = begin::<E>(&*given.store).await?;
        entity.insert(&mut *tx).await?;
        equal(E::find(&mut *tx, entity.id()).await?, Some(entity.clone()))?;
        if rolled_back {
            tx.rollback().await?;
        } else {
            drop(tx);
        }
        equal(stored::<E>(&*given.store, entity.id()).await?, None)?;
    }
    Ok(())
}
