//! When the writes of a unit become visible, and to which readers.

use super::CatalogUnits;
use crate::{
    check::{Checked, equal, holds, some},
    clause::{self, clauses},
    sample,
    units::{self, Opens as _, commit, look},
};
use skep_application::kernel::{Key, StoreError, TxMode};
use skep_domain::shared::Money;

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    nothing_is_visible_before_commit ["UnitOfWork 1"],
    a_commit_is_visible_at_once_every_time ["UnitOfWork 1"],
    a_reading_unit_sees_one_state,
    a_reading_unit_stores_nothing,
    a_hint_changes_nothing,
    an_acknowledged_commit_outlives_its_instance ["UnitOfWork 4"],
}

type Given = clause::Given<dyn CatalogUnits>;

async fn nothing_is_visible_before_commit(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    let second = given.second().await?;
    let mut tx = units::write(&*given.store).await?;
    tx.products().insert(&product).await?;
    tx.stock().insert(&sample::level(product.id, 5)).await?;
    tx.outbox().append(&event).await?;
    for store in [&given.store, &second] {
        equal(store.catalog().find_product(product.id).await?, None)?;
        equal(store.catalog().find_stock(product.id, sample::at(0)).await?, None)?;
        equal(store.events().list_events(None, 10).await?, vec![])?;
        let mut reader = units::read(&**store).await?;
        equal(reader.products().find(product.id).await?, None)?;
        reader.rollback().await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Many rounds catch readers that have an old snapshot or read from a replica that lags.
async fn a_commit_is_visible_at_once_every_time(given: &Given) -> Checked {
    let second = given.second().await?;
    for round in 0..50 {
        let product = sample::product()?;
        sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
        holds(
            given.store.catalog().find_product(product.id).await?.is_some(),
            format!("shown at once in round {round}"),
        )?;
        holds(second.catalog().find_product(product.id).await?.is_some(), format!("shown elsewhere in round {round}"))?;
    }
    Ok(())
}

async fn a_reading_unit_sees_one_state(given: &Given) -> Checked {
    let (mut product, other) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let mut reader = units::read(&*given.store).await?;
    let before = reader.products().find(product.id).await?;
    product.price = Money::new(1, product.price.currency());
    commit!(given.store, tx => {
        tx.products().save(&product).await?;
        tx.products().insert(&other).await?;
    })?;
    equal(reader.products().find(product.id).await?, before)?;
    equal(reader.products().find(other.id).await?, None)?;
    reader.commit().await?;
    let after = look!(given.store, tx => tx.products().find(product.id).await?)?;
    equal(some(after, "the product")?.price, product.price)
}

async fn a_reading_unit_stores_nothing(given: &Given) -> Checked {
    let product = sample::product()?;
    let mut reader = units::read(&*given.store).await?;
    if reader.products().insert(&product).await.is_ok() {
        let _ = reader.commit().await;
    }
    equal(given.store.catalog().find_product(product.id).await?, None)
}

async fn a_hint_changes_nothing(given: &Given) -> Checked {
    let (one, other) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, &[one.clone(), other.clone()], 1).await?;
    let there = [Key(one.id.uuid()), Key(other.id.uuid()), Key(one.id.uuid())];
    let back = [Key(other.id.uuid()), Key(one.id.uuid())];
    for hint in [&there[..], &back[..], &there[..1], &[]] {
        for mode in [TxMode::Write, TxMode::Read] {
            let mut tx = given.store.open(mode, hint).await?;
            equal(tx.products().find(one.id).await?.map(|found| found.id), Some(one.id))?;
            tx.commit().await?;
        }
    }
    // Two writers that name both keys in opposite order must not deadlock.
    let takes = |hint: Vec<Key>| {
        let store = given.store.clone();
        async move {
            for _ in 0..20 {
                let tx = store.open(TxMode::Write, &hint).await?;
                tokio::task::yield_now().await;
                tx.rollback().await?;
            }
            Ok::<_, StoreError>(())
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
        commit!(passing, tx => {
            tx.products().insert(&product).await?;
            tx.outbox().append(&event).await?;
        })?;
    }
    holds(given.store.catalog().find_product(product.id).await?.is_some(), "the product is shown")?;
    equal(given.second().await?.events().list_events(None, 10).await?, vec![event])
}
