//! Who sees what, and when.

use crate::{
    check::{Checked, equal, holds, some},
    clause::{Given, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::Scope;
use skep_domain::shared::Money;

clauses! { "unit_of_work":
    own_writes_are_visible_in_the_unit ["UnitOfWork 1"],
    nothing_is_visible_before_commit ["UnitOfWork 1"],
    everything_is_visible_to_everybody_after_commit ["UnitOfWork 1"],
    a_commit_is_visible_at_once_every_time ["UnitOfWork 1"],
    a_reading_unit_sees_one_state,
    a_reading_unit_stores_nothing,
    a_hint_changes_nothing,
    an_acknowledged_commit_outlives_its_instance ["UnitOfWork 4"],
}

async fn own_writes_are_visible_in_the_unit(given: &Given) -> Checked {
    let (user, product) = (sample::user()?, sample::product()?);
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    let mut tx = units::identity(&*given.store).await?;
    tx.users().insert(&user).await?;
    equal(tx.users().find(user.id).await?, Some(user.clone()))?;
    equal(tx.users().find_by_email(&user.email).await?.map(|user| user.id), Some(user.id))?;
    tx.commit().await?;
    let mut tx = units::ordering(&*given.store).await?;
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

async fn nothing_is_visible_before_commit(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    let second = given.second().await?;
    let mut tx = units::catalog(&*given.store).await?;
    tx.products().insert(&product).await?;
    tx.stock().insert(&sample::level(product.id, 5)).await?;
    tx.outbox().append(&event).await?;
    for store in [&given.store, &second] {
        equal(store.find_product(product.id).await?, None)?;
        equal(store.find_stock(product.id).await?, None)?;
        equal(store.list_events(None, 10).await?, vec![])?;
        let mut reader = units::reading_catalog(&**store).await?;
        equal(reader.products().find(product.id).await?, None)?;
        reader.rollback().await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn everything_is_visible_to_everybody_after_commit(given: &Given) -> Checked {
    let (user, product, event) = (sample::user()?, sample::product()?, sample::event());
    let second = given.second().await?;
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    sample::sign_up(&*given.store, &user).await?;
    commit!(given.store, ordering, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 5)).await?;
        tx.orders().insert(&order).await?;
        tx.outbox().append(&event).await?;
    })?;
    for store in [&given.store, &second] {
        holds(store.find_user(Scope::All, user.id).await?.is_some(), "the user is shown")?;
        holds(store.find_product(product.id).await?.is_some(), "the product is shown")?;
        holds(store.find_stock(product.id).await?.is_some(), "the stock is shown")?;
        holds(store.find_order(Scope::All, order.id).await?.is_some(), "the order is shown")?;
        equal(store.list_events(None, 10).await?, vec![event.clone()])?;
        let seen = look!(store, ordering, tx => tx.orders().find(order.id).await?)?;
        equal(seen, Some(order.clone()))?;
    }
    Ok(())
}

/// Readers with a snapshot of their own, or a replica that lags, are caught by doing it often.
async fn a_commit_is_visible_at_once_every_time(given: &Given) -> Checked {
    let second = given.second().await?;
    for round in 0..50 {
        let product = sample::product()?;
        sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
        holds(given.store.find_product(product.id).await?.is_some(), format!("shown at once in round {round}"))?;
        holds(second.find_product(product.id).await?.is_some(), format!("shown elsewhere in round {round}"))?;
    }
    Ok(())
}

async fn a_reading_unit_sees_one_state(given: &Given) -> Checked {
    let (mut product, other) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let mut reader = units::reading_catalog(&*given.store).await?;
    let before = reader.products().find(product.id).await?;
    product.price = Money::new(1, product.price.currency());
    commit!(given.store, catalog, tx => {
        tx.products().save(&product).await?;
        tx.products().insert(&other).await?;
    })?;
    equal(reader.products().find(product.id).await?, before)?;
    equal(reader.products().find(other.id).await?, None)?;
    reader.commit().await?;
    let after = look!(given.store, reading_catalog, tx => tx.products().find(product.id).await?)?;
    equal(some(after, "the product")?.price, product.price)
}

async fn a_reading_unit_stores_nothing(given: &Given) -> Checked {
    let product = sample::product()?;
    let mut reader = units::reading_catalog(&*given.store).await?;
    if reader.products().insert(&product).await.is_ok() {
        let _ = reader.commit().await;
    }
    equal(given.store.find_product(product.id).await?, None)
}

async fn a_hint_changes_nothing(given: &Given) -> Checked {
    use skep_application::{
        catalog::CatalogTx,
        kernel::{Begin, Key, TxMode},
    };
    let (one, other) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, &[one.clone(), other.clone()], 1).await?;
    let there = [Key(one.id.uuid()), Key(other.id.uuid()), Key(one.id.uuid())];
    let back = [Key(other.id.uuid()), Key(one.id.uuid())];
    for hint in [&there[..], &back[..], &there[..1], &[]] {
        for mode in [TxMode::Write, TxMode::Read] {
            let mut tx = Begin::<dyn CatalogTx>::begin(&*given.store, mode, hint).await?;
            equal(tx.products().find(one.id).await?.map(|found| found.id), Some(one.id))?;
            tx.commit().await?;
        }
    }
    // Two that name both, in opposite order, must not wait for each other.
    let takes = |hint: Vec<Key>| {
        let store = given.store.clone();
        async move {
            for _ in 0..20 {
                let tx = Begin::<dyn CatalogTx>::begin(&*store, TxMode::Write, &hint).await?;
                tokio::task::yield_now().await;
                tx.rollback().await?;
            }
            Ok::<_, skep_application::kernel::StoreError>(())
        }
    };
    let (there, back) = (tokio::spawn(takes(there.to_vec())), tokio::spawn(takes(back.to_vec())));
    there.await??;
    back.await??;
    Ok(())
}

async fn an_acknowledged_commit_outlives_its_instance(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    {
        let passing = given.second().await?;
        commit!(passing, catalog, tx => {
            tx.products().insert(&product).await?;
            tx.outbox().append(&event).await?;
        })?;
    }
    holds(given.store.find_product(product.id).await?.is_some(), "the product is shown")?;
    equal(given.second().await?.list_events(None, 10).await?, vec![event])
}
