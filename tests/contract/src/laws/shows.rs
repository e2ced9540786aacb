//! Query ports show what is stored, at once and to whom it belongs.

use super::{Owned, Shown, law, put, put_sample, save};
use crate::{
    check::{Checked, equal},
    clause::{Clause, Given},
};
use skep_application::kernel::Scope;

/// The clauses of every [`Shown`] entity.
pub(crate) fn clauses<E: Shown>(subject: &'static str) -> Vec<Clause> {
    vec![
        law(subject, "it_is_shown_as_stored", &[], |given| Box::pin(it_is_shown_as_stored::<E>(given))),
        law(subject, "a_change_shows_at_once", &[], |given| Box::pin(a_change_shows_at_once::<E>(given))),
    ]
}

/// The clauses of every [`Owned`] entity, those of [`Shown`] ones among them.
pub(crate) fn scoped<E: Owned>(subject: &'static str) -> Vec<Clause> {
    let mut clauses = clauses::<E>(subject);
    clauses.push(law(subject, "a_scope_hides_others", &[], |given| Box::pin(a_scope_hides_others::<E>(given))));
    clauses
}

async fn it_is_shown_as_stored<E: Shown>(given: &Given) -> Checked {
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

async fn a_change_shows_at_once<E: Shown>(given: &Given) -> Checked {
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

async fn a_scope_hides_others<E: Owned>(given: &Given) -> Checked {
    let (one, other): (E, E) = (put_sample(&*given.store).await?, put_sample(&*given.store).await?);
    let own = Scope::OwnedBy(one.owner());
    equal(E::show(&*given.store, own, one.id()).await?, Some(one.row()))?;
    equal(E::show(&*given.store, own, other.id()).await?, None)?;
    equal(E::show(&*given.store, Scope::None, one.id()).await?, None)
}
