//! Orders that were not paid in time, through the use cases that Skep runs: each ends once, and its pieces go to one
//! order.

use super::{Opener, Sale, opener};
use crate::{
    check::{Checked, Failure, equal, holds, some},
    clause::{self, clauses},
    sale::Shop,
    sample,
    units::look,
};
use skep_application::{
    kernel::Scope,
    ordering::{ConfirmPaymentError, PlaceOrderError},
};
use skep_domain::{
    catalog::{Product, Reservation, ReservationState},
    ordering::PaymentState,
    shared::OrderId,
};
use std::{slice::from_ref, sync::Arc, time::Duration};

clauses! { clauses of "expire_orders" on dyn Sale:
    overdue_orders_end_and_the_others_wait,
    an_order_ends_once_however_many_sweep,
    of_buyers_of_an_expired_piece_one_gets_it ["StockRepository 1"],
    an_order_is_paid_or_loses_its_piece_and_never_both ["StockRepository 5"],
    an_order_is_paid_or_ends_and_never_both,
    an_order_is_cancelled_or_ends_and_never_both,
}

type Given = clause::Given<dyn Sale>;

/// How often each race is run.
const ROUNDS: usize = 8;

/// A customer that has no time to pay.
fn late(given: &Given) -> Shop {
    Shop::of(opener(given)).with_lifetime(Duration::ZERO)
}

fn queries(given: &Given) -> Arc<Opener> {
    Arc::new(Opener(given.store.clone()))
}

async fn a_product(given: &Given, pieces: u32) -> Checked<Product> {
    let product = sample::product()?;
    sample::stock_up(&*given.store, from_ref(&product), pieces).await?;
    Ok(product)
}

/// What is stored about an order with one line.
struct Found {
    status: String,
    payment: PaymentState,
    held: Reservation,
    /// The sorted names of its events. Their ids are made before the attempts, so in a race they do not show the order
    /// of the changes.
    events: Vec<String>,
}

async fn found(given: &Given, id: OrderId) -> Checked<Found> {
    let view = some(given.store.ordering().find_order(Scope::All, id).await?, "the order")?;
    let (order, mut held) =
        look!(given.store, tx => (tx.orders().find(id).await?, tx.stock().list_reservations(id).await?))?;
    let events = given.store.events().list_events(None, 1_000).await?;
    let events = events.into_iter().filter(|event| event.aggregate_id == id.uuid());
    let mut events: Vec<_> = events.map(|event| event.name.replace("ordering.order_", "").replace(".v1", "")).collect();
    events.sort();
    let payment = some(order, "the order")?.progress.payment;
    Ok(Found { status: view.status, payment, held: some(held.pop(), "the reservation")?, events })
}

/// Checks that the level and the ledger agree on the number of reserved pieces.
async fn check_reserved(given: &Given, product: &Product, reserved: u32) -> Checked {
    let level = some(sample::level_of(&*given.store, product.id).await?, "the level")?;
    let movements = look!(given.store, tx => tx.stock().list_movements(product.id).await?)?;
    equal(level.reserved, reserved)?;
    equal(movements.iter().map(|row| row.reserved_delta).sum::<i64>(), i64::from(reserved))
}

async fn overdue_orders_end_and_the_others_wait(given: &Given) -> Checked {
    let product = a_product(given, 20).await?;
    let (late, patient) = (late(given), Shop::of(opener(given)).with_lifetime(Duration::from_secs(3_600)));
    let (mut overdue, mut waiting) = (vec![], vec![]);
    for _ in 0..3 {
        overdue.push(late.place(&[(product.id, 2)]).await?.id);
        waiting.push(patient.place(&[(product.id, 1)]).await?.id);
    }
    let paid = late.place(&[(product.id, 1)]).await?.id;
    late.confirm(paid).await?;
    equal(late.sweep(queries(given)).await?, 3)?;
    equal(late.sweep(queries(given)).await?, 0)?;
    for id in overdue {
        let Found { status, payment, held, events } = found(given, id).await?;
        equal((status.as_str(), payment, held.state), ("expired", PaymentState::None, ReservationState::Expired))?;
        equal(events, vec!["expired".to_owned(), "placed".to_owned()])?;
    }
    for id in waiting {
        let Found { status, held, events, .. } = found(given, id).await?;
        equal((status.as_str(), held.state, events.len()), ("pending", ReservationState::Active, 1))?;
    }
    let Found { status, held, .. } = found(given, paid).await?;
    equal((status.as_str(), held.state, held.expires_at), ("paid", ReservationState::Active, None))?;
    check_reserved(given, &product, 4).await
}

async fn an_order_ends_once_however_many_sweep(given: &Given) -> Checked {
    let product = a_product(given, 20).await?;
    let late = late(given);
    let mut overdue = vec![];
    for _ in 0..4 {
        overdue.push(late.place(&[(product.id, 1)]).await?.id);
    }
    let sweep = || {
        let (late, queries) = (late.clone(), queries(given));
        tokio::spawn(async move { late.sweep(queries).await })
    };
    let (one, other, third) = (sweep(), sweep(), sweep());
    equal(one.await?? + other.await?? + third.await??, 4)?;
    for id in overdue {
        equal(found(given, id).await?.events, vec!["expired".to_owned(), "placed".to_owned()])?;
    }
    check_reserved(given, &product, 0).await
}

async fn of_buyers_of_an_expired_piece_one_gets_it(given: &Given) -> Checked {
    for _ in 0..ROUNDS {
        let product = a_product(given, 1).await?;
        let lost = late(given).place(&[(product.id, 1)]).await?;
        let buyer = |_| {
            let shop = Shop::of(opener(given));
            tokio::spawn(async move { shop.place(&[(product.id, 1)]).await })
        };
        let (mut placed, mut short) = (0, 0);
        for buyer in (0..4).map(buyer).collect::<Vec<_>>() {
            match buyer.await? {
                Ok(_) => placed += 1,
                Err(PlaceOrderError::InsufficientStock(_)) => short += 1,
                Err(error) => return Err(error.into()),
            }
        }
        equal((placed, short), (1, 3))?;
        // The order of another customer frees the piece only. The sweep ends the order that has lost it.
        let Found { status, held, .. } = found(given, lost.id).await?;
        equal((status.as_str(), held.state), ("pending", ReservationState::Expired))?;
        check_reserved(given, &product, 1).await?;
        equal(late(given).sweep(queries(given)).await?, 1)?;
        equal(found(given, lost.id).await?.status, "expired".to_owned())?;
        check_reserved(given, &product, 1).await?;
    }
    Ok(())
}

async fn an_order_is_paid_or_loses_its_piece_and_never_both(given: &Given) -> Checked {
    for _ in 0..ROUNDS {
        let product = a_product(given, 1).await?;
        let (late, buyer) = (late(given), Shop::of(opener(given)));
        let order = late.place(&[(product.id, 1)]).await?;
        let pays = tokio::spawn({
            let late = late.clone();
            async move { late.confirm(order.id).await }
        });
        let buys = tokio::spawn(async move { buyer.place(&[(product.id, 1)]).await });
        let Found { status, held, .. } = match (pays.await?, buys.await?) {
            (Ok(paid), Err(PlaceOrderError::InsufficientStock(_))) => {
                equal((paid.status.as_str(), paid.expires_at), ("paid", None))?;
                found(given, order.id).await?
            }
            (Err(ConfirmPaymentError::ReservationExpired(_)), Ok(_)) => {
                equal(late.sweep(queries(given)).await?, 1)?;
                found(given, order.id).await?
            }
            (paid, bought) => return Err(Failure::new(format!("paid: {paid:?}, bought: {bought:?}"))),
        };
        let is_whole = [("paid", ReservationState::Active), ("expired", ReservationState::Expired)]
            .contains(&(status.as_str(), held.state));
        holds(is_whole, format!("the order is {status}, its reservation {:?}", held.state))?;
        check_reserved(given, &product, 1).await?;
    }
    Ok(())
}

/// Runs a sweep and another command on an overdue order at once. Returns what is stored then.
async fn against_the_sweep<F>(given: &Given, command: impl Fn(Shop, OrderId) -> F) -> Checked<(Product, Found)>
where
    F: Future<Output = Checked> + Send + 'static,
{
    let (product, late) = (a_product(given, 5).await?, late(given));
    let order = late.place(&[(product.id, 2)]).await?;
    let other = tokio::spawn(command(late.clone(), order.id));
    let queries = queries(given);
    let sweep = tokio::spawn(async move { late.sweep(queries).await });
    other.await??;
    holds(sweep.await?? <= 1, "the order ends once")?;
    Ok((product, found(given, order.id).await?))
}

async fn an_order_is_paid_or_ends_and_never_both(given: &Given) -> Checked {
    for _ in 0..ROUNDS {
        let pay = |late: Shop, id| async move { Ok(late.confirm(id).await.map(drop)?) };
        let (product, Found { status, payment, held, events }) = against_the_sweep(given, pay).await?;
        let (state, reserved, expected, names) = if status == "paid" {
            (ReservationState::Active, 2, PaymentState::Captured, vec!["paid", "placed"])
        } else {
            // The money came late, and must be given back.
            equal(status.as_str(), "expired")?;
            (ReservationState::Expired, 0, PaymentState::RefundDue, vec!["expired", "paid", "placed"])
        };
        equal((held.state, payment), (state, expected))?;
        equal(events, names.into_iter().map(str::to_owned).collect())?;
        check_reserved(given, &product, reserved).await?;
    }
    Ok(())
}

async fn an_order_is_cancelled_or_ends_and_never_both(given: &Given) -> Checked {
    for _ in 0..ROUNDS {
        let cancel = |late: Shop, id| async move { late.cancel(id).await.map(drop) };
        let (product, Found { status, payment, held, events }) = against_the_sweep(given, cancel).await?;
        let state = if status == "cancelled" { ReservationState::Released } else { ReservationState::Expired };
        equal((held.state, payment), (state, PaymentState::None))?;
        equal(events, vec![status.clone(), "placed".to_owned()])?;
        check_reserved(given, &product, 0).await?;
    }
    Ok(())
}
