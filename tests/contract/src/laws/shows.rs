//! Query ports show stored entities at once, and only within the scope.

use super::{Owned, Shown, put, put_sample, save};
use crate::{
    check::{Checked, equal},
    clause::{Clause, Given, clauses},
};
use skep_application::kernel::Scope;

/// The clauses of every [`Shown`] entity.
pub(crate) fn clauses<E: Shown>(subject: &'static str) -> Vec<Clause<E::Store>> {
    [shows::<E>(subject), super::atomicity::shown::<E>(subject)].concat()
}

clauses! { shows<E: Shown>:
    it_is_shown_as_stored,
    a_change_shows_at_once,
}

// The clauses of every `Owned` entity.
clauses! { scoped<E: Owned>:
    a_scope_hides_others,
}

async fn it_is_shown_as_stored<E: Shown>(given: &Given<E::Store>) -> Checked {
    for mut entity in E::extremes(&*given.store).await? {
        equal(E::show(&*given.store, Scope::All, entity.id()).await?, None)?;
        put(&*given.store, std::slice::from_ref(&entity)).await?;
        equal(E::show(&*given.store, Scope::All, entity.id()).await?, Some(entity.row()))?;
        entity.alter(1)?;
        *entity.version() = save(&*given.store, &entity).await?;
        equal(E::show(&*given.store, Scope::All, entity.id()).await?, Some(entity.row()))?;
    }
    Ok(())
}

async fn a_change_shows_at_once<E: Shown>(given: &Given<E::Store>) -> Checked {
    let mut entity: E = put_sample(&*given.store).await?;
    let second = given.second().await?;
    for round in 1..=20 {
        entity.alter(round)?;
        *entity.version() = save(&*given.store, &entity).await?;
        for store in [&given.store, &second] {
            equal(E::show(&**store, Scope::All, entity.id()).await?, Some(entity.row()))?;
        }
    }
    Ok(())
}

async fn a_scope_hides_others<E: Owned>(given: &Given<E::Store>) -> Checked {
    let (one, other): (E, E) = (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let own = Scope::OwnedBy(one.owner());
    equal(E::show(&*given.store, own, one.id()).await?, Some(one.row()))?;
    equal(E::show(&*given.store, own, other.id()).await?, None)?;
    equal(E::show(&*given.store, Scope::None, one.id()).await?, None)
}
