//! `StockQueries`.

use super::Stock;
use crate::{
    check::{Checked, equal, some},
    clause::{self, clauses},
    sample,
    units::commit,
};
use skep_application::catalog::StockView;
use skep_domain::catalog::{Product, Reservation, ReservationState, StockLevel};

clauses! { clauses of "stock_queries" on dyn Stock:
    stock_is_shown_as_stored,
    stock_of_an_archived_product_is_not_on_sale,
    stock_without_its_product_is_not_found ["StockQueries 1"],
    a_change_shows_at_once,
    what_has_expired_is_not_shown_as_reserved ["StockQueries 2"],
}

type Given = clause::Given<dyn Stock>;

async fn stock_is_shown_as_stored(given: &Given) -> Checked {
    let product = sample::product()?;
    equal(given.store.queries().find_stock(product.id, sample::at(0)).await?, None)?;
    let level = StockLevel { on_hand: 9, reserved: 4, updated_at: sample::at(321), ..sample::level(product.id, 0) };
    commit!(given.store, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&level).await?;
    })?;
    equal(given.store.queries().find_stock(product.id, sample::at(0)).await?, Some(StockView::of(&level, 0, true)))?;
    equal(given.store.queries().find_stock(product.id, sample::at(0)).await?.map(|stock| stock.available), Some(5))
}

async fn stock_of_an_archived_product_is_not_on_sale(given: &Given) -> Checked {
    let mut product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 3).await?;
    product.archive(sample::at(1));
    commit!(given.store, tx => tx.products().save(&product).await?)?;
    let expected = StockView::of(&sample::level(product.id, 3), 0, false);
    equal(given.store.queries().find_stock(product.id, sample::at(0)).await?, Some(expected))
}

async fn stock_without_its_product_is_not_found(given: &Given) -> Checked {
    let level = sample::level(sample::product_id(), 3);
    // A store with foreign keys refuses the insert, which satisfies the clause as well.
    let _stored_or_refused = commit!(given.store, tx => tx.stock().insert(&level).await?);
    equal(given.store.queries().find_stock(level.product_id, sample::at(0)).await?, None)
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
            equal(store.queries().find_stock(product.id, sample::at(0)).await?, Some(StockView::of(&level, 0, true)))?;
        }
    }
    Ok(())
}

async fn what_has_expired_is_not_shown_as_reserved(given: &Given) -> Checked {
    let (now, product, other) = (sample::at(1_000), sample::product()?, sample::product()?);
    let level = StockLevel { on_hand: 20, reserved: 12, ..sample::level(product.id, 0) };
    let with = |product: &Product, millis: Option<i64>| {
        sample::reservation(sample::order_id(), product.id, millis.map(|millis| now.plus_millis(millis)))
    };
    // Each reservation has 2 pieces. The first two have expired.
    let mut held = vec![with(&product, Some(0)), with(&product, Some(-60_000)), with(&product, Some(1))];
    held.extend([with(&product, None), with(&other, Some(-1))]);
    let over = Reservation { state: ReservationState::Expired, ..with(&product, Some(-1)) };
    commit!(given.store, tx => {
        tx.products().insert(&product).await?;
        tx.stock().insert(&level).await?;
        tx.stock().insert_reservations(&held).await?;
        tx.stock().insert_reservations(&[over]).await?;
    })?;
    for (now, reserved) in [(now.plus_millis(-60_001), 12), (now.plus_millis(-1), 10), (now, 8), (sample::at(9_000), 6)]
    {
        let shown = some(given.store.queries().find_stock(product.id, now).await?, "the stock")?;
        equal((shown.on_hand, shown.reserved, shown.available), (20, reserved, 20 - reserved))?;
    }
    Ok(())
}
