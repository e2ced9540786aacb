//! Clauses of units of work that span all contexts.

use super::undo::End;
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::{
    Store,
    identity::IdentityStore,
    kernel::{Claimed, KeptAnswer, Scope},
    ordering::OrderingStore,
};
use skep_domain::shared::EmailLookup;

clauses! { clauses of "unit_of_work" on dyn Store:
    own_writes_are_visible_in_the_unit ["UnitOfWork 1"],
    committed_data_is_visible_on_every_instance ["UnitOfWork 1"],
    a_dropped_unit_leaves_nothing ["UnitOfWork 2"],
    a_rolled_back_unit_leaves_nothing ["UnitOfWork 2"],
}

type Given = clause::Given<dyn Store>;

fn contexts(store: &dyn Store) -> (&dyn IdentityStore, &dyn OrderingStore) {
    (store, store)
}

async fn own_writes_are_visible_in_the_unit(given: &Given) -> Checked {
    let (identity, ordering) = contexts(&*given.store);
    let (user, product) = (sample::user()?, sample::product()?);
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    let mut tx = units::write(identity).await?;
    tx.users().insert(&user).await?;
    equal(tx.users().find(user.id).await?, Some(user.clone()))?;
    let lookup = EmailLookup::parse(user.email.address())?;
    equal(tx.users().find_by_email(&lookup).await?.map(|user| user.id), Some(user.id))?;
    tx.commit().await?;
    let mut tx = units::write(ordering).await?;
    tx.products().insert(&product).await?;
    tx.stock().insert(&sample::level(product.id, 5)).await?;
    tx.orders().insert(&order).await?;
    equal(tx.products().find(product.id).await?, Some(product.clone()))?;
    equal(tx.stock().find_many(&[product.id]).await?, vec![sample::level(product.id, 5)])?;
    equal(tx.orders().find(order.id).await?, Some(order.clone()))?;
    let mut dearer = product.clone();
    dearer.price = sample::euros(3_000)?;
    tx.products().save(&dearer).await?;
    equal(tx.products().find(product.id).await?.map(|product| product.price), Some(dearer.price))?;
    tx.commit().await?;
    Ok(())
}

async fn committed_data_is_visible_on_every_instance(given: &Given) -> Checked {
    let (identity, ordering) = contexts(&*given.store);
    let (user, product, event) = (sample::user()?, sample::product()?, sample::event());
    let second = given.second().await?;
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    commit!(identity, tx => tx.users().insert(&user).await?)?;
    commit!(ordering, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 5)).await?;
        tx.orders().insert(&order).await?;
        tx.outbox().append(&event).await?;
    })?;
    for store in [&given.store, &second] {
        holds(store.find_user(Scope::All, user.id).await?.is_some(), "the user is shown")?;
        holds(store.find_product(product.id).await?.is_some(), "the product is shown")?;
        holds(store.find_stock(product.id, sample::at(0)).await?.is_some(), "the stock is shown")?;
        holds(store.find_order(Scope::All, order.id).await?.is_some(), "the order is shown")?;
        equal(store.list_events(None, 10).await?, vec![event.clone()])?;
        let (_, ordering) = contexts(&**store);
        let seen = look!(ordering, tx => tx.orders().find(order.id).await?)?;
        equal(seen, Some(order.clone()))?;
    }
    Ok(())
}

async fn leaves_nothing(given: &Given, end: End) -> Checked {
    let (identity, ordering) = contexts(&*given.store);
    let (user, product, event) = (sample::user()?, sample::product()?, sample::event());
    let (session, claim) = (sample::session(user.id), sample::claim("undone")?);
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    let mut tx = units::write(identity).await?;
    tx.users().insert(&user).await?;
    tx.sessions().insert(&session).await?;
    match end {
        End::Drop => drop(tx),
        End::RollBack => tx.rollback().await?,
    }
    let mut tx = units::write(ordering).await?;
    equal(tx.idempotency().claim(&claim).await?, Claimed::New)?;
    tx.products().insert(&product).await?;
    tx.stock().insert(&sample::level(product.id, 5)).await?;
    tx.stock().append_movements(&[sample::movement(product.id, 5)?]).await?;
    tx.stock().insert_reservations(&[sample::reservation(order.id, product.id, None)]).await?;
    tx.orders().insert(&order).await?;
    tx.outbox().append(&event).await?;
    tx.idempotency().fill(&claim, &KeptAnswer::Plain("{}".to_owned())).await?;
    match end {
        End::Drop => drop(tx),
        End::RollBack => tx.rollback().await?,
    }
    equal(given.store.find_user(Scope::All, user.id).await?, None)?;
    holds(given.store.find_session(session.id).await?.is_none(), "no session is left")?;
    equal(given.store.find_product(product.id).await?, None)?;
    equal(given.store.find_stock(product.id, sample::at(0)).await?, None)?;
    equal(given.store.find_order(Scope::All, order.id).await?, None)?;
    equal(given.store.list_events(None, 10).await?, vec![])?;
    // The same rows can be stored afterwards.
    commit!(identity, tx => tx.users().insert(&user).await?)?;
    let (movements, reservations, claimed) = commit!(ordering, tx => {
        let claimed = tx.idempotency().claim(&claim).await?;
        let found = (
            tx.stock().list_movements(product.id).await?,
            tx.stock().list_reservations(order.id).await?,
            claimed,
        );
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 5)).await?;
        tx.orders().insert(&order).await?;
        tx.outbox().append(&event).await?;
        tx.idempotency().fill(&claim, &KeptAnswer::Plain("{}".to_owned())).await?;
        found
    })?;
    equal(movements, vec![])?;
    equal(reservations, vec![])?;
    equal(claimed, Claimed::New)
}

async fn a_dropped_unit_leaves_nothing(given: &Given) -> Checked {
    leaves_nothing(given, End::Drop).await
}

async fn a_rolled_back_unit_leaves_nothing(given: &Given) -> Checked {
    leaves_nothing(given, End::RollBack).await
}
