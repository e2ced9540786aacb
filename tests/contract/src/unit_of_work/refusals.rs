//! Units that end with a refusal.

use super::CatalogUnits;
use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, clauses},
    sample,
    units::{self, commit},
};
use skep_application::kernel::StoreError;
use std::sync::Arc;

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    a_refusal_rests_on_durable_rows ["UnitOfWork 7"],
    a_refusal_after_a_failed_commit_is_decided_again ["UnitOfWork 7"]
        {crate::harness::Need::CommitFault(crate::harness::CommitFault::Aborted)},
    a_lost_commit_is_never_reported_as_stored ["UnitOfWork 4"]
        {crate::harness::Need::CommitFault(crate::harness::CommitFault::Aborted)},
}

type Given = clause::Given<dyn CatalogUnits>;

/// A caller that is refused because of a row must find that row everywhere. If a store shows a unit the rows of another
/// unit that is not committed yet (group commit), `rollback` waits for that commit.
async fn a_refusal_rests_on_durable_rows(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..30 {
        let product = sample::product()?;
        let start = Arc::new(tokio::sync::Barrier::new(12));
        let mut tasks = Vec::new();
        for number in 0..12 {
            let (store, second, start) = (given.store.clone(), second.clone(), start.clone());
            let product = product.clone();
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                if number == 5 {
                    commit!(store, tx => {
                        tx.products().insert(&product).await?;
                        tx.outbox().append(&sample::event()).await?;
                    })?;
                    return Ok(());
                }
                let mut tx = units::write(&*store).await?;
                let seen = tx.products().find(product.id).await?.is_some();
                match tx.rollback().await {
                    Ok(()) if seen => holds(
                        second.catalog().find_product(product.id).await?.is_some(),
                        "the row that a refusal rests on is stored",
                    ),
                    Ok(()) | Err(StoreError::Retry(_)) => Ok(()),
                    Err(error) => Err(Failure::from(error)),
                }
            }));
        }
        for task in tasks {
            task.await??;
        }
    }
    Ok(())
}

/// Like the trial above, but the row that was seen is lost, so `rollback` must not return `Ok`.
async fn a_refusal_after_a_failed_commit_is_decided_again(given: &Given) -> Checked {
    given.faults().break_commits(crate::harness::CommitFault::Aborted).await?;
    for _ in 0..20 {
        let product = sample::product()?;
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut tasks = Vec::new();
        for number in 0..8 {
            let (store, start, product) = (given.store.clone(), start.clone(), product.clone());
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let mut tx = units::write(&*store).await?;
                if number == 3 {
                    tx.products().insert(&product).await?;
                    tx.outbox().append(&sample::event()).await?;
                    return holds(tx.commit().await.is_err(), "every commit fails");
                }
                let seen = tx.products().find(product.id).await?.is_some();
                let undone = tx.rollback().await;
                holds(!(seen && undone.is_ok()), "no caller is refused because of a row that never was")
            }));
        }
        for task in tasks {
            task.await??;
        }
        equal(given.store.catalog().find_product(product.id).await?, None)?;
    }
    given.faults().mend().await
}

/// The fault may hit only the units that append an event. Each unit is stored if and only if its commit returned `Ok`.
async fn a_lost_commit_is_never_reported_as_stored(given: &Given) -> Checked {
    given.faults().break_commits(crate::harness::CommitFault::Aborted).await?;
    for _ in 0..10 {
        let start = Arc::new(tokio::sync::Barrier::new(12));
        let mut tasks = Vec::new();
        for number in 0..12 {
            let (store, start, product) = (given.store.clone(), start.clone(), sample::product()?);
            tasks.push(tokio::spawn(async move {
                start.wait().await;
                let mut tx = units::write(&*store).await?;
                tx.products().insert(&product).await?;
                if number % 4 == 3 {
                    tx.outbox().append(&sample::event()).await?;
                }
                Ok::<_, StoreError>((product.id, tx.commit().await))
            }));
        }
        for task in tasks {
            let (id, committed) = match task.await? {
                Ok(outcome) => outcome,
                // A failed neighbor in its group aborted the unit before its commit.
                Err(StoreError::Retry(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            equal(given.store.catalog().find_product(id).await?.is_some(), committed.is_ok())?;
        }
    }
    given.faults().mend().await
}
