//! `StockRepository`: reservations.

use super::Stock;
use crate::{
    check::{Checked, duplicate, equal, holds, refused, some, stale},
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
    a_limit_cuts_off_the_last_products ["StockRepository 6"],
    an_end_is_stored,
    a_reservation_ends_once,
    a_batch_ends_as_a_whole_or_not_at_all,
    of_two_units_that_end_it_one_succeeds,
    a_kept_reservation_does_not_expire,
    only_active_reservations_are_kept,
    of_two_units_that_keep_and_end_it_one_succeeds ["StockRepository 5"],
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

async fn a_limit_cuts_off_the_last_products(given: &Given) -> Checked {
    let products: Vec<_> = (0..3).map(|_| sample::product_id()).collect();
    let ends = [[1, 2], [3, 3], [0, 0]].map(|ends| ends.map(|millis| Some(sample::at(millis))));
    for (product, ends) in products.iter().zip(ends).rev() {
        hold(given, &ends.map(|end| sample::reservation(sample::order_id(), *product, end))).await?;
    }
    for limit in 1..=6 {
        let found = expired(given, &[products[1], products[2], products[0]], sample::at(9), limit).await?;
        let found: Vec<_> = found.iter().map(|reservation| reservation.product_id).collect();
        let expected = products.iter().flat_map(|product| [*product; 2]).take(usize::try_from(limit)?).collect();
        equal(found, expected)?;
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

async fn a_kept_reservation_does_not_expire(given: &Given) -> Checked {
    let (order, product) = (sample::order_id(), sample::product_id());
    let due = Some(sample::at(0));
    let mut held: Vec<_> = (0..40).map(|_| sample::reservation(order, sample::product_id(), due)).collect();
    held.extend([sample::reservation(order, product, due), sample::reservation(order, product, None)]);
    let other = sample::reservation(sample::order_id(), product, due);
    hold(given, &held).await?;
    hold(given, &[other]).await?;
    holds(held.iter_mut().all(Reservation::keep), "each reservation is active")?;
    commit!(given.store, tx => tx.stock().keep_reservations(&held).await?)?;
    let mut found = of_order(given, order).await?;
    found.sort_by_key(|one| one.id);
    held.sort_by_key(|one| one.id);
    holds(found == held, "each reservation is kept, and nothing else has changed")?;
    let products: Vec<_> = held.iter().map(|one| one.product_id).collect();
    equal(expired(given, &products, Timestamp::MAX, 100).await?, vec![other])?;
    let released: Vec<_> = held.iter().map(|one| ended(one, ReservationState::Released, sample::at(10))).collect();
    commit!(given.store, tx => tx.stock().end_reservations(&released).await?)?;
    let states = of_order(given, order).await?.into_iter().map(|one| (one.state, one.expires_at));
    equal(states.collect::<Vec<_>>(), vec![(ReservationState::Released, None); 42])
}

async fn only_active_reservations_are_kept(given: &Given) -> Checked {
    for state in [ReservationState::Committed, ReservationState::Released, ReservationState::Expired] {
        let order = sample::order_id();
        let active: Vec<_> =
            (0..3).map(|_| sample::reservation(order, sample::product_id(), Some(sample::at(5)))).collect();
        hold(given, &active).await?;
        let over = ended(&active[1], state, sample::at(10));
        commit!(given.store, tx => tx.stock().end_reservations(&[over]).await?)?;
        let mut tx = units::write(&*given.store).await?;
        stale(tx.stock().keep_reservations(&active).await)?;
        refused(tx.commit().await, "a commit after an error")?;
        equal(of_order(given, order).await?, vec![active[0], over, active[2]])?;
    }
    let unknown = sample::reservation(sample::order_id(), sample::product_id(), None);
    let mut tx = units::write(&*given.store).await?;
    stale(tx.stock().keep_reservations(&[unknown]).await)
}

/// One unit gives the pieces to another order, as an order does that is short. The other one keeps them. Both find the
/// level first, and see an expired reservation or what the other has made of it.
async fn of_two_units_that_keep_and_end_it_one_succeeds(given: &Given) -> Checked {
    for _ in 0..10 {
        let product = sample::product()?;
        sample::stock_up(&*given.store, std::slice::from_ref(&product), 5).await?;
        let held = sample::reservation(sample::order_id(), product.id, Some(sample::at(0)));
        commit!(given.store, tx => {
            let levels = tx.stock().find_many(&[product.id]).await?;
            let reserved: Vec<_> = levels.iter().map(|level| StockLevel { reserved: 2, ..*level }).collect();
            tx.stock().save_many(&reserved).await?;
            tx.stock().insert_reservations(&[held]).await?;
        })?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let run = |keeps: bool| {
            let (store, start, id) = (given.store.clone(), start.clone(), product.id);
            tokio::spawn(async move {
                start.wait().await;
                let until = tokio::time::Instant::now() + units::REPEATS;
                loop {
                    let done = commit!(store, tx => {
                        let mut level = tx.stock().find_many(&[id]).await?.pop().ok_or(StoreError::Stale)?;
                        tokio::task::yield_now().await;
                        let found = tx.stock().list_reservations(held.order_id).await?;
                        let due: Vec<_> = found
                            .into_iter()
                            .filter(|one| one.state == ReservationState::Active && one.expires_at.is_some())
                            .collect();
                        if keeps {
                            tx.stock().keep_reservations(&due).await?;
                        } else if !due.is_empty() {
                            let over: Vec<_> =
                                due.iter().map(|one| ended(one, ReservationState::Expired, sample::at(10))).collect();
                            level.reserved = 0;
                            tx.stock().save_many(&[level]).await?;
                            tx.stock().end_reservations(&over).await?;
                        }
                        !due.is_empty()
                    });
                    match done {
                        Err(StoreError::Stale) if tokio::time::Instant::now() < until => {
                            tokio::time::sleep(units::PAUSE).await;
                        }
                        done => break done,
                    }
                }
            })
        };
        let (keeps, ends) = (run(true), run(false));
        let (kept, gone) = (keeps.await??, ends.await??);
        holds(kept != gone, format!("one of the two succeeds: kept {kept}, ended {gone}"))?;
        let found = some(of_order(given, held.order_id).await?.pop(), "the reservation")?;
        let level = some(sample::level_of(&*given.store, product.id).await?, "the level")?;
        let expected =
            if kept { (ReservationState::Active, None, 2) } else { (ReservationState::Expired, held.expires_at, 0) };
        equal((found.state, found.expires_at, level.reserved), expected)?;
    }
    Ok(())
}
