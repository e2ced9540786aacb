//! Callers that hang up: they drop a future before it is ready.

use super::CatalogUnits;
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    sample,
    units::{self, commit, impatiently},
};
use skep_application::kernel::{OutboxEvent, StoreError};
use skep_domain::catalog::Product;
use std::sync::Arc;

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    a_caller_may_hang_up_at_any_await ["UnitOfWork 6"],
    a_caller_may_hang_up_during_commit ["UnitOfWork 6"],
    a_caller_may_hang_up_while_waiting_for_a_turn ["UnitOfWork 6"],
    a_group_ends_even_if_every_caller_hangs_up ["UnitOfWork 6"],
}

type Given = clause::Given<dyn CatalogUnits>;

async fn store_new(store: &dyn CatalogUnits, product: &Product, event: &OutboxEvent) -> Result<(), StoreError> {
    let mut tx = units::write(store).await?;
    tx.products().insert(product).await?;
    tx.stock().insert(&sample::level(product.id, 3)).await?;
    tx.outbox().append(event).await?;
    tx.commit().await
}

/// Waits until the unit has ended and returns whether it was stored. A unit that is stored in part is an error.
async fn is_whole(store: &dyn CatalogUnits, product: &Product, event: &OutboxEvent) -> Checked<bool> {
    let (settled, level, found) = commit!(store, tx => {
        let settled = tx.outbox().settle(event.id).await?;
        let levels = tx.stock().find_many(&[product.id]).await?;
        (settled, levels.len() == 1, tx.products().find(product.id).await?.is_some())
    })?;
    equal((level, found), (settled, settled))?;
    Ok(settled)
}

async fn a_caller_may_hang_up_at_any_await(given: &Given) -> Checked {
    let mut waits = 0;
    loop {
        let (product, event) = (sample::product()?, sample::event());
        let outcome = impatiently(waits, store_new(&*given.store, &product, &event)).await;
        let stored = is_whole(&*given.store, &product, &event).await?;
        match outcome {
            None => {
                // The dropped unit holds nothing. If it was not stored, the same unit can be stored now.
                if !stored {
                    commit!(given.store, tx => {
                        tx.products().insert(&product).await?;
                        tx.stock().insert(&sample::level(product.id, 3)).await?;
                        tx.outbox().append(&event).await?;
                    })?;
                }
            }
            Some(Ok(())) => {
                given.note(format!("hung up at each of {waits} awaits"));
                return holds(stored, "an acknowledged unit is stored");
            }
            Some(Err(error)) => return Err(error.into()),
        }
        waits += 1;
    }
}

async fn a_caller_may_hang_up_during_commit(given: &Given) -> Checked {
    for round in 0..40 {
        let (product, event) = (sample::product()?, sample::event());
        let mut tx = units::write(&*given.store).await?;
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 3)).await?;
        tx.outbox().append(&event).await?;
        let outcome = impatiently(round % 4, tx.commit()).await;
        let stored = is_whole(&*given.store, &product, &event).await?;
        if let Some(Ok(())) = outcome {
            holds(stored, "an acknowledged unit is stored")?;
        }
        // The outcome does not change later.
        equal(is_whole(&*given.store, &product, &event).await?, stored)?;
    }
    Ok(())
}

async fn a_caller_may_hang_up_while_waiting_for_a_turn(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for _ in 0..10 {
        let mut holder = units::write(&*given.store).await?;
        let levels = holder.stock().find_many(&[product.id]).await?;
        holder.stock().save_many(&levels).await?;
        // These units wait for the writer or the row. Each hangs up after 0 to 11 waits.
        let waiter = |waits| {
            let (store, id) = (given.store.clone(), product.id);
            tokio::spawn(async move {
                let work = async {
                    let mut tx = units::write(&*store).await?;
                    tx.stock().find_many(&[id]).await?;
                    tx.rollback().await
                };
                impatiently(waits, work).await
            })
        };
        let waiters: Vec<_> = (0..12).map(waiter).collect();
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        holder.commit().await?;
        for waiter in waiters {
            match waiter.await? {
                None | Some(Ok(()) | Err(StoreError::Retry(_))) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
        commit!(given.store, tx => {
            let levels = tx.stock().find_many(&[product.id]).await?;
            tx.stock().save_many(&levels).await?;
        })?;
    }
    Ok(())
}

/// A store may commit these units together. Even if every caller hangs up, the next unit must get its turn, on this
/// instance and on another.
async fn a_group_ends_even_if_every_caller_hangs_up(given: &Given) -> Checked {
    for round in 0..12 {
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut tasks = Vec::new();
        for number in 0..8_usize {
            let (store, start) = (given.store.clone(), start.clone());
            let (product, event) = (sample::product()?, sample::event());
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let outcome = impatiently(round + number, store_new(&*store, &product, &event)).await;
                (product, event, outcome)
            }));
        }
        for task in tasks {
            let (product, event, outcome) = task.await?;
            let stored = is_whole(&*given.store, &product, &event).await?;
            if let Some(Ok(())) = outcome {
                holds(stored, "an acknowledged unit is stored")?;
            }
        }
        let (product, event) = (sample::product()?, sample::event());
        let second = given.second().await?;
        commit!(second, tx => {
            tx.products().insert(&product).await?;
            tx.outbox().append(&event).await?;
        })?;
    }
    Ok(())
}
