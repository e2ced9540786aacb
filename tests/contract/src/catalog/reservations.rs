//! `StockRepository`: reservations.

use super::Stock;
use crate::{
    check::{Checked, duplicate, equal, holds, refused, stale},
    clause::{self, clauses},
    sample,
    units::{self, commit, look},
    world,
};
use skep_application::kernel::StoreError;
use skep_domain::{
    catalog::{MAX_QUANTITY, Reservation, ReservationState, StockLevel},
    shared::{MovementId, OrderId, ProductId, Timestamp},
};
use std::sync::Arc;

clauses! { clauses of "reservations" on dyn Stock:
    values_survive,
    an_id_is_taken_once,
    reservations_are_listed_by_order_and_product,
    what_has_expired_is_listed,
    no_more_than_the_limit_is_listed_as_expired,
    an_end_is_stored,
    a_reservation_ends_once,
    a_batch_ends_as_a_whole_or_not_at_all,
    of_two_units_that_end_it_one_succeeds,
}

type Given = clause::Given<dyn Stock>;

async fn of_order(given: &Given, order: OrderId) -> Checked<Vec<Reservation>> {
    Ok(look!(given.store, tx => tx.stock().list_reservations(order).await?)?)
}

async fn hold(given: &Given, reservations: &[Reservation]) -> Checked {
    commit!(given.store, tx => tx.stock().insert_reservations(reservations).await?)?;
    Ok(())
}

/// A copy of the reservation that ended at `now`.
fn ended(reservation: &Reservation, state: ReservationState, now: Timestamp) -> Reservation {
    let mut level =
        StockLevel { reserved: reservation.quantity, ..sample::level(reservation.product_id, reservation.quantity) };
    let mut ended = *reservation;
    level.end(MovementId::new(world::uuid()), &mut ended, state, now);
    ended
}

async fn values_survive(given: &Given) -> Checked {
    for (quantity, expires_at, state, ended_at) in [
        (1, None, ReservationState::Active, None),
        (MAX_QUANTITY, Some(Timestamp::MAX), ReservationState::Committed, Some(sample::at(777))),
        (2, Some(Timestamp::MIN), ReservationState::Released, Some(Timestamp::MAX)),
        (3, Some(sample::at(5)), ReservationState::Expired, Some(sample::at(5))),
    ] {
        let order = sample::order_id();
        let plain = sample::reservation(order, sample::product_id(), expires_at);
        let reservation = Reservation { quantity, state, ended_at, ..plain };
        hold(given, &[reservation]).await?;
        equal(of_order(given, order).await?, vec![reservation])?;
    }
    Ok(())
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let reservation = sample::reservation(sample::order_id(), sample::product_id(), None);
    hold(given, &[reservation]).await?;
    let other = sample::reservation(sample::order_id(), sample::product_id(), None);
    let mut tx = units::write(&*given.store).await?;
    duplicate(
        tx.stock().insert_reservations(&[other, reservation]).await,
        skep_application::catalog::constraints::RESERVATION_ID,
    )?;
    drop(tx);
    equal(of_order(given, other.order_id).await?, vec![])
}

async fn reservations_are_listed_by_order_and_product(given: &Given) -> Checked {
    let (order, other) = (sample::order_id(), sample::order_id());
    let mut own: Vec<_> = (0..50).map(|_| sample::reservation(order, sample::product_id(), None)).collect();
    let others: Vec<_> = (0..3).map(|_| sample::reservation(other, sample::product_id(), None)).collect();
    own.sort_by_key(|reservation| reservation.id.uuid().as_bytes()[15]);
    hold(given, &own).await?;
    hold(given, &others).await?;
    own.sort_by_key(|reservation| reservation.product_id);
    equal(of_order(given, order).await?, own)?;
    equal(of_order(given, other).await?, others)?;
    equal(of_order(given, sample::order_id()).await?, vec![])
}

async fn expired(given: &Given, ids: &[ProductId], now: Timestamp, limit: u32) -> Checked<Vec<Reservation>> {
    Ok(look!(given.store, tx => tx.stock().list_expired(ids, now, limit).await?)?)
}

async fn what_has_expired_is_listed(given: &Given) -> Checked {
    let (now, order) = (sample::at(1_000), sample::order_id());
    let mut products: Vec<_> = (0..3).map(|_| sample::product_id()).collect();
    let with = |product: ProductId, millis: Option<i64>| {
        sample::reservation(order, product, millis.map(|millis| now.plus_millis(millis)))
    };
    let due = [with(products[1], Some(0)), with(products[0], Some(-1)), with(products[1], Some(-60_000))];
    let not_due = [with(products[0], Some(1)), with(products[0], None), with(products[2], Some(60_000))];
    let elsewhere = with(sample::product_id(), Some(-1));
    let over = ended(&with(products[2], Some(-1)), ReservationState::Released, sample::at(0));
    hold(given, &due).await?;
    hold(given, &not_due).await?;
    hold(given, &[elsewhere, over]).await?;
    products.reverse();
    let found = expired(given, &products, now, 100).await?;
    holds(found.is_sorted_by_key(|reservation| reservation.product_id), "the list is sorted by product")?;
    let sorted = |reservations: &[Reservation]| {
        let mut ids: Vec<_> = reservations.iter().map(|reservation| reservation.id).collect();
        ids.sort();
        ids
    };
    equal(sorted(&found), sorted(&due))?;
    equal(expired(given, &products[2..], now, 100).await?, vec![due[1]])?;
    equal(expired(given, &[sample::product_id()], now, 100).await?, vec![])
}

async fn no_more_than_the_limit_is_listed_as_expired(given: &Given) -> Checked {
    let product = sample::product_id();
    let due: Vec<_> = (0..7).map(|_| sample::reservation(sample::order_id(), product, Some(sample::at(0)))).collect();
    hold(given, &due).await?;
    for (limit, count) in [(3, 3), (7, 7), (100, 7), (0, 0)] {
        equal(expired(given, &[product], sample::at(1), limit).await?.len(), count)?;
    }
    Ok(())
}

async fn an_end_is_stored(given: &Given) -> Checked {
    for state in [ReservationState::Committed, ReservationState::Released, ReservationState::Expired] {
        let order = sample::order_id();
        let active: Vec<_> =
            (0..40).map(|_| sample::reservation(order, sample::product_id(), Some(sample::at(5)))).collect();
        hold(given, &active).await?;
        let ended: Vec<_> = active.iter().map(|one| ended(one, state, sample::at(10))).collect();
        commit!(given.store, tx => tx.stock().end_reservations(&ended).await?)?;
        equal(of_order(given, order).await?, ended)?;
    }
    Ok(())
}

async fn a_reservation_ends_once(given: &Given) -> Checked {
    let states = [ReservationState::Committed, ReservationState::Released, ReservationState::Expired];
    for first in states {
        for second in states {
            let active = sample::reservation(sample::order_id(), sample::product_id(), Some(sample::at(5)));
            hold(given, &[active]).await?;
            let (ended, again) = (ended(&active, first, sample::at(10)), ended(&active, second, sample::at(20)));
            commit!(given.store, tx => tx.stock().end_reservations(&[ended]).await?)?;
            let mut tx = units::write(&*given.store).await?;
            stale(tx.stock().end_reservations(&[again]).await)?;
            drop(tx);
            equal(of_order(given, active.order_id).await?, vec![ended])?;
        }
    }
    let unknown = sample::reservation(sample::order_id(), sample::product_id(), None);
    let mut tx = units::write(&*given.store).await?;
    stale(tx.stock().end_reservations(&[ended(&unknown, ReservationState::Released, sample::at(9))]).await)
}

async fn a_batch_ends_as_a_whole_or_not_at_all(given: &Given) -> Checked {
    let order = sample::order_id();
    let active: Vec<_> = (0..4).map(|_| sample::reservation(order, sample::product_id(), None)).collect();
    hold(given, &active).await?;
    let release: Vec<_> = active.iter().map(|one| ended(one, ReservationState::Released, sample::at(10))).collect();
    commit!(given.store, tx => tx.stock().end_reservations(&release[2..3]).await?)?;
    let mut tx = units::write(&*given.store).await?;
    stale(tx.stock().end_reservations(&release).await)?;
    refused(tx.commit().await, "a commit after an error")?;
    let expected = vec![active[0], active[1], release[2], active[3]];
    equal(of_order(given, order).await?, expected)
}

async fn of_two_units_that_end_it_one_succeeds(given: &Given) -> Checked {
    for _ in 0..10 {
        let active = sample::reservation(sample::order_id(), sample::product_id(), Some(sample::at(0)));
        hold(given, &[active]).await?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let end = |state| {
            let (store, start) = (given.store.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                let done = ended(&active, state, sample::at(10));
                (done, commit!(store, tx => tx.stock().end_reservations(&[done]).await?))
            })
        };
        let (one, other) = (end(ReservationState::Committed), end(ReservationState::Expired));
        let winner = match (one.await?, other.await?) {
            ((done, Ok(())), (_, Err(StoreError::Stale))) | ((_, Err(StoreError::Stale)), (done, Ok(()))) => done,
            (one, other) => return Err(crate::Failure::new(format!("ended with {:?} and {:?}", one.1, other.1))),
        };
        equal(of_order(given, active.order_id).await?, vec![winner])?;
    }
    Ok(())
}
