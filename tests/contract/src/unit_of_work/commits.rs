//! Commits that fail, and commits with an unknown outcome.

use super::CatalogUnits;
use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, clauses},
    harness::{CommitFault, Need},
    sample,
    units::{self, commit},
};
use skep_application::{
    catalog::CatalogTx,
    kernel::{OutboxEvent, StoreError},
};
use skep_domain::{catalog::Product, shared::EventId};
use std::{sync::Arc, time::Duration};

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    a_failed_commit_is_reported_and_leaves_nothing ["UnitOfWork 4", "UnitOfWork 5"] {Need::CommitFault(CommitFault::Aborted)},
    a_failed_commit_spares_the_next ["UnitOfWork 5"] {Need::CommitFault(CommitFault::Aborted)},
    a_lost_answer_is_an_unknown_outcome ["UnitOfWork 5"] {Need::CommitFault(CommitFault::LostWithEffect)},
    an_unknown_commit_with_effect_is_settled_as_stored ["UnitOfWork 5", "Outbox 3"] {Need::CommitFault(CommitFault::LostWithEffect)},
    an_unknown_commit_without_effect_is_settled_as_not_stored ["UnitOfWork 5", "Outbox 3"] {Need::CommitFault(CommitFault::LostWithoutEffect)},
    settling_is_final_while_a_commit_is_on_its_way ["UnitOfWork 5", "Outbox 3"] {Need::CommitFault(CommitFault::LostOnItsWay)},
    a_full_store_says_so_and_stores_nothing {Need::Full},
}

type Given = clause::Given<dyn CatalogUnits>;

/// Writes a product, its level and an event in one unit, and returns the result of `commit`.
async fn store_new(given: &Given, product: &Product, event: &OutboxEvent) -> Checked<Result<(), StoreError>> {
    let mut tx = units::write(&*given.store).await?;
    tx.products().insert(product).await?;
    tx.stock().insert(&sample::level(product.id, 3)).await?;
    tx.outbox().append(event).await?;
    Ok(tx.commit().await)
}

/// Returns whether another instance finds the unit stored. A unit that is stored in part is an error.
async fn is_stored(given: &Given, product: &Product, event: &OutboxEvent) -> Checked<bool> {
    let second = given.second().await?;
    let events = second.events().list_events(None, 1_000).await?;
    let there = events.iter().any(|stored| stored.id == event.id);
    equal(second.catalog().find_product(product.id).await?.is_some(), there)?;
    equal(second.catalog().find_stock(product.id, sample::at(0)).await?.is_some(), there)?;
    Ok(there)
}

async fn a_failed_commit_is_reported_and_leaves_nothing(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::Aborted).await?;
    match store_new(given, &product, &event).await? {
        Err(StoreError::Retry(_) | StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Corrupt(_)) => {}
        outcome => return Err(Failure::new(format!("an aborted commit was reported as {outcome:?}"))),
    }
    holds(!is_stored(given, &product, &event).await?, "an aborted unit leaves nothing")?;
    given.faults().mend().await
}

async fn a_failed_commit_spares_the_next(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::Aborted).await?;
    for _ in 0..40 {
        let outcome = store_new(given, &sample::product()?, &sample::event()).await?;
        holds(outcome.is_err(), "every commit fails")?;
    }
    given.faults().mend().await?;
    commit!(given.store, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 3)).await?;
        tx.outbox().append(&event).await?;
    })?;
    holds(is_stored(given, &product, &event).await?, "a unit after the fault is stored")?;
    equal(given.store.events().list_events(None, 10).await?.len(), 1)
}

fn unknown(outcome: &Result<(), StoreError>) -> Checked {
    match outcome {
        Err(StoreError::OutcomeUnknown(_)) => Ok(()),
        outcome => Err(Failure::new(format!("a lost commit was reported as {outcome:?}"))),
    }
}

/// Settles the event in a separate unit, and repeats while the answer is not final.
async fn settled(given: &Given, event: EventId) -> Checked<bool> {
    Ok(commit!(given.store, tx => tx.outbox().settle(event).await?)?)
}

async fn a_lost_answer_is_an_unknown_outcome(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::LostWithEffect).await?;
    unknown(&store_new(given, &product, &event).await?)?;
    holds(is_stored(given, &product, &event).await?, "the fault lets the commit through")?;
    given.faults().mend().await
}

async fn an_unknown_commit_with_effect_is_settled_as_stored(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::LostWithEffect).await?;
    unknown(&store_new(given, &product, &event).await?)?;
    given.faults().mend().await?;
    equal(settled(given, event.id).await?, true)?;
    equal(settled(given, event.id).await?, true)?;
    holds(is_stored(given, &product, &event).await?, "a settled unit is stored")?;
    equal(given.store.events().list_events(None, 10).await?, vec![event])
}

async fn an_unknown_commit_without_effect_is_settled_as_not_stored(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::LostWithoutEffect).await?;
    unknown(&store_new(given, &product, &event).await?)?;
    given.faults().mend().await?;
    equal(settled(given, event.id).await?, false)?;
    holds(!is_stored(given, &product, &event).await?, "the unit is not stored")?;
    // The same attempt runs again, and settles its event first.
    let before = commit!(given.store, tx => {
        let before = tx.outbox().settle(event.id).await?;
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 3)).await?;
        tx.outbox().append(&event).await?;
        before
    })?;
    equal(before, false)?;
    equal(settled(given, event.id).await?, true)?;
    equal(given.store.events().list_events(None, 10).await?, vec![event])
}

/// The commit of a dead client can arrive seconds later. A unit that settles its event before then must wait for that
/// commit or prevent it. It must not answer `false` if the commit is stored afterwards.
async fn settling_is_final_while_a_commit_is_on_its_way(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().break_commits(CommitFault::LostOnItsWay).await?;
    unknown(&store_new(given, &product, &event).await?)?;
    let second = given.second().await?;
    let mut asking = tokio::spawn(ask(second, event.id));
    // Settling may wait for the commit, so a short timeout is enough to see that it does.
    match tokio::time::timeout(Duration::from_millis(400), &mut asking).await {
        Err(_) => {
            given.faults().mend().await?;
            let (answer, tx) = asking.await??;
            equal(answer, true)?;
            tx.rollback().await?;
            holds(is_stored(given, &product, &event).await?, "the late unit is stored")
        }
        Ok(early) => {
            let (answer, mut tx) = early??;
            equal(answer, false)?;
            // While its unit is open, the answer holds even if the commit arrives now. The unit can repeat the attempt.
            let late = given.faults().mend().await;
            holds(!is_stored(given, &product, &event).await?, format!("the late commit stores nothing ({late:?})"))?;
            tx.products().insert(&product).await?;
            tx.stock().insert(&sample::level(product.id, 3)).await?;
            tx.outbox().append(&event).await?;
            tx.commit().await?;
            equal(given.second().await?.events().list_events(None, 10).await?, vec![event])
        }
    }
}

/// Settles the event until the answer is final. Returns the answer with its unit, which is still open.
async fn ask(store: Arc<dyn CatalogUnits>, event: EventId) -> Result<(bool, Box<dyn CatalogTx>), StoreError> {
    let until = tokio::time::Instant::now() + units::REPEATS;
    loop {
        let mut tx = units::write(&*store).await?;
        match tx.outbox().settle(event).await {
            Ok(answer) => return Ok((answer, tx)),
            Err(StoreError::Retry(_)) if tokio::time::Instant::now() < until => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(units::PAUSE).await;
    }
}

async fn a_full_store_says_so_and_stores_nothing(given: &Given) -> Checked {
    let (product, event) = (sample::product()?, sample::event());
    given.faults().fill().await?;
    let mut stored = 0;
    // A store may have some space left that the fault cannot take. Each unit uses up a little of it.
    let (lost, error) = loop {
        let (fresh, event) = (sample::product()?, sample::event());
        let mut tx = units::write(&*given.store).await?;
        let written = async {
            tx.products().insert(&fresh).await?;
            tx.outbox().append(&event).await
        };
        let outcome = match written.await {
            Ok(()) => tx.commit().await,
            Err(error) => {
                holds(tx.commit().await.is_err(), "a commit after an error is refused")?;
                Err(error)
            }
        };
        match outcome {
            Ok(()) if stored < 5_000 => stored += 1,
            Ok(()) => return Err(Failure::new("the store is never full")),
            Err(error) => break ((fresh, event), error),
        }
    };
    holds(matches!(error, StoreError::Full(_)), format!("a full store reports `Full`, not {error:?}"))?;
    given.faults().mend().await?;
    equal(given.store.catalog().find_product(lost.0.id).await?, None)?;
    holds(
        given.store.events().list_events(None, 10_000).await?.iter().all(|event| event.id != lost.1.id),
        "no event is left",
    )?;
    commit!(given.store, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&sample::level(product.id, 3)).await?;
        tx.outbox().append(&event).await?;
    })?;
    holds(is_stored(given, &product, &event).await?, "units are stored once there is space again")
}
