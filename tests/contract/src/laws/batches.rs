//! One call finds many entities.

use super::{Batched, begin, put};
use crate::{
    check::{Checked, equal, holds},
    clause::{Given, clauses},
    harness::Need,
    units::repeated,
};
use skep_application::kernel::Transaction as _;

// The clauses of every `Batched` entity.
clauses! { clauses<E: Batched>:
    many_are_found_by_one_call,
    finding_many_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

async fn find_many<E: Batched>(store: &E::Store, ids: &[E::Id]) -> Checked<Vec<E>> {
    let found = repeated(|| async {
        let mut tx = begin::<E>(store).await?;
        let found = E::find_many(&mut *tx, ids).await?;
        tx.rollback().await?;
        Ok(found)
    });
    Ok(found.await?)
}

async fn some<E: Batched>(given: &Given<E::Store>, count: usize) -> Checked<Vec<E>> {
    let mut entities = E::extremes(&*given.store).await?;
    while entities.len() < count {
        entities.push(E::sample(&*given.store).await?);
    }
    put(&*given.store, &entities).await?;
    Ok(entities)
}

async fn many_are_found_by_one_call<E: Batched>(given: &Given<E::Store>) -> Checked {
    let entities: Vec<E> = some(given, 300).await?;
    let other = E::sample(&*given.store).await?.id();
    let mut ids: Vec<_> = entities.iter().map(E::id).collect();
    ids.extend([other, ids[3], ids[3]]);
    ids.reverse();
    let found = find_many::<E>(&*given.store, &ids).await?;
    equal(found.len(), entities.len())?;
    holds(entities.iter().all(|entity| found.contains(entity)), "each existing entity is found once")?;
    equal(find_many::<E>(&*given.store, &[]).await?, vec![])?;
    equal(find_many::<E>(&*given.store, &[other]).await?, vec![])
}

async fn finding_many_takes_a_fixed_number_of_round_trips<E: Batched>(given: &Given<E::Store>) -> Checked {
    let entities: Vec<E> = some(given, 100).await?;
    let ids: Vec<_> = entities.iter().map(E::id).collect();
    let mut taken = Vec::new();
    for count in [1, 1, 100] {
        let before = given.faults().round_trips();
        let found = find_many::<E>(&*given.store, &ids[..count]).await?;
        taken.push(given.faults().round_trips() - before);
        equal(found.len(), count)?;
    }
    holds(taken[2] <= taken[1] + 1, format!("finding 1 takes {} round trips, finding 100 takes {}", taken[1], taken[2]))
}
