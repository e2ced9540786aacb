//! `OrderRepository`.

use crate::{
    check::{Checked, duplicate, equal, holds, some, stale},
    clause::{Given, clauses},
    harness::Need,
    sample,
    units::{self, commit, look},
    world,
};
use skep_application::kernel::StoreError;
use skep_domain::{
    catalog::{MAX_QUANTITY, Product},
    ordering::{FulfilmentState, Order, OrderLine, OrderState, PaymentState, Progress, Trigger},
    shared::{Text, Timestamp, Version},
};
use std::sync::Arc;

clauses! { "orders":
    values_survive,
    every_progress_survives,
    a_thousand_lines_survive_in_order,
    what_is_not_there_is_none,
    an_id_is_taken_once,
    a_number_is_taken_once,
    a_save_stores_progress_and_answers_the_next_version,
    a_save_leaves_lines_and_totals_alone,
    stale_save_is_rejected,
    a_save_of_nothing_is_rejected,
    of_two_writers_one_is_stale,
    an_insert_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

async fn stored(given: &Given, order: &Order) -> Checked<Option<Order>> {
    Ok(look!(given.store, ordering, tx => tx.orders().find(order.id).await?)?)
}

async fn values_survive(given: &Given) -> Checked {
    let longest = Text::line(&"\u{10FFFD}".repeat(200), 200)?;
    let dear = Product { price: sample::money(sample::BEYOND_DOUBLE, "KWD")?, name: longest, ..sample::product()? };
    let dearest = Product { price: sample::money(i64::MAX, "JPY")?, ..sample::product()? };
    let free = Product { price: sample::money(0, "EUR")?, ..sample::product()? };
    let cheap = Product { price: sample::money(1, "EUR")?, ..sample::product()? };
    for (lines, placed) in [
        (vec![sample::line(&dear, 1)?], sample::at(1)),
        (vec![sample::line(&dearest, 1)?], Timestamp::MAX),
        (vec![sample::line(&free, MAX_QUANTITY)?, sample::line(&cheap, MAX_QUANTITY)?], Timestamp::MIN),
        (vec![sample::line(&free, 1)?], Timestamp::from_millis(-1)?),
    ] {
        let order = sample::order_of(sample::user_id(), lines, placed)?;
        sample::file(&*given.store, &order).await?;
        equal(stored(given, &order).await?, Some(order))?;
    }
    Ok(())
}

async fn every_progress_survives(given: &Given) -> Checked {
    for order_state in OrderState::ALL {
        for payment in PaymentState::ALL {
            for fulfilment in FulfilmentState::ALL {
                let progress = Progress { order: *order_state, payment: *payment, fulfilment: *fulfilment };
                let order = Order { progress, ..sample::order()? };
                sample::file(&*given.store, &order).await?;
                equal(stored(given, &order).await?.map(|order| order.progress), Some(progress))?;
            }
        }
    }
    Ok(())
}

fn lines(count: usize) -> Checked<Vec<OrderLine>> {
    let mut products = Vec::new();
    for _ in 0..count {
        products.push(sample::product()?);
    }
    // In an order that neither ids nor codes have.
    products.sort_by_key(|product| product.id.uuid().as_bytes()[15]);
    products.iter().zip(1..).map(|(product, quantity)| sample::line(product, quantity)).collect()
}

async fn a_thousand_lines_survive_in_order(given: &Given) -> Checked {
    let order = sample::order_of(sample::user_id(), lines(1_000)?, sample::at(0))?;
    sample::file(&*given.store, &order).await?;
    let found = some(stored(given, &order).await?, "the order")?;
    equal(found.lines.len(), 1_000)?;
    holds(found == order, "the lines are as they were placed")
}

async fn what_is_not_there_is_none(given: &Given) -> Checked {
    sample::file(&*given.store, &sample::order()?).await?;
    equal(stored(given, &sample::order()?).await?, None)
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let order = sample::order()?;
    sample::file(&*given.store, &order).await?;
    let mut tx = units::ordering(&*given.store).await?;
    let again = Order { id: order.id, ..sample::order()? };
    duplicate(tx.orders().insert(&again).await, skep_application::ordering::constraints::ORDER_ID)?;
    drop(tx);
    equal(stored(given, &order).await?, Some(order))
}

async fn a_number_is_taken_once(given: &Given) -> Checked {
    let order = sample::order()?;
    sample::file(&*given.store, &order).await?;
    let mut tx = units::ordering(&*given.store).await?;
    let again = Order { number: order.number.clone(), ..sample::order()? };
    duplicate(tx.orders().insert(&again).await, skep_application::ordering::constraints::ORDER_NUMBER)?;
    drop(tx);
    equal(stored(given, &again).await?, None)
}

async fn a_save_stores_progress_and_answers_the_next_version(given: &Given) -> Checked {
    let mut order = sample::order()?;
    sample::file(&*given.store, &order).await?;
    for (trigger, version) in [(Trigger::PaymentCaptured, 2), (Trigger::Ship, 3), (Trigger::Deliver, 4)] {
        order.apply(trigger, sample::at(1_000 * version))?;
        let saved = commit!(given.store, ordering, tx => tx.orders().save(&order).await?)?;
        equal(Some(saved), Version::new(version))?;
        order.version = saved;
        equal(stored(given, &order).await?, Some(order.clone()))?;
    }
    Ok(())
}

async fn a_save_leaves_lines_and_totals_alone(given: &Given) -> Checked {
    let order = sample::order()?;
    sample::file(&*given.store, &order).await?;
    let mut other = Order { lines: lines(3)?, total: sample::euros(1)?, ..order.clone() };
    other.apply(Trigger::Cancel, sample::at(50_000))?;
    commit!(given.store, ordering, tx => tx.orders().save(&other).await?)?;
    let expected =
        Order { progress: other.progress, updated_at: other.updated_at, version: order.version.next(), ..order };
    equal(stored(given, &expected).await?, Some(expected.clone()))
}

async fn stale_save_is_rejected(given: &Given) -> Checked {
    let mut order = sample::order()?;
    sample::file(&*given.store, &order).await?;
    let old = order.clone();
    order.apply(Trigger::PaymentCaptured, sample::at(9_000))?;
    order.version = commit!(given.store, ordering, tx => tx.orders().save(&order).await?)?;
    let mut late = old;
    late.apply(Trigger::Cancel, sample::at(9_001))?;
    for version in [late.version, order.version.next()] {
        let mut tx = units::ordering(&*given.store).await?;
        stale(tx.orders().save(&Order { version, ..late.clone() }).await)?;
    }
    equal(stored(given, &order).await?, Some(order))
}

async fn a_save_of_nothing_is_rejected(given: &Given) -> Checked {
    let order = sample::order()?;
    let mut tx = units::ordering(&*given.store).await?;
    stale(tx.orders().save(&order).await)?;
    drop(tx);
    equal(stored(given, &order).await?, None)
}

async fn of_two_writers_one_is_stale(given: &Given) -> Checked {
    for _ in 0..15 {
        let order = sample::order()?;
        sample::file(&*given.store, &order).await?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let write = |trigger| {
            let (store, start, mut order) = (given.store.clone(), start.clone(), order.clone());
            tokio::spawn(async move {
                start.wait().await;
                order.apply(trigger, world::now())?;
                let outcome = commit!(store, ordering, tx => tx.orders().save(&order).await?);
                Ok::<_, skep_domain::ordering::InvalidTransition>((order, outcome))
            })
        };
        let (pays, cancels) = (write(Trigger::PaymentCaptured), write(Trigger::Cancel));
        let (paid, cancelled) = (pays.await??, cancels.await??);
        let winner = match (paid, cancelled) {
            ((order, Ok(_)), (_, Err(StoreError::Stale))) | ((_, Err(StoreError::Stale)), (order, Ok(_))) => order,
            (one, other) => {
                return Err(crate::Failure::new(format!("the writers ended with {:?} and {:?}", one.1, other.1)));
            }
        };
        equal(stored(given, &order).await?.map(|order| order.progress), Some(winner.progress))?;
    }
    Ok(())
}

async fn an_insert_takes_a_fixed_number_of_round_trips(given: &Given) -> Checked {
    let mut taken = Vec::new();
    sample::file(&*given.store, &sample::order()?).await?;
    for count in [2, 500] {
        let order = sample::order_of(sample::user_id(), lines(count)?, sample::at(0))?;
        let before = given.instance.round_trips();
        sample::file(&*given.store, &order).await?;
        taken.push(given.instance.round_trips() - before);
    }
    holds(taken[1] <= taken[0] + 1, format!("2 lines take {} round trips, 500 take {}", taken[0], taken[1]))
}
