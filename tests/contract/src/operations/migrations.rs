//! `Migrations`.

use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{Given, clauses},
    harness::Need,
    sample,
    units::look,
};
use skep_application::{
    Store,
    kernel::Scope,
    operations::{MigrationError, MigrationStatus},
};
use std::sync::Arc;

clauses! { "migrations":
    up_applies_every_step_in_order {Need::Schema} (start Empty),
    up_again_changes_nothing {Need::Schema},
    eight_instances_that_start_at_once_all_find_it_done {Need::Schema} (start Empty),
    down_takes_back_the_newest_steps {Need::Schema},
    down_and_up_again_makes_an_empty_store {Need::Schema},
    a_newer_schema_is_refused {Need::Schema},
}

fn numbers(steps: &[MigrationStatus]) -> Vec<i64> {
    steps.iter().map(|step| step.number).collect()
}

/// How many steps there are, none of them without a name or out of turn.
fn check_steps(steps: &[MigrationStatus]) -> Checked<i64> {
    let count = i64::try_from(steps.len())?;
    holds(count > 0, "there are steps")?;
    equal(numbers(steps), (1..=count).collect())?;
    let named = |step: &MigrationStatus| {
        !step.name.is_empty() && step.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    holds(steps.iter().all(named), "every step has a name in snake_case")?;
    Ok(count)
}

/// The store works.
async fn check_use(store: &Arc<dyn Store>) -> Checked {
    let (user, product) = (sample::user()?, sample::product()?);
    let order = sample::order_of(user.id, vec![sample::line(&product, 1)?], sample::at(0))?;
    sample::sign_up(&**store, &user).await?;
    sample::stock_up(&**store, std::slice::from_ref(&product), 1).await?;
    sample::file(&**store, &order).await?;
    let found = look!(store, ordering, tx => tx.orders().find(order.id).await?)?;
    equal(found, Some(order))
}

async fn up_applies_every_step_in_order(given: &Given) -> Checked {
    let before = given.store.status().await?;
    let count = check_steps(&before)?;
    holds(before.iter().all(|step| step.applied_at.is_none()), "nothing is applied to a new store")?;
    let applied = given.store.up().await?;
    equal(numbers(&applied), (1..=count).collect())?;
    holds(applied.iter().all(|step| step.applied_at.is_some()), "what was applied says when")?;
    equal(given.store.status().await?, applied.clone())?;
    equal(given.second().await?.status().await?, applied)?;
    check_use(&given.store).await
}

async fn up_again_changes_nothing(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let before = given.store.status().await?;
    equal(given.store.up().await?, vec![])?;
    equal(given.second().await?.up().await?, vec![])?;
    equal(given.store.status().await?, before)?;
    holds(given.store.find_user(Scope::All, user.id).await?.is_some(), "what was stored is there")
}

async fn eight_instances_that_start_at_once_all_find_it_done(given: &Given) -> Checked {
    let steps = numbers(&given.store.status().await?);
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (instance, start) = (given.second().await?, start.clone());
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            let applied = instance.up().await;
            (instance, applied)
        }));
    }
    let mut applied = Vec::new();
    for task in tasks {
        let (instance, done) = task.await?;
        applied.extend(numbers(&done?));
        holds(instance.status().await?.iter().all(|step| step.applied_at.is_some()), "every starter finds it done")?;
        check_use(&instance).await?;
    }
    applied.sort_unstable();
    equal(applied, steps)
}

async fn down_takes_back_the_newest_steps(given: &Given) -> Checked {
    let count = check_steps(&given.store.status().await?)?;
    equal(given.store.down(0).await?, vec![])?;
    for left in (0..count).rev() {
        let taken = given.store.down(1).await?;
        equal(numbers(&taken), vec![left + 1])?;
        let applied: Vec<_> =
            given.store.status().await?.into_iter().filter(|step| step.applied_at.is_some()).collect();
        equal(numbers(&applied), (1..=left).collect())?;
    }
    equal(given.store.down(1).await?, vec![])
}

async fn down_and_up_again_makes_an_empty_store(given: &Given) -> Checked {
    let (user, product) = (sample::user()?, sample::product()?);
    sample::sign_up(&*given.store, &user).await?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let steps = given.store.status().await?;
    let expected: Vec<i64> = steps.iter().rev().map(|step| step.number).collect();
    // More than there are is all.
    equal(numbers(&given.store.down(1_000).await?), expected)?;
    holds(given.store.status().await?.iter().all(|step| step.applied_at.is_none()), "nothing is applied")?;
    equal(numbers(&given.store.up().await?), numbers(&steps))?;
    for store in [&given.store, &given.second().await?] {
        equal(store.find_user(Scope::All, user.id).await?, None)?;
        equal(store.find_product(product.id).await?, None)?;
        check_use(store).await?;
    }
    Ok(())
}

async fn a_newer_schema_is_refused(given: &Given) -> Checked {
    let known = check_steps(&given.store.status().await?)?;
    given.instance.pretend_newer().await?;
    for result in [given.store.up().await, given.store.down(1).await, given.second().await?.up().await] {
        match result {
            Err(MigrationError::Newer { found, known: program }) => equal((found, program), (known + 1, known))?,
            other => return Err(Failure::new(format!("expected newer, found {other:?}"))),
        }
    }
    check_use(&given.store).await
}
