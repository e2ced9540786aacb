//! `StockRepository`: levels and the ledger.

use super::Stock;
use crate::{
    check::{Checked, Failure, duplicate, equal, holds, refused, some, stale},
    clause::{self, clauses},
    harness::Need,
    sample,
    units::{self, commit, look},
    world,
};
use skep_application::kernel::{Key, StoreError, TxMode};
use skep_domain::{
    catalog::{MAX_QUANTITY, MovementKind, Product, StockLevel, StockMovement},
    shared::{Money, MovementId, ProductId, Timestamp, Version},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

clauses! { clauses of "stock" on dyn Stock:
    values_survive,
    a_level_is_stored_once,
    many_levels_are_found_by_one_call,
    a_save_stores_every_level_and_makes_the_next_version,
    a_batch_is_stale_if_one_of_its_levels_is ["StockRepository 1"],
    an_empty_batch_changes_nothing,
    no_piece_is_lost_among_many_writers ["StockRepository 1"],
    units_that_name_levels_in_any_order_do_not_block_each_other ["StockRepository 2"],
    the_ledger_survives_in_order,
    a_row_of_the_ledger_is_written_once,
    the_ledger_is_kept_by_product,
    a_batch_is_one_statement ["StockRepository 3"] {Need::RoundTrips},
    a_product_stays_as_it_is_while_its_stock_is_held ["StockRepository 4"],
    a_held_product_stays_as_it_is_for_a_unit_that_saves_no_level ["StockRepository 7"],
    of_units_that_hold_all_levels_one_leaves_its_product ["StockRepository 7"],
}

type Given = clause::Given<dyn Stock>;

async fn shelf(given: &Given, products: usize) -> Checked<Vec<ProductId>> {
    let mut made: Vec<Product> = Vec::new();
    for _ in 0..products {
        made.push(sample::product()?);
    }
    sample::stock_up(&*given.store, &made, 10).await?;
    Ok(made.iter().map(|product| product.id).collect())
}

async fn levels(given: &Given, ids: &[ProductId]) -> Checked<Vec<StockLevel>> {
    let mut found = look!(given.store, tx => tx.stock().find_many(ids).await?)?;
    found.sort_by_key(|level| level.product_id);
    Ok(found)
}

async fn values_survive(given: &Given) -> Checked {
    for (on_hand, reserved, updated_at) in
        [(0, 0, Timestamp::MIN), (MAX_QUANTITY, MAX_QUANTITY, Timestamp::MAX), (7, 3, sample::at(456))]
    {
        let product = sample::product()?;
        let level = StockLevel { on_hand, reserved, updated_at, ..sample::level(product.id, 0) };
        commit!(given.store, tx => {
            tx.products().insert(&product).await?;
            tx.stock().insert(&level).await?;
        })?;
        equal(levels(given, &[product.id]).await?, vec![level])?;
    }
    Ok(())
}

async fn a_level_is_stored_once(given: &Given) -> Checked {
    let ids = shelf(given, 1).await?;
    let mut tx = units::write(&*given.store).await?;
    duplicate(
        tx.stock().insert(&sample::level(ids[0], 99)).await,
        skep_application::catalog::constraints::STOCK_LEVEL_PRODUCT,
    )?;
    drop(tx);
    equal(levels(given, &ids).await?, vec![sample::level(ids[0], 10)])
}

async fn many_levels_are_found_by_one_call(given: &Given) -> Checked {
    let ids = shelf(given, 300).await?;
    let asked: Vec<_> = ids.iter().rev().copied().chain([sample::product_id(), ids[3], ids[3]]).collect();
    let expected: Vec<_> = ids.iter().map(|id| sample::level(*id, 10)).collect();
    holds(levels(given, &asked).await? == expected, "each existing level is found once")?;
    equal(levels(given, &[]).await?, vec![])?;
    equal(levels(given, &[sample::product_id()]).await?, vec![])
}

async fn a_save_stores_every_level_and_makes_the_next_version(given: &Given) -> Checked {
    let ids = shelf(given, 150).await?;
    for round in 1..=2_i64 {
        let changed: Vec<_> = levels(given, &ids)
            .await?
            .iter()
            .zip(1..)
            .map(|(level, number)| StockLevel {
                on_hand: 1_000 + number,
                reserved: number,
                updated_at: sample::at(round),
                ..*level
            })
            .collect();
        let seen = commit!(given.store, tx => {
            tx.stock().save_many(&changed).await?;
            tx.stock().find_many(&ids).await?
        })?;
        let expected: Vec<_> =
            changed.iter().map(|level| StockLevel { version: level.version.next(), ..*level }).collect();
        equal(seen.len(), 150)?;
        holds(levels(given, &ids).await? == expected, format!("every level is saved in round {round}"))?;
    }
    Ok(())
}

async fn a_batch_is_stale_if_one_of_its_levels_is(given: &Given) -> Checked {
    let ids = shelf(given, 5).await?;
    let before = levels(given, &ids).await?;
    commit!(given.store, tx => tx.stock().save_many(&before[3..4]).await?)?;
    let mut now = before.clone();
    now[3].version = now[3].version.next();
    let changed: Vec<_> = before.iter().map(|level| StockLevel { on_hand: 77, ..*level }).collect();
    let mut tx = units::write(&*given.store).await?;
    stale(tx.stock().save_many(&changed).await)?;
    refused(tx.commit().await, "a commit after an error")?;
    equal(levels(given, &ids).await?, now.clone())?;
    // The store may still be undoing the refused unit. Until that is done, the next writer gets `Retry` and repeats.
    commit!(given.store, tx => tx.stock().save_many(&now[0..1]).await?)?;
    now[0].version = now[0].version.next();
    // A missing level is stale, like a level with a newer version.
    let gone = StockLevel { version: Version::FIRST, ..sample::level(sample::product_id(), 1) };
    let mut tx = units::write(&*given.store).await?;
    stale(tx.stock().save_many(&[now[0], gone]).await)?;
    drop(tx);
    equal(levels(given, &ids).await?, now)
}

async fn an_empty_batch_changes_nothing(given: &Given) -> Checked {
    let ids = shelf(given, 1).await?;
    commit!(given.store, tx => {
        tx.stock().save_many(&[]).await?;
        tx.stock().append_movements(&[]).await?;
        tx.stock().insert_reservations(&[]).await?;
        tx.stock().end_reservations(&[]).await?;
        tx.stock().list_expired(&[], sample::at(0), 10).await?;
    })?;
    equal(levels(given, &ids).await?, vec![sample::level(ids[0], 10)])
}

/// Each writer reads the level, adds one piece and saves. A writer that collides with another waits, or gets `Stale` or
/// `Retry`.
async fn no_piece_is_lost_among_many_writers(given: &Given) -> Checked {
    let ids = shelf(given, 1).await?;
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let writer = |_| {
        let (store, start, ids) = (given.store.clone(), start.clone(), ids.clone());
        tokio::spawn(async move {
            start.wait().await;
            let until = tokio::time::Instant::now() + units::REPEATS;
            let mut added = 0;
            while added < 8 {
                let outcome = commit!(store, tx => {
                    let found = tx.stock().find_many(&ids).await?;
                    let more: Vec<_> =
                        found.iter().map(|level| StockLevel { on_hand: level.on_hand + 1, ..*level }).collect();
                    tokio::task::yield_now().await;
                    tx.stock().save_many(&more).await?;
                });
                match outcome {
                    Ok(()) => added += 1,
                    Err(StoreError::Stale) if tokio::time::Instant::now() < until => {
                        tokio::time::sleep(std::time::Duration::from_millis(world::random() % 10)).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    };
    let writers: Vec<_> = (0..8).map(writer).collect();
    for writer in writers {
        writer.await??;
    }
    let found = levels(given, &ids).await?;
    equal(found.iter().map(|level| (level.on_hand, level.version.get())).collect::<Vec<_>>(), vec![(74, 65)])
}

async fn units_that_name_levels_in_any_order_do_not_block_each_other(given: &Given) -> Checked {
    let ids = shelf(given, 6).await?;
    let start = Arc::new(tokio::sync::Barrier::new(6));
    let mut tasks = Vec::new();
    for turn in 0..6 {
        let (store, start, mut ids) = (given.store.clone(), start.clone(), ids.clone());
        ids.rotate_left(turn);
        if turn % 2 == 1 {
            ids.reverse();
        }
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            for _ in 0..5 {
                let until = tokio::time::Instant::now() + units::REPEATS;
                loop {
                    let hint: Vec<Key> = ids.iter().map(|id| Key(id.uuid())).collect();
                    let outcome = async {
                        let mut tx = store.begin(TxMode::Write, &hint).await?;
                        let found = tx.stock().find_many(&ids).await?;
                        tx.stock().save_many(&found).await?;
                        tx.commit().await
                    };
                    match outcome.await {
                        Ok(()) => break,
                        Err(StoreError::Retry(_) | StoreError::Stale) if tokio::time::Instant::now() < until => {
                            tokio::time::sleep(units::PAUSE).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let versions: Vec<_> = levels(given, &ids).await?.iter().map(|level| level.version.get()).collect();
    equal(versions, vec![31; 6])
}

async fn ledger(given: &Given, product: ProductId) -> Checked<Vec<StockMovement>> {
    Ok(look!(given.store, tx => tx.stock().list_movements(product).await?)?)
}

async fn the_ledger_survives_in_order(given: &Given) -> Checked {
    let ids = shelf(given, 1).await?;
    let kinds = [MovementKind::Adjustment, MovementKind::Allocation, MovementKind::Release, MovementKind::Sale];
    let deltas = [(i64::from(MAX_QUANTITY), 0), (0, 3), (0, -3), (-2, -2)];
    let mut rows = Vec::new();
    for (number, (kind, (on_hand_delta, reserved_delta))) in (0..).zip(kinds.into_iter().zip(deltas)) {
        rows.push(StockMovement {
            id: MovementId::new(world::uuid()),
            product_id: ids[0],
            kind,
            on_hand_delta,
            reserved_delta,
            order_id: (kind != MovementKind::Adjustment).then(sample::order_id),
            created_at: sample::at(number),
        });
    }
    // The rows are not appended in the order in which they happened.
    commit!(given.store, tx => tx.stock().append_movements(&[rows[2], rows[0]]).await?)?;
    commit!(given.store, tx => tx.stock().append_movements(&[rows[3], rows[1]]).await?)?;
    equal(ledger(given, ids[0]).await?, rows.clone())?;
    for at in [Timestamp::MIN, Timestamp::MAX] {
        let row = StockMovement { id: MovementId::new(world::uuid()), created_at: at, ..rows[0] };
        commit!(given.store, tx => tx.stock().append_movements(&[row]).await?)?;
        rows.push(row);
    }
    rows.sort_by_key(|row| row.created_at);
    equal(ledger(given, ids[0]).await?, rows)
}

async fn a_row_of_the_ledger_is_written_once(given: &Given) -> Checked {
    let ids = shelf(given, 1).await?;
    let (row, other) = (sample::movement(ids[0], 5)?, sample::movement(ids[0], 6)?);
    commit!(given.store, tx => tx.stock().append_movements(&[row]).await?)?;
    let mut tx = units::write(&*given.store).await?;
    duplicate(tx.stock().append_movements(&[other, row]).await, skep_application::catalog::constraints::MOVEMENT_ID)?;
    drop(tx);
    equal(ledger(given, ids[0]).await?, vec![row])
}

async fn the_ledger_is_kept_by_product(given: &Given) -> Checked {
    let ids = shelf(given, 2).await?;
    let mut rows = Vec::new();
    for number in 0..400_u32 {
        rows.push(sample::movement(ids[number as usize % 2], number + 1)?);
    }
    commit!(given.store, tx => tx.stock().append_movements(&rows).await?)?;
    for id in ids {
        let mut found = ledger(given, id).await?;
        found.sort_by_key(|row| row.on_hand_delta);
        let expected: Vec<_> = rows.iter().filter(|row| row.product_id == id).copied().collect();
        holds(found == expected, "the ledger of a product has its rows and no others")?;
    }
    equal(ledger(given, sample::product_id()).await?, vec![])
}

async fn a_batch_is_one_statement(given: &Given) -> Checked {
    let ids = shelf(given, 200).await?;
    let mut taken = Vec::new();
    for count in [1, 2, 200] {
        let levels = levels(given, &ids[..count]).await?;
        let order = sample::order_id();
        let mut rows = Vec::new();
        for id in &ids[..count] {
            rows.push(sample::movement(*id, 1)?);
        }
        let held: Vec<_> = ids[..count].iter().map(|id| sample::reservation(order, *id, None)).collect();
        let mut ended = held.clone();
        for (reservation, level) in ended.iter_mut().zip(&levels) {
            let mut level = StockLevel { reserved: 2, ..*level };
            let id = MovementId::new(world::uuid());
            level.end(id, reservation, skep_domain::catalog::ReservationState::Released, sample::at(9));
        }
        let before = given.faults().round_trips();
        commit!(given.store, tx => {
            tx.stock().find_many(&ids[..count]).await?;
            tx.stock().save_many(&levels).await?;
            tx.stock().append_movements(&rows).await?;
            tx.stock().insert_reservations(&held).await?;
            tx.stock().list_expired(&ids[..count], sample::at(0), 10).await?;
            tx.stock().end_reservations(&ended).await?;
        })?;
        taken.push(given.faults().round_trips() - before);
    }
    holds(taken[2] <= taken[1], format!("2 rows take {} round trips, 200 take {}", taken[1], taken[2]))
}

/// The version of the level that a unit found, and the price of the product at the end of the unit.
type Found = (Version, i64);

/// Finds the level, reads the product, and saves either the product at a higher price or the level. Repeats until the
/// save is stored.
async fn sell_or_raise(store: Arc<dyn Stock>, product: ProductId, raises: bool) -> Checked<Found> {
    loop {
        let done = commit!(store, tx => {
            let level = tx.stock().find_many(&[product]).await?.pop().ok_or(StoreError::Stale)?;
            // Lets another unit change the product here, if the store permits it.
            tokio::task::yield_now().await;
            let mut found = tx.products().find(product).await?.ok_or(StoreError::Stale)?;
            let price = found.price.amount();
            if raises {
                found.price = Money::new(price + 1, found.price.currency());
                tx.products().save(&found).await?;
            } else {
                tx.stock().save_many(&[level]).await?;
            }
            (level.version, if raises { price + 1 } else { price })
        });
        match done {
            Err(StoreError::Stale) => tokio::time::sleep(units::PAUSE).await,
            done => return Ok(done?),
        }
    }
}

/// Each sale saves the next version of the level, and each raise saves the next price. A sale that found the version of
/// a raise, or a later one, must see the price of that raise or a higher one. A sale that found an earlier version must
/// see a lower price.
async fn a_product_stays_as_it_is_while_its_stock_is_held(given: &Given) -> Checked {
    let product = shelf(given, 1).await?[0];
    let tasks: Vec<_> = [true, false, true, false, true, false]
        .into_iter()
        .map(|raises| {
            let store = given.store.clone();
            let task = tokio::spawn(async move {
                let mut found = vec![];
                for _ in 0..8 {
                    found.push(sell_or_raise(store.clone(), product, raises).await?);
                }
                Ok::<_, Failure>(found)
            });
            (raises, task)
        })
        .collect();
    let (mut raises, mut sales): (Vec<Found>, Vec<Found>) = (vec![], vec![]);
    for (raised, task) in tasks {
        let found = task.await??;
        if raised { raises.extend(found) } else { sales.extend(found) }
    }
    equal((raises.len(), sales.len()), (24, 24))?;
    for (at, price) in &raises {
        for (sold_at, sold_for) in &sales {
            let fits = (sold_at >= at) == (sold_for >= price);
            holds(fits, format!("sold for {sold_for} at version {sold_at}, raised to {price} at version {at}"))?;
        }
    }
    Ok(())
}

/// One unit holds a level and reads its product, and another one raises the price. The raise commits after the first unit
/// has begun to end, or one of the two fails.
async fn a_held_product_stays_as_it_is_for_a_unit_that_saves_no_level(given: &Given) -> Checked {
    let product = shelf(given, 1).await?[0];
    let (ends, mut holding) = (Arc::new(AtomicBool::new(false)), units::write(&*given.store).await?);
    holding.stock().hold(&[product]).await?;
    let price = some(holding.products().find(product).await?, "the product")?.price.amount();
    let (store, ended) = (given.store.clone(), ends.clone());
    let raise = tokio::spawn(async move {
        let mut tx = units::write(&*store).await?;
        tx.stock().find_many(&[product]).await?;
        let mut found = tx.products().find(product).await?.ok_or(StoreError::Stale)?;
        found.price = Money::new(price + 1, found.price.currency());
        tx.products().save(&found).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(ended.load(Ordering::SeqCst))
    });
    // Gives the raise time to commit, if the store permits it.
    tokio::time::sleep(20 * units::PAUSE).await;
    ends.store(true, Ordering::SeqCst);
    holding.products().insert(&sample::product()?).await?;
    let held = holding.commit().await;
    match raise.await? {
        Ok(after) => holds(after || held.is_err(), "the price was raised while the level was held")?,
        Err(StoreError::Stale | StoreError::Retry(_)) => held?,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Each unit holds all levels and archives its product if another product is on sale. Of units that hold the levels one
/// after another, the last one finds that its product is the only one left.
async fn of_units_that_hold_all_levels_one_leaves_its_product(given: &Given) -> Checked {
    for _ in 0..3 {
        let ids = shelf(given, 8).await?;
        let start = Arc::new(tokio::sync::Barrier::new(ids.len()));
        let archive = |own: ProductId| {
            let (store, start, ids) = (given.store.clone(), start.clone(), ids.clone());
            tokio::spawn(async move {
                start.wait().await;
                commit!(store, tx => {
                    tx.stock().hold(&ids).await?;
                    let mut on_sale = tx.products().find_many(&ids).await?;
                    on_sale.retain(|product| product.archived_at.is_none());
                    // Lets another unit change the products here, if the store permits it.
                    tokio::task::yield_now().await;
                    if on_sale.len() > 1 && let Some(product) = on_sale.iter_mut().find(|product| product.id == own) {
                        product.archive(sample::at(1));
                        tx.products().save(product).await?;
                    }
                })
            })
        };
        let units: Vec<_> = ids.iter().copied().map(archive).collect();
        for unit in units {
            unit.await??;
        }
        let left = look!(given.store, tx => tx.products().find_many(&ids).await?)?;
        equal(left.iter().filter(|product| product.archived_at.is_none()).count(), 1)?;
    }
    Ok(())
}
