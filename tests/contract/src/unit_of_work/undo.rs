//! Units that end without a commit.

use super::CatalogUnits;
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    sample,
    units::{self, commit},
};
use skep_application::kernel::StoreError;
use skep_domain::catalog::{Product, StockLevel};

clauses! { clauses of "unit_of_work" on dyn CatalogUnits:
    a_dropped_unit_frees_what_it_held ["UnitOfWork 2"],
    a_rolled_back_unit_frees_what_it_held ["UnitOfWork 2"],
    an_idle_unit_frees_what_it_held ["UnitOfWork 2"],
    an_undone_unit_gives_old_values_back ["UnitOfWork 2"],
}

type Given = clause::Given<dyn CatalogUnits>;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Drop,
    RollBack,
}

/// Locks a row and frees it many times, so that a lock or connection that is not given back is noticed.
async fn frees(given: &Given, end: End) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for round in 0..80_u32 {
        let mut tx = units::write(&*given.store).await?;
        let levels = tx.stock().find_many(&[product.id]).await?;
        // The store may still be undoing a unit that was dropped before.
        match (tx.stock().save_many(&raised(&levels)).await, end) {
            (Ok(()) | Err(StoreError::Retry(_)), End::Drop) => drop(tx),
            (Ok(()), End::RollBack) => tx.rollback().await?,
            (Err(error), _) => return Err(error.into()),
        }
        if round % 8 == 0 {
            commit!(given.store, tx => {
                let levels = tx.stock().find_many(&[product.id]).await?;
                tx.stock().save_many(&raised(&levels)).await?;
            })?;
        }
    }
    equal(given.store.catalog().find_stock(product.id, sample::at(0)).await?.map(|stock| stock.on_hand), Some(11))
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
        drop(units::write(&*given.store).await?);
        units::write(&*given.store).await?.rollback().await?;
        units::write(&*given.store).await?.commit().await?;
        drop(units::read(&*given.store).await?);
        units::read(&*given.store).await?.commit().await?;
    }
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await
}

async fn an_undone_unit_gives_old_values_back(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    for end in [End::RollBack, End::Drop] {
        let mut tx = units::write(&*given.store).await?;
        let changed = Product { price: sample::euros(1)?, ..product.clone() };
        match (tx.products().save(&changed).await, end) {
            (Ok(_), End::RollBack) => tx.rollback().await?,
            // The store may still be undoing a unit that was dropped before.
            (Ok(_) | Err(StoreError::Retry(_)), _) => drop(tx),
            (Err(error), _) => return Err(error.into()),
        }
    }
    let found = commit!(given.store, tx => tx.products().find(product.id).await?)?;
    equal(found, Some(product))
}
