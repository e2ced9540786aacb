//! Placing orders through the use case that Skep runs.

use super::{Sale, opener};
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::{self, clauses},
    harness::{CommitFault, Need},
    sale::{Sales, Shop},
    sample,
    units::{self, look},
};
use skep_application::{
    kernel::{Claimed, Scope},
    ordering::{OrderView, PlaceOrderError},
};
use skep_domain::{
    catalog::{MovementKind, Product, ReservationState},
    shared::Direction,
};
use std::time::Duration;

clauses! { clauses of "place_order" on dyn Sale:
    everything_is_stored_together ["Outbox 1"],
    nothing_is_stored_without_the_rest ["Outbox 1"] {Need::CommitFault(CommitFault::Aborted)},
    a_lost_answer_is_found_again {Need::CommitFault(CommitFault::LostWithEffect)},
    a_lost_answer_is_found_again_by_its_key {Need::CommitFault(CommitFault::LostWithEffect)},
    a_lost_commit_is_repeated_once {Need::CommitFault(CommitFault::LostWithoutEffect)},
    a_refusal_changes_nothing,
    sixty_four_buyers_get_thirty_two_pieces ["StockRepository 1"],
    a_few_buyers_get_all_they_want,
    carts_in_opposite_order_do_not_block_each_other ["StockRepository 2"],
}

type Given = clause::Given<dyn Sale>;

/// Checks that an order is stored with its level, reservation, movement and event, and nothing else.
async fn check_whole(given: &Given, view: &OrderView, product: &Product, pieces: u32) -> Checked {
    equal(given.store.ordering().find_order(Scope::All, view.id).await?.as_ref(), Some(view))?;
    let (order, levels, reservations, movements) = look!(given.store, tx => {
        (
            tx.orders().find(view.id).await?,
            tx.stock().find_many(&[product.id]).await?,
            tx.stock().list_reservations(view.id).await?,
            tx.stock().list_movements(product.id).await?,
        )
    })?;
    equal(order.as_ref().map(OrderView::from).as_ref(), Some(view))?;
    equal(levels.iter().map(|level| level.reserved).collect::<Vec<_>>(), vec![pieces])?;
    let held: Vec<_> = reservations.iter().map(|held| (held.product_id, held.quantity, held.state)).collect();
    equal(held, vec![(product.id, pieces, ReservationState::Active)])?;
    let moved: Vec<_> = movements.iter().map(|row| (row.kind, row.reserved_delta, row.order_id)).collect();
    equal(moved, vec![(MovementKind::Allocation, i64::from(pieces), Some(view.id))])?;
    let events = given.store.events().list_events(None, 10).await?;
    let recorded: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.aggregate_id)).collect();
    equal(recorded, vec![("ordering.order_placed.v1", view.id.uuid())])
}

async fn check_nothing(given: &Given, shop: &Shop, product: &Product) -> Checked {
    let second = given.second().await?;
    let page = second.ordering().list_orders(Scope::All, Direction::Ascending, &Default::default()).await?;
    equal(page.items, vec![])?;
    equal(second.events().list_events(None, 10).await?, vec![])?;
    let (levels, movements, claimed) = look!(second, tx => {
        (
            tx.stock().find_many(&[product.id]).await?,
            tx.stock().list_movements(product.id).await?,
            match shop.claim() {
                Some(claim) => tx.idempotency().claim(&claim).await?,
                None => Claimed::New,
            },
        )
    })?;
    equal(levels.iter().map(|level| (level.reserved, level.version.get())).collect::<Vec<_>>(), vec![(0, 1)])?;
    equal((movements, claimed), (vec![], Claimed::New))
}

async fn a_product(given: &Given, pieces: u32) -> Checked<Product> {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), pieces).await?;
    Ok(product)
}

async fn everything_is_stored_together(given: &Given) -> Checked {
    let product = a_product(given, 10).await?;
    let shop = Shop::of(opener(given)).with_key("together")?;
    let view = shop.place(&[(product.id, 2), (product.id, 1)]).await?;
    check_whole(given, &view, &product, 3).await?;
    equal(shop.place(&[(product.id, 2), (product.id, 1)]).await?, view)
}

async fn nothing_is_stored_without_the_rest(given: &Given) -> Checked {
    let product = a_product(given, 10).await?;
    let shop = Shop::of(opener(given)).with_key("none of it")?.with_patience(Duration::from_millis(300));
    given.faults().break_commits(CommitFault::Aborted).await?;
    let outcome = shop.place(&[(product.id, 3)]).await;
    holds(matches!(outcome, Err(PlaceOrderError::Store(_))), format!("the store's error is reported: {outcome:?}"))?;
    check_nothing(given, &shop, &product).await?;
    given.faults().mend().await
}

/// The answer of the commit is lost. The use case looks for its order and finds it.
async fn finds_again(given: &Given, key: Option<&str>) -> Checked {
    let product = a_product(given, 10).await?;
    let mut shop = Shop::of(opener(given));
    if let Some(key) = key {
        shop = shop.with_key(key)?;
    }
    given.faults().break_commits(CommitFault::LostWithEffect).await?;
    let placing = {
        let shop = shop.clone();
        tokio::spawn(async move { shop.place(&[(product.id, 3)]).await })
    };
    lost(given).await?;
    given.faults().mend().await?;
    let view = placing.await??;
    check_whole(given, &view, &product, 3).await
}

/// Waits until a commit is lost.
async fn lost(given: &Given) -> Checked {
    let until = tokio::time::Instant::now() + units::REPEATS;
    while given.faults().lost_commits() == 0 {
        if tokio::time::Instant::now() > until {
            return Err(Failure::new("no commit was lost"));
        }
        tokio::time::sleep(units::PAUSE).await;
    }
    Ok(())
}

async fn a_lost_answer_is_found_again(given: &Given) -> Checked {
    finds_again(given, None).await
}

async fn a_lost_answer_is_found_again_by_its_key(given: &Given) -> Checked {
    finds_again(given, Some("lost and found")).await
}

async fn a_lost_commit_is_repeated_once(given: &Given) -> Checked {
    let product = a_product(given, 10).await?;
    let shop = Shop::of(opener(given));
    given.faults().break_commits(CommitFault::LostWithoutEffect).await?;
    let placing = tokio::spawn(async move { shop.place(&[(product.id, 3)]).await });
    lost(given).await?;
    given.faults().mend().await?;
    let view = placing.await??;
    check_whole(given, &view, &product, 3).await
}

async fn a_refusal_changes_nothing(given: &Given) -> Checked {
    let product = a_product(given, 2).await?;
    let shop = Shop::of(opener(given)).with_key("too many")?;
    let outcome = shop.place(&[(product.id, 3)]).await;
    holds(matches!(outcome, Err(PlaceOrderError::InsufficientStock(_))), format!("shortage is reported: {outcome:?}"))?;
    check_nothing(given, &shop, &product).await?;
    let gone = sample::product()?;
    let outcome = shop.place(&[(product.id, 1), (gone.id, 1)]).await;
    holds(matches!(outcome, Err(PlaceOrderError::Invalid(_))), format!("an unknown product is invalid: {outcome:?}"))?;
    check_nothing(given, &shop, &product).await
}

async fn sixty_four_buyers_get_thirty_two_pieces(given: &Given) -> Checked {
    let product = a_product(given, 32).await?;
    let start = tokio::time::Instant::now();
    let sales = Sales::of(opener(given), &[vec![product.id]], 64).await?;
    given.note(format!("64 buyers of 32 pieces: {sales} in {:.2} s", start.elapsed().as_secs_f64()));
    sales.check(32, 32)?;
    check_stock(given, &product, 32).await
}

/// Checks that the level, the ledger and the orders agree.
async fn check_stock(given: &Given, product: &Product, sold: u32) -> Checked {
    let stock = some(sample::level_of(&*given.store, product.id).await?, "the stock")?;
    equal((stock.reserved, stock.version.get()), (sold, i64::from(sold) + 1))?;
    let movements = look!(given.store, tx => tx.stock().list_movements(product.id).await?)?;
    equal(movements.iter().map(|row| row.reserved_delta).sum::<i64>(), i64::from(sold))?;
    let mut orders: Vec<_> = movements.iter().filter_map(|row| row.order_id).collect();
    orders.sort();
    orders.dedup();
    equal(orders.len(), usize::try_from(sold)?)?;
    for order in orders {
        holds(given.store.ordering().find_order(Scope::All, order).await?.is_some(), "every movement has its order")?;
    }
    Ok(())
}

async fn a_few_buyers_get_all_they_want(given: &Given) -> Checked {
    let product = a_product(given, 40).await?;
    Sales::of(opener(given), &[vec![product.id]], 16).await?.check(16, 0)?;
    check_stock(given, &product, 16).await
}

async fn carts_in_opposite_order_do_not_block_each_other(given: &Given) -> Checked {
    let (one, other) = (a_product(given, 20).await?, a_product(given, 30).await?);
    let carts = [vec![one.id, other.id], vec![other.id, one.id]];
    let start = tokio::time::Instant::now();
    let sales = Sales::of(opener(given), &carts, 32).await?;
    given.note(format!("32 carts in opposite order: {sales} in {:.2} s", start.elapsed().as_secs_f64()));
    sales.check(20, 12)?;
    check_stock(given, &one, 20).await?;
    check_stock(given, &other, 20).await?;
    equal(given.store.events().list_events(None, 100).await?.len(), 20)
}
