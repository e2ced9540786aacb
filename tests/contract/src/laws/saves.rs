//! A save stores a change only over the version that was read.

use super::{Versioned, begin, put_sample, save, stored};
use crate::{
    check::{Checked, Failure, duplicate, equal, holds, refused, stale},
    clause::{Clause, Given, clauses},
    units::{REPEATS, repeated},
    world,
};
use skep_application::kernel::{StoreError, Transaction as _};
use skep_domain::shared::Version;
use std::{sync::Arc, time::Duration};

/// The clauses of every [`Versioned`] entity, including those of [`super::rows`].
pub(crate) fn clauses<E: Versioned>(subject: &'static str) -> Vec<Clause<E::Store>> {
    let can_collide = E::UNIQUE.iter().any(|unique| unique.on_save);
    let taking = if can_collide { taking::<E>(subject) } else { vec![] };
    [super::rows::clauses::<E>(subject), saves::<E>(subject), taking].concat()
}

clauses! { saves<E: Versioned>:
    a_save_stores_every_field_and_answers_the_next_version,
    a_stale_save_is_rejected,
    a_save_of_nothing_is_rejected,
    an_undone_save_leaves_what_was,
    no_change_is_lost_among_many_writers,
}

clauses! { taking<E: Versioned>:
    a_save_cannot_take_a_taken_value,
}

async fn a_save_stores_every_field_and_answers_the_next_version<E: Versioned>(given: &Given<E::Store>) -> Checked {
    let mut entity: E = put_sample(&*given.store).await?;
    for round in 1..=3 {
        let before = entity.clone();
        entity.alter(round)?;
        holds(entity != before, "`alter` changes the entity")?;
        let version = save(&*given.store, &entity).await?;
        equal(Some(version), Version::new(round + 1))?;
        *entity.version() = version;
        equal(stored(&*given.store, entity.id()).await?, Some(entity.clone()))?;
    }
    Ok(())
}

async fn a_stale_save_is_rejected<E: Versioned>(given: &Given<E::Store>) -> Checked {
    let mut old: E = put_sample(&*given.store).await?;
    let mut new = old.clone();
    new.alter(1)?;
    *new.version() = save(&*given.store, &new).await?;
    for version in [*old.version(), new.version().next()] {
        let mut late = old.clone();
        late.alter(2)?;
        *late.version() = version;
        let mut tx = begin::<E>(&*given.store).await?;
        stale(late.save(&mut *tx).await)?;
        refused(tx.commit().await, "a commit after an error")?;
    }
    equal(stored(&*given.store, old.id()).await?, Some(new))
}

async fn a_save_of_nothing_is_rejected<E: Versioned>(given: &Given<E::Store>) -> Checked {
    let entity = E::sample(&*given.store).await?;
    let mut tx = begin::<E>(&*given.store).await?;
    stale(entity.save(&mut *tx).await)?;
    drop(tx);
    equal(stored::<E>(&*given.store, entity.id()).await?, None)
}

async fn an_undone_save_leaves_what_was<E: Versioned>(given: &Given<E::Store>) -> Checked {
    let entity: E = put_sample(&*given.store).await?;
    for rolled_back in [true, false] {
        let mut changed = entity.clone();
        changed.alter(1)?;
        let mut tx = begin::<E>(&*given.store).await?;
        *changed.version() = changed.save(&mut *tx).await?;
        equal(E::find(&mut *tx, entity.id()).await?, Some(changed))?;
        if rolled_back {
            tx.rollback().await?;
        } else {
            drop(tx);
        }
        equal(stored(&*given.store, entity.id()).await?, Some(entity.clone()))?;
    }
    Ok(())
}

async fn a_save_cannot_take_a_taken_value<E: Versioned>(given: &Given<E::Store>) -> Checked {
    for unique in E::UNIQUE.iter().filter(|unique| unique.on_save) {
        let (one, other): (E, E) = (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
        let mut taking = other.clone();
        (unique.collide)(&one, &mut taking);
        let mut tx = begin::<E>(&*given.store).await?;
        duplicate(taking.save(&mut *tx).await, unique.rule)?;
        drop(tx);
        equal(stored(&*given.store, other.id()).await?, Some(other))?;
    }
    Ok(())
}

/// Reads the entity, changes it and saves it, in one unit.
async fn change<E: Versioned>(store: &E::Store, id: E::Id, round: i64) -> Result<Version, StoreError> {
    repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let found = E::find(&mut *tx, id).await?;
        let mut entity = found.ok_or_else(|| StoreError::Corrupt("the entity is missing".into()))?;
        entity.alter(round).map_err(|failure| StoreError::Corrupt(failure.to_string().into()))?;
        let version = entity.save(&mut *tx).await?;
        tx.commit().await?;
        Ok(version)
    })
    .await
}

const WRITERS: i64 = 4;
const CHANGES: i64 = 5;

/// Several writers change one entity several times each, and repeat a change that was stale. Every change gets a
/// different version.
async fn no_change_is_lost_among_many_writers<E: Versioned>(given: &Given<E::Store>) -> Checked {
    let entity: E = put_sample(&*given.store).await?;
    let start = Arc::new(tokio::sync::Barrier::new(usize::try_from(WRITERS)?));
    let writer = |number: i64| {
        let (store, start, id) = (given.store.clone(), start.clone(), entity.id());
        tokio::spawn(async move {
            start.wait().await;
            let until = tokio::time::Instant::now() + REPEATS;
            let mut versions = Vec::new();
            for round in 1..=CHANGES {
                loop {
                    match change::<E>(&*store, id, number * CHANGES + round).await {
                        Ok(version) => break versions.push(version),
                        Err(StoreError::Stale) if tokio::time::Instant::now() < until => {
                            // A random pause, so that the same writers do not collide again.
                            tokio::time::sleep(Duration::from_millis(world::random() % 10)).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(versions)
        })
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    let mut versions = Vec::new();
    for writer in writers {
        versions.extend(writer.await??);
    }
    versions.sort();
    let expected: Vec<_> = (2..).map_while(Version::new).take(versions.len()).collect();
    equal(versions, expected)?;
    let found = stored::<E>(&*given.store, entity.id()).await?;
    let mut found = found.ok_or_else(|| Failure::new("the entity is missing"))?;
    equal(found.version().get(), WRITERS * CHANGES + 1)
}
