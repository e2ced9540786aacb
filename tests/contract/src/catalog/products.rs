//! `ProductRepository`.

use crate::{
    check::{Checked, duplicate, equal, holds, stale},
    clause::{Given, clauses},
    harness::Need,
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::StoreError;
use skep_domain::{
    catalog::{Product, Sku},
    shared::{ProductId, Text, Timestamp, Version},
};
use std::sync::Arc;

clauses! { "products":
    values_survive,
    many_are_found_by_one_call,
    what_is_not_there_is_none,
    an_id_is_taken_once,
    a_code_is_taken_once,
    codes_are_compared_byte_by_byte,
    an_archived_product_keeps_its_code,
    a_save_stores_every_field_and_answers_the_next_version,
    stale_save_is_rejected,
    a_save_of_nothing_is_rejected,
    a_save_cannot_take_a_taken_code,
    no_change_is_lost_among_many_writers,
    finding_many_takes_a_fixed_number_of_round_trips {Need::RoundTrips},
}

async fn stored(given: &Given, id: ProductId) -> Checked<Option<Product>> {
    Ok(look!(given.store, catalog, tx => tx.products().find(id).await?)?)
}

async fn put(given: &Given, product: &Product) -> Checked {
    commit!(given.store, catalog, tx => tx.products().insert(product).await?)?;
    Ok(())
}

async fn values_survive(given: &Given) -> Checked {
    let longest = |character: &str, length| Text::block(&character.repeat(length), length);
    for (name, description, price, time, archived_at) in [
        (
            longest("N", 200)?,
            longest("\u{10FFFD}", 10_000)?,
            sample::money(sample::BEYOND_DOUBLE, "EUR")?,
            sample::at(1),
            None,
        ),
        (
            longest("🐝", 200)?,
            Text::block("", 1)?,
            sample::money(i64::MAX, "JPY")?,
            Timestamp::MAX,
            Some(Timestamp::MAX),
        ),
        (
            Text::line("'; DROP TABLE products; --", 200)?,
            Text::block("a\nb\tc\r\n\"\\%_$1?{}", 99)?,
            sample::money(0, "KWD")?,
            Timestamp::MIN,
            Some(Timestamp::MIN),
        ),
        (
            Text::line("e\u{301}", 200)?,
            Text::block("{\"$set\": 1}", 99)?,
            sample::money(1, "CHF")?,
            Timestamp::from_millis(-1)?,
            Some(sample::at(999)),
        ),
    ] {
        let product =
            Product { name, description, price, created_at: time, updated_at: time, archived_at, ..sample::product()? };
        put(given, &product).await?;
        equal(stored(given, product.id).await?, Some(product.clone()))?;
        let many = look!(given.store, catalog, tx => tx.products().find_many(&[product.id]).await?)?;
        equal(many, vec![product])?;
    }
    Ok(())
}

async fn many_are_found_by_one_call(given: &Given) -> Checked {
    let mut products = Vec::new();
    for _ in 0..300 {
        products.push(sample::product()?);
    }
    products[7].archive(sample::at(1));
    sample::stock_up(&*given.store, &products, 1).await?;
    let mut ids: Vec<_> = products.iter().map(|product| product.id).collect();
    ids.extend([sample::product_id(), products[3].id, products[3].id]);
    ids.reverse();
    let mut found = look!(given.store, catalog, tx => tx.products().find_many(&ids).await?)?;
    found.sort_by_key(|product| product.id);
    holds(found == products, "each that exists is found once, archived or not")?;
    let none = look!(given.store, catalog, tx => {
        (tx.products().find_many(&[]).await?, tx.products().find_many(&[sample::product_id()]).await?)
    })?;
    equal(none, (vec![], vec![]))
}

async fn what_is_not_there_is_none(given: &Given) -> Checked {
    put(given, &sample::product()?).await?;
    equal(stored(given, sample::product_id()).await?, None)
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let product = sample::product()?;
    put(given, &product).await?;
    let mut tx = units::catalog(&*given.store).await?;
    duplicate(
        tx.products().insert(&Product { id: product.id, ..sample::product()? }).await,
        skep_application::catalog::constraints::PRODUCT_ID,
    )?;
    drop(tx);
    equal(stored(given, product.id).await?, Some(product))
}

async fn a_code_is_taken_once(given: &Given) -> Checked {
    let product = sample::product()?;
    put(given, &product).await?;
    let mut tx = units::catalog(&*given.store).await?;
    let again = Product { sku: product.sku.clone(), ..sample::product()? };
    duplicate(tx.products().insert(&again).await, skep_application::catalog::constraints::PRODUCT_SKU)?;
    drop(tx);
    equal(stored(given, again.id).await?, None)?;
    // The rule also holds within a unit.
    let mut tx = units::catalog(&*given.store).await?;
    let (one, other) = (sample::product()?, sample::product()?);
    tx.products().insert(&one).await?;
    duplicate(
        tx.products().insert(&Product { sku: one.sku.clone(), ..other }).await,
        skep_application::catalog::constraints::PRODUCT_SKU,
    )
}

async fn codes_are_compared_byte_by_byte(given: &Given) -> Checked {
    for code in ["honey", "HONEY", "Honey", "hon-ey", "honey.", "0honey"] {
        put(given, &Product { sku: Sku::parse(code)?, ..sample::product()? }).await?;
    }
    Ok(())
}

async fn an_archived_product_keeps_its_code(given: &Given) -> Checked {
    let mut product = sample::product()?;
    product.archive(sample::at(1));
    put(given, &product).await?;
    let mut tx = units::catalog(&*given.store).await?;
    let again = Product { sku: product.sku.clone(), ..sample::product()? };
    duplicate(tx.products().insert(&again).await, skep_application::catalog::constraints::PRODUCT_SKU)
}

async fn a_save_stores_every_field_and_answers_the_next_version(given: &Given) -> Checked {
    let mut product = sample::product()?;
    put(given, &product).await?;
    for round in 1..=3_i64 {
        product.sku = Sku::parse(&format!("round-{round}"))?;
        product.name = Text::line(&format!("Round {round}"), 200)?;
        product.description = Text::block(if round == 2 { "" } else { "R." }, 99)?;
        product.price = sample::money(sample::BEYOND_DOUBLE + round, if round == 2 { "JPY" } else { "EUR" })?;
        product.updated_at = sample::at(100 * round);
        product.archived_at = (round != 2).then(|| sample::at(round));
        let version = commit!(given.store, catalog, tx => tx.products().save(&product).await?)?;
        equal(Some(version), Version::new(round + 1))?;
        product.version = version;
        equal(stored(given, product.id).await?, Some(product.clone()))?;
    }
    Ok(())
}

async fn stale_save_is_rejected(given: &Given) -> Checked {
    let old = sample::product()?;
    put(given, &old).await?;
    let mut new = Product { price: sample::euros(5)?, ..old.clone() };
    new.version = commit!(given.store, catalog, tx => tx.products().save(&new).await?)?;
    for version in [old.version, new.version.next()] {
        let mut tx = units::catalog(&*given.store).await?;
        stale(tx.products().save(&Product { version, price: sample::euros(9)?, ..old.clone() }).await)?;
    }
    equal(stored(given, old.id).await?, Some(new))
}

async fn a_save_of_nothing_is_rejected(given: &Given) -> Checked {
    let product = sample::product()?;
    let mut tx = units::catalog(&*given.store).await?;
    stale(tx.products().save(&product).await)?;
    drop(tx);
    equal(stored(given, product.id).await?, None)
}

async fn a_save_cannot_take_a_taken_code(given: &Given) -> Checked {
    let (one, other) = (sample::product()?, sample::product()?);
    put(given, &one).await?;
    put(given, &other).await?;
    let mut tx = units::catalog(&*given.store).await?;
    let result = tx.products().save(&Product { sku: one.sku.clone(), ..other.clone() }).await;
    duplicate(result, skep_application::catalog::constraints::PRODUCT_SKU)?;
    drop(tx);
    equal(stored(given, other.id).await?, Some(other))
}

/// Eight writers raise one price five times each, beginning anew when they are late.
async fn no_change_is_lost_among_many_writers(given: &Given) -> Checked {
    let product = Product { price: sample::euros(0)?, ..sample::product()? };
    put(given, &product).await?;
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let writer = |_| {
        let (store, start, id) = (given.store.clone(), start.clone(), product.id);
        tokio::spawn(async move {
            start.wait().await;
            let until = tokio::time::Instant::now() + units::REPEATS;
            let mut raised = 0;
            while raised < 5 {
                let outcome = commit!(store, catalog, tx => {
                    let found = tx.products().find(id).await?;
                    let mut product = found.ok_or_else(|| StoreError::corrupt("products", id, "is missing"))?;
                    let one = skep_domain::shared::Money::new(1, product.price.currency());
                    product.price = product.price.plus(one).map_err(StoreError::unreadable)?;
                    tx.products().save(&product).await?;
                });
                match outcome {
                    Ok(()) => raised += 1,
                    Err(StoreError::Stale) if tokio::time::Instant::now() < until => {
                        // Not all at the same pace again.
                        tokio::time::sleep(std::time::Duration::from_millis(crate::world::random() % 10)).await;
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
    let found = stored(given, product.id).await?;
    equal(found.map(|found| (found.price.amount(), found.version.get())), Some((40, 41)))
}

async fn finding_many_takes_a_fixed_number_of_round_trips(given: &Given) -> Checked {
    let mut products = Vec::new();
    for _ in 0..100 {
        products.push(sample::product()?);
    }
    sample::stock_up(&*given.store, &products, 1).await?;
    let ids: Vec<_> = products.iter().map(|product| product.id).collect();
    let mut taken = Vec::new();
    for count in [1, 1, 100] {
        let before = given.instance.round_trips();
        let found = look!(given.store, catalog, tx => tx.products().find_many(&ids[..count]).await?)?;
        taken.push(given.instance.round_trips() - before);
        equal(found.len(), count)?;
    }
    holds(taken[2] <= taken[1] + 1, format!("1 product takes {} round trips, 100 take {}", taken[1], taken[2]))
}
