//! The first error ends a unit.

use super::CatalogUnits;
use crate::{
    check::{Checked, Failure, duplicate, equal, holds, refused, stale},
    clause::{self, clauses},
    harness::Need,
    sample,
    units::{self, commit},
};
use skep_application::kernel::StoreError;
use skep_domain::{catalog::Product, shared::Version};
use std::sync::Arc;

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    an_error_kills_the_unit ["UnitOfWork 3"],
    an_error_kills_the_commit ["UnitOfWork 3"],
    a_stale_save_kills_the_unit ["UnitOfWork 3"],
    an_error_leaves_nothing ["UnitOfWork 3"],
    neighbors_survive_an_error,
    a_cut_connection_is_reported_and_gets_over {Need::Cut},
    a_unit_whose_connection_was_cut_leaves_nothing {Need::Cut},
}

type Given = clause::Given<dyn CatalogUnits>;

async fn an_error_kills_the_unit(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let mut tx = units::write(&*given.store).await?;
    duplicate(tx.products().insert(&product).await, skep_application::catalog::constraints::PRODUCT_ID)?;
    refused(tx.products().find(product.id).await, "a read after an error")?;
    refused(tx.products().insert(&sample::product()?).await, "an insert after an error")?;
    refused(tx.stock().find_many(&[product.id]).await, "another repository after an error")?;
    refused(tx.outbox().append(&sample::event()).await, "an event after an error")?;
    refused(tx.commit().await, "a commit after an error")
}

/// After an error, PostgreSQL acknowledges a commit but rolls back, and SQLite would commit the rest.
async fn an_error_kills_the_commit(given: &Given) -> Checked {
    let (product, fresh, event) = (sample::product()?, sample::product()?, sample::event());
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let mut tx = units::write(&*given.store).await?;
    tx.products().insert(&fresh).await?;
    tx.outbox().append(&event).await?;
    duplicate(
        tx.stock().insert(&sample::level(product.id, 9)).await,
        skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT,
    )?;
    match tx.commit().await {
        Err(StoreError::Retry(_)) => return Err(Failure::new("the commit invites a repeat that cannot succeed")),
        result => refused(result, "a commit after an error")?,
    }
    equal(given.store.catalog().find_product(fresh.id).await?, None)?;
    equal(given.store.events().list_events(None, 10).await?, vec![])
}

async fn a_stale_save_kills_the_unit(given: &Given) -> Checked {
    let (product, fresh) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let mut tx = units::write(&*given.store).await?;
    tx.products().insert(&fresh).await?;
    stale(tx.products().save(&Product { version: Version::FIRST.next(), ..product.clone() }).await)?;
    refused(tx.products().find(product.id).await, "a read after an error")?;
    refused(tx.commit().await, "a commit after an error")?;
    equal(given.store.catalog().find_product(fresh.id).await?, None)
}

async fn an_error_leaves_nothing(given: &Given) -> Checked {
    let (product, other) = (sample::product()?, sample::product()?);
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for rolled_back in [true, false] {
        let mut tx = units::write(&*given.store).await?;
        tx.products().insert(&other).await?;
        duplicate(tx.products().insert(&product).await, skep_application::catalog::constraints::PRODUCT_ID)?;
        if rolled_back {
            // A duplicate may be a refusal, so it can end with `rollback`.
            tx.rollback().await?;
        } else {
            drop(tx);
        }
        let found = commit!(given.store, tx => tx.products().find(other.id).await?)?;
        equal(found, None)?;
    }
    sample::stock_up(&*given.store, &[other], 1).await
}

/// A store may commit these units together. Half of them fail, and all the others must be stored.
async fn neighbors_survive_an_error(given: &Given) -> Checked {
    let taken = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&taken), 1).await?;
    for _ in 0..6 {
        let start = Arc::new(tokio::sync::Barrier::new(16));
        let mut tasks = Vec::new();
        for number in 0..16 {
            let (store, start, fresh, taken) = (given.store.clone(), start.clone(), sample::product()?, taken.clone());
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let outcome = commit!(store, tx => {
                    tx.products().insert(&fresh).await?;
                    tx.stock().insert(&sample::level(fresh.id, 1)).await?;
                    if number % 2 == 1 {
                        tx.products().insert(&taken).await?;
                    }
                });
                (number, fresh.id, outcome)
            }));
        }
        for task in tasks {
            let (number, id, outcome) = task.await?;
            match (number % 2, outcome) {
                (0, Ok(())) => holds(
                    given.store.catalog().find_stock(id, sample::at(0)).await?.is_some(),
                    "a committed unit is stored",
                )?,
                (1, error @ Err(_)) => {
                    duplicate(error, skep_application::catalog::constraints::PRODUCT_ID)?;
                    equal(given.store.catalog().find_product(id).await?, None)?;
                }
                (_, outcome) => return Err(Failure::new(format!("unit {number} ended with {outcome:?}"))),
            }
        }
    }
    Ok(())
}

async fn a_cut_connection_is_reported_and_gets_over(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    given.faults().cut_connections().await?;
    // A pool may notice the cut only at the next use. Nothing has happened then, and a new connection follows.
    let until = tokio::time::Instant::now() + units::REPEATS;
    loop {
        match given.store.catalog().find_product(product.id).await {
            Ok(found) => return equal(found.map(|found| found.id), Some(product.id)),
            Err(StoreError::Unavailable(_) | StoreError::Retry(_)) if tokio::time::Instant::now() < until => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(units::PAUSE).await;
    }
}

async fn a_unit_whose_connection_was_cut_leaves_nothing(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    let mut tx = units::write(&*given.store).await?;
    tx.products().insert(&product).await?;
    tx.outbox().append(&event).await?;
    given.faults().cut_connections().await?;
    // If the unit lives on in the server, a driver may hide the cut. Otherwise the unit has ended and reports an error.
    let outcome = match tx.stock().insert(&sample::level(product.id, 1)).await {
        Ok(()) => tx.commit().await,
        Err(error) => {
            refused(tx.commit().await, "a commit after an error")?;
            Err(error)
        }
    };
    match outcome {
        Ok(()) => {
            holds(given.store.catalog().find_product(product.id).await?.is_some(), "the product is stored")?;
            holds(given.store.catalog().find_stock(product.id, sample::at(0)).await?.is_some(), "its stock is stored")
        }
        Err(StoreError::Retry(_) | StoreError::Unavailable(_)) => {
            // Another instance looks, because the pool of this one may still hold dead connections.
            let second = given.second().await?;
            equal(second.catalog().find_product(product.id).await?, None)?;
            commit!(second, tx => {
                tx.products().insert(&product).await?;
                tx.outbox().append(&event).await?;
            })?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
