//! `StockQueries`.

use super::Stock;
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    sample,
    units::commit,
};
use skep_application::catalog::StockView;
use skep_domain::catalog::StockLevel;

clauses! { clauses of "stock_queries" on dyn Stock:
    stock_is_shown_as_stored,
    stock_of_an_archived_product_is_not_on_sale,
    stock_without_its_product_is_not_found ["StockQueries 1"],
    a_change_shows_at_once,
}

type Given = clause::Given<dyn Stock>;

async fn stock_is_shown_as_stored(given: &Given) -> Checked {
    let product = sample::product()?;
    equal(given.store.queries().find_stock(product.id).await?, None)?;
    let level = StockLevel { on_hand: 9, reserved: 4, updated_at: sample::at(321), ..sample::level(product.id, 0) };
    commit!(given.store, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&level).await?;
    })?;
    equal(given.store.queries().find_stock(product.id).await?, Some(StockView::of(&level, true)))?;
    equal(given.store.queries().find_stock(product.id).await?.map(|stock| stock.available), Some(5))
}

async fn stock_of_an_archived_product_is_not_on_sale(given: &Given) -> Checked {
    let mut product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 3).await?;
    product.archive(sample::at(1));
    commit!(given.store, tx => tx.products().save(&product).await?)?;
    let expected = StockView::of(&sample::level(product.id, 3), false);
    equal(given.store.queries().find_stock(product.id).await?, Some(expected))
}

async fn stock_without_its_product_is_not_found(given: &Given) -> Checked {
    let level = sample::level(sample::product_id(), 3);
    // A store with foreign keys refuses the insert, which satisfies the clause as well.
    let _stored_or_refused = commit!(given.store, tx => tx.stock().insert(&level).await?);
    equal(given.store.queries().find_stock(level.product_id).await?, None)
}

async fn a_change_shows_at_once(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 0).await?;
    let second = given.second().await?;
    let mut level = sample::level(product.id, 0);
    for round in 1..=20 {
        level.on_hand = round;
        commit!(given.store, tx => tx.stock().save_many(&[level]).await?)?;
        level.version = level.version.next();
        for store in [&given.store, &second] {
            equal(store.queries().find_stock(product.id).await?, Some(StockView::of(&level, true)))?;
        }
    }
    Ok(())
}
