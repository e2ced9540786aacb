//! Units that end without a commit.

use crate::{
    check::{Checked, equal, holds},
    clause::{Given, clauses},
    sample,
    units::{self, commit},
};
use skep_application::kernel::{Claimed, Scope, StoreError};
use skep_domain::catalog::{Product, StockLevel};

clauses! { "unit_of_work":
    a_dropped_unit_leaves_nothing ["UnitOfWork 2"],
    a_rolled_back_unit_leaves_nothing ["UnitOfWork 2"],
    a_dropped_unit_frees_what_it_held ["UnitOfWork 2"],
    a_rolled_back_unit_frees_what_it_held ["UnitOfWork 2"],
    an_idle_unit_frees_what_it_held ["UnitOfWork 2"],
    an_undone_unit_gives_old_values_back ["UnitOfWork 2"],
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Drop,
    RollBack,
}

async fn leaves_nothing(given: &Given, end: End) -> Checked {
    let (user, product, event) = (sample::user()?, sample::product()?, sample::event());
    let (session, claim) = (sample::session(user.id), sample::claim("undone")?);
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    let mut tx = units::identity(&*given.store).await?;
    tx.users().insert(&user).await?;
    tx.sessions().insert(&session).await?;
    match end {
        End::Drop => drop(tx),
        End::RollBack => tx.rollback().await?,
    }
    let mut tx = units::ordering(&*given.store).await?;
    equal(tx.idempotency().claim(&claim).await?, Claimed::New)?;
    tx.products().insert(&product).await?;
    tx.stock().insert(&sample::level(product.id, 5)).await?;
    tx.stock().append_movements(&[sample::movement(product.id, 5)?]).await?;
    tx.stock().insert_reservations(&[sample::reservation(order.id, product.id, None)]).await?;
    tx.orders().insert(&order).await?;
    tx.outbox().append(&event).await?;
    tx.idempotency().fill(&claim, "{}").await?;
    match end {
        End::Drop => drop(tx),
        End::RollBack => tx.rollback().await?,
    }
    equal(given.store.find_user(Scope::All, user.id).await?, None)?;
    holds(given.store.find_session(session.id).await?.is_none(), "no session is left")?;
    equal(given.store.find_product(product.id).await?, None)?;
    equal(given.store.find_stock(product.id).await?, None)?;
    equal(given.store.find_order(Scope::All, order.id).await?, None)?;
    equal(given.store.list_events(None, 10).await?, vec![])?;
    // All of it can be stored as if nothing had been.
    sample::sign_up(&*given.store, &user).await?;
    let (movements, reservations, claimed) = commit!(given.store, ordering, tx => {
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
        tx.idempotency().fill(&claim, "{}").await?;
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

/// Holds a row, lets go of it, and takes it again; often, so that what is not given back runs out.
async fn frees(given: &Given, end: End) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for round in 0..80_u32 {
        let mut tx = units::catalog(&*given.store).await?;
        let levels = tx.stock().find_many(&[product.id]).await?;
        // A unit that was dropped may take a moment to be undone in the store.
        match (tx.stock().save_many(&raised(&levels)).await, end) {
            (Ok(()) | Err(StoreError::Retry(_)), End::Drop) => drop(tx),
            (Ok(()), End::RollBack) => tx.rollback().await?,
            (Err(error), _) => return Err(error.into()),
        }
        if round % 8 == 0 {
            commit!(given.store, catalog, tx => {
                let levels = tx.stock().find_many(&[product.id]).await?;
                tx.stock().save_many(&raised(&levels)).await?;
            })?;
        }
    }
    equal(given.store.find_stock(product.id).await?.map(|stock| stock.on_hand), Some(11))
}

fn raised(levels: &[StockLevel]) -> Vec<StockLevel> {
    levels.iter().map(|level| StockLevel { on_hand: level.on_hand + 1, ..*level }).collect()
}

async fn a_dropped_unit_frees_what_it_held(given: &Given) -> Checked {
    frees(given, End::Drop).await
}

async fn a_rolled_back_unit_frees_what_it_held(given: &Given) -> Checked {
    frees(given, End::RollBack).await
}

async fn an_idle_unit_frees_what_it_held(given: &Given) -> Checked {
    for _ in 0..80 {
        drop(units::ordering(&*given.store).await?);
        units::ordering(&*given.store).await?.rollback().await?;
        units::ordering(&*given.store).await?.commit().await?;
        drop(units::reading_ordering(&*given.store).await?);
        units::reading_ordering(&*given.store).await?.commit().await?;
    }
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await
}

async fn an_undone_unit_gives_old_values_back(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for end in [End::RollBack, End::Drop] {
        let mut tx = units::catalog(&*given.store).await?;
        let changed = Product { price: sample::euros(1)?, ..product.clone() };
        match (tx.products().save(&changed).await, end) {
            (Ok(_), End::RollBack) => tx.rollback().await?,
            // A unit that was dropped just before may take a moment to be undone in the store.
            (Ok(_) | Err(StoreError::Retry(_)), _) => drop(tx),
            (Err(error), _) => return Err(error.into()),
        }
    }
    let found = commit!(given.store, catalog, tx => tx.products().find(product.id).await?)?;
    equal(found, Some(product))
}
