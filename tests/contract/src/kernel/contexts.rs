//! Clauses of `Outbox` and `IdempotencyKeys` that need the units of several contexts.

use super::{Keys, idempotency::*, outbox::settle};
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    part::Whole,
    sample,
    units::{self, commit, look},
};
use skep_application::{
    Store,
    catalog::CatalogStore,
    identity::IdentityStore,
    kernel::{Claimed, Swept},
    operations::{OperationsStore, SweepExpired, SweepIdempotencyKeys},
    ordering::OrderingStore,
};
use std::sync::Arc;

clauses! { outbox of "outbox" on dyn Store:
    every_context_writes_to_it ["Outbox 1"],
    an_attempt_goes_on_after_settling ["Outbox 3"],
}

clauses! { idempotency of "idempotency" on dyn Store:
    a_failed_unit_leaves_no_key ["IdempotencyKeys 1"],
    every_context_claims_the_same_keys,
    the_sweeper_forgets_everything_that_has_expired,
}

type Given = clause::Given<dyn Store>;

async fn every_context_writes_to_it(given: &Given) -> Checked {
    let (identity, catalog, ordering) = contexts(given);
    let events = [sample::event(), sample::event(), sample::event()];
    commit!(identity, tx => tx.outbox().append(&events[0]).await?)?;
    commit!(catalog, tx => tx.outbox().append(&events[1]).await?)?;
    commit!(ordering, tx => tx.outbox().append(&events[2]).await?)?;
    equal(given.store.list_events(None, 10).await?, events.to_vec())
}

fn contexts(given: &Given) -> (&dyn IdentityStore, &dyn CatalogStore, &dyn OrderingStore) {
    (&*given.store, &*given.store, &*given.store)
}

/// The store as a store of keys only.
fn keys_of(given: &Given) -> Whole<Arc<dyn OperationsStore>> {
    Whole(given.store.clone())
}

async fn an_attempt_goes_on_after_settling(given: &Given) -> Checked {
    let (_, catalog, _) = contexts(given);
    let (event, product) = (sample::event(), sample::product()?);
    let before = commit!(catalog, tx => {
        let before = tx.outbox().settle(event.id).await?;
        tx.products().insert(&product).await?;
        tx.outbox().append(&event).await?;
        before
    })?;
    equal(before, false)?;
    let events: Whole<Arc<dyn OperationsStore>> = Whole(given.store.clone());
    equal(settle(&events, &event).await?, true)?;
    holds(given.store.find_product(product.id).await?.is_some(), "the attempt is stored")?;
    equal(given.store.list_events(None, 10).await?, vec![event])
}

async fn a_failed_unit_leaves_no_key(given: &Given) -> Checked {
    let (_, catalog, ordering) = contexts(given);
    let (claim, product) = (sample::claim("failed")?, sample::product()?);
    sample::stock_up(catalog, std::slice::from_ref(&product), 1).await?;
    let mut tx = units::write(ordering).await?;
    equal(tx.idempotency().claim(&claim).await?, Claimed::New)?;
    holds(tx.products().insert(&product).await.is_err(), "the id is taken")?;
    holds(tx.idempotency().fill(&claim, &plain(ANSWER)).await.is_err(), "a fill after an error is refused")?;
    holds(tx.commit().await.is_err(), "a commit after an error is refused")?;
    equal(peek(&keys_of(given), &claim).await?, Claimed::New)
}

async fn every_context_claims_the_same_keys(given: &Given) -> Checked {
    let (identity, catalog, ordering) = contexts(given);
    let claim = sample::claim("shared")?;
    answer(&keys_of(given), &claim, ANSWER).await?;
    let claims = [
        look!(identity, tx => tx.idempotency().claim(&claim).await?)?,
        look!(catalog, tx => tx.idempotency().claim(&claim).await?)?,
        look!(ordering, tx => tx.idempotency().claim(&claim).await?)?,
        peek(&keys_of(given), &claim).await?,
    ];
    equal(claims, [replay(ANSWER), replay(ANSWER), replay(ANSWER), replay(ANSWER)])
}

async fn the_sweeper_forgets_everything_that_has_expired(given: &Given) -> Checked {
    let store: &dyn Keys = &keys_of(given);
    let runtime = crate::world::runtime();
    let day = 24 * 60 * 60 * 1000;
    let now = runtime.clock.now();
    keys(store, now.plus_millis(-5_000), 600).await?;
    let kept = keys(store, now.plus_millis(day), 3).await?;
    let sweeper = SweepExpired::new(vec![Arc::new(SweepIdempotencyKeys::new(given.store.clone()))], runtime);
    equal(sweeper.execute().await?, Swept::from([("idempotency keys", 600)]))?;
    equal(sweeper.execute().await?, Swept::default())?;
    for claim in &kept {
        equal(peek(store, claim).await?, replay("{}"))?;
    }
    Ok(())
}
