//! Commands that are sent more than once, through the use case that Skep runs.

use super::Sale;
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    sale::Shop,
    sample,
    units::commit,
};
use skep_application::{
    kernel::Scope,
    ordering::{OrderView, PlaceOrderError},
};
use skep_domain::{catalog::StockLevel, shared::Direction};
use std::sync::Arc;

clauses! { clauses of "place_order" on dyn Sale:
    fifty_parallel_repeats_make_one_order ["IdempotencyKeys 2"],
    a_repeat_gets_the_old_answer_whatever_happened_since,
    another_command_with_the_key_is_refused,
    a_refused_command_leaves_its_key_free ["IdempotencyKeys 1"],
    the_key_of_another_customer_is_another_key ["IdempotencyKeys 4"],
}

type Given = clause::Given<dyn Sale>;

async fn orders(given: &Given) -> Checked<Vec<OrderView>> {
    Ok(given.store.ordering().list_orders(Scope::All, Direction::Ascending, &Default::default()).await?.items)
}

async fn fifty_parallel_repeats_make_one_order(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1_000).await?;
    let shop = Shop::of(super::opener(given)).with_key("once")?;
    let start = Arc::new(tokio::sync::Barrier::new(50));
    let began = tokio::time::Instant::now();
    let repeat = |_| {
        let (shop, start) = (shop.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            shop.place(&[(product.id, 2)]).await
        })
    };
    let tasks: Vec<_> = (0..50).map(repeat).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(serde_json::to_string(&task.await??)?);
    }
    given.note(format!("50 repeats of one key in {:.2} s", began.elapsed().as_secs_f64()));
    answers.dedup();
    equal(answers.len(), 1)?;
    let orders = orders(given).await?;
    equal(orders.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?, answers)?;
    equal(sample::level_of(&*given.store, product.id).await?.map(|stock| stock.reserved), Some(2))?;
    equal(given.store.events().list_events(None, 10).await?.len(), 1)
}

async fn a_repeat_gets_the_old_answer_whatever_happened_since(given: &Given) -> Checked {
    let mut product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 2).await?;
    let shop = Shop::of(super::opener(given)).with_key("long ago")?;
    let first = shop.place(&[(product.id, 2)]).await?;
    product.price = sample::euros(5)?;
    product.archive(sample::at(1_000_000));
    commit!(given.store, tx => tx.products().save(&product).await?)?;
    let again = shop.place(&[(product.id, 2)]).await?;
    equal(serde_json::to_string(&again)?, serde_json::to_string(&first)?)?;
    equal(orders(given).await?.len(), 1)
}

async fn another_command_with_the_key_is_refused(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 10).await?;
    let shop = Shop::of(super::opener(given)).with_key("mine")?;
    shop.place(&[(product.id, 2)]).await?;
    let other = shop.place(&[(product.id, 3)]).await;
    holds(matches!(other, Err(PlaceOrderError::KeyReused(_))), format!("the reused key is reported: {other:?}"))?;
    equal(orders(given).await?.len(), 1)?;
    equal(sample::level_of(&*given.store, product.id).await?.map(|stock| stock.reserved), Some(2))
}

async fn a_refused_command_leaves_its_key_free(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let shop = Shop::of(super::opener(given)).with_key("patience")?;
    holds(shop.place(&[(product.id, 2)]).await.is_err(), "two pieces are refused while there is one")?;
    commit!(given.store, tx => {
        let levels = tx.stock().find_many(&[product.id]).await?;
        let more: Vec<_> = levels.iter().map(|level| StockLevel { on_hand: 2, ..*level }).collect();
        tx.stock().save_many(&more).await?;
    })?;
    let view = shop.place(&[(product.id, 2)]).await?;
    equal(orders(given).await?, vec![view])
}

async fn the_key_of_another_customer_is_another_key(given: &Given) -> Checked {
    let product = sample::product()?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 10).await?;
    let one = Shop::of(super::opener(given)).with_key("same")?.place(&[(product.id, 1)]).await?;
    let other = Shop::of(super::opener(given)).with_key("same")?.place(&[(product.id, 1)]).await?;
    holds(one.id != other.id, "each customer has an order")?;
    equal(orders(given).await?.len(), 2)
}
