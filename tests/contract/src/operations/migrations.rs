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
    operations::{Down, MigrationError, MigrationStatus},
};
use std::sync::Arc;

clauses! { "migrations":
    up_applies_every_step_in_order {Need::Schema} (start Empty),
    up_again_changes_nothing {Need::Schema},
    eight_instances_that_start_at_once_all_find_it_done {Need::Schema} (start Empty),
    down_takes_back_the_newest_steps {Need::Schema},
    down_and_up_again_makes_an_empty_store {Need::Schema},
    a_host_brings_a_set_that_runs_after_ours ["Migrations 1"] {Need::Schema} (start Empty),
    a_step_that_fails_is_not_recorded_and_keeps_those_before_it ["Migrations 2"] {Need::Schema},
    down_takes_back_the_set_it_names {Need::Schema},
    a_set_that_another_is_built_on_stays ["Migrations 4"] {Need::Schema},
    a_newer_step_is_refused ["Migrations 3"] {Need::Schema},
    an_unknown_set_is_refused ["Migrations 3"] {Need::Schema},
}

/// The set that [`crate::harness::Instance::hosted`] brings.
const HOSTED: &str = "suite";

/// A step by its set and number.
type Place = (String, i64);

fn places(steps: &[MigrationStatus]) -> Vec<Place> {
    steps.iter().map(|step| (step.set.clone(), step.number)).collect()
}

fn hosted(numbers: &[i64]) -> Vec<Place> {
    numbers.iter().map(|number| (HOSTED.to_owned(), *number)).collect()
}

fn applied(steps: &[MigrationStatus]) -> Vec<Place> {
    let applied: Vec<_> = steps.iter().filter(|step| step.applied_at.is_some()).cloned().collect();
    places(&applied)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The steps, none of them without a name or out of turn: set by set, each from 1 without gaps.
fn check_steps(steps: &[MigrationStatus]) -> Checked<Vec<Place>> {
    holds(!steps.is_empty(), "there are steps")?;
    holds(steps.iter().all(|step| is_name(&step.name) && is_name(&step.set)), "every name is in snake_case")?;
    let mut sets: Vec<&str> = steps.iter().map(|step| step.set.as_str()).collect();
    sets.dedup();
    let mut expected = Vec::new();
    for set in sets {
        let count = steps.iter().filter(|step| step.set == set).count();
        expected.extend((1..=i64::try_from(count)?).map(|number| (set.to_owned(), number)));
    }
    equal(places(steps), expected.clone())?;
    Ok(expected)
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
    let known = check_steps(&before)?;
    holds(before.iter().all(|step| step.applied_at.is_none()), "nothing is applied to a new store")?;
    let applied = given.store.up().await?;
    equal(places(&applied), known)?;
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
    let mut steps = places(&given.store.status().await?);
    steps.sort_unstable();
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
        applied.extend(places(&done?));
        holds(instance.status().await?.iter().all(|step| step.applied_at.is_some()), "every starter finds it done")?;
        check_use(&instance).await?;
    }
    applied.sort_unstable();
    equal(applied, steps)
}

async fn down_takes_back_the_newest_steps(given: &Given) -> Checked {
    let known = check_steps(&given.store.status().await?)?;
    equal(given.store.down(&Down::newest(0)).await?, vec![])?;
    for left in (0..known.len()).rev() {
        let taken = given.store.down(&Down::newest(1)).await?;
        equal(places(&taken), vec![known[left].clone()])?;
        holds(taken[0].applied_at.is_none(), "what was taken back is not applied")?;
        equal(applied(&given.store.status().await?), known[..left].to_vec())?;
    }
    equal(given.store.down(&Down::newest(1)).await?, vec![])
}

async fn down_and_up_again_makes_an_empty_store(given: &Given) -> Checked {
    let (user, product) = (sample::user()?, sample::product()?);
    sample::sign_up(&*given.store, &user).await?;
    sample::stock_up(&*given.store, std::slice::from_ref(&product), 1).await?;
    let steps = given.store.status().await?;
    let expected: Vec<Place> = places(&steps).into_iter().rev().collect();
    // More than there are is all.
    equal(places(&given.store.down(&Down::newest(1_000)).await?), expected)?;
    holds(given.store.status().await?.iter().all(|step| step.applied_at.is_none()), "nothing is applied")?;
    equal(places(&given.store.up().await?), places(&steps))?;
    for store in [&given.store, &given.second().await?] {
        equal(store.find_user(Scope::All, user.id).await?, None)?;
        equal(store.find_product(product.id).await?, None)?;
        check_use(store).await?;
    }
    Ok(())
}

async fn a_host_brings_a_set_that_runs_after_ours(given: &Given) -> Checked {
    let ours = check_steps(&given.store.status().await?)?;
    let host = given.instance.hosted(1).await?;
    let all = [ours.clone(), hosted(&[1])].concat();
    equal(check_steps(&host.status().await?)?, all.clone())?;
    equal(places(&host.up().await?), all)?;
    equal(host.up().await?, vec![])?;
    check_use(&host).await?;
    // The next version of the program brings one more.
    let host = given.instance.hosted(2).await?;
    equal(applied(&host.status().await?), [ours.clone(), hosted(&[1])].concat())?;
    equal(places(&host.up().await?), hosted(&[2]))?;
    equal(applied(&host.status().await?), [ours, hosted(&[1, 2])].concat())
}

async fn a_step_that_fails_is_not_recorded_and_keeps_those_before_it(given: &Given) -> Checked {
    let ours = places(&given.store.status().await?);
    let host = given.instance.hosted(3).await?;
    for _ in 0..2 {
        match host.up().await {
            Err(MigrationError::Failed { set, number, .. }) => equal((set.as_str(), number), (HOSTED, 3))?,
            other => return Err(Failure::new(format!("expected a failure, found {other:?}"))),
        }
        equal(applied(&host.status().await?), [ours.clone(), hosted(&[1, 2])].concat())?;
    }
    // What went wrong keeps nobody else out, and the lock is free.
    let mended = given.instance.hosted(2).await?;
    equal(mended.up().await?, vec![])?;
    check_use(&mended).await
}

async fn down_takes_back_the_set_it_names(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let ours = places(&given.store.status().await?);
    let host = given.instance.hosted(2).await?;
    equal(places(&host.up().await?), hosted(&[1, 2]))?;
    equal(places(&host.down(&Down::of(HOSTED, 1)).await?), hosted(&[2]))?;
    equal(places(&host.up().await?), hosted(&[2]))?;
    equal(places(&host.down(&Down::of(HOSTED, 9)).await?), hosted(&[2, 1]))?;
    equal(host.down(&Down::of(HOSTED, 1)).await?, vec![])?;
    match host.down(&Down::of("nobodys", 1)).await {
        Err(MigrationError::NoSuchSet { set, .. }) => equal(set, "nobodys".to_owned())?,
        other => return Err(Failure::new(format!("expected no such set, found {other:?}"))),
    }
    // Nothing is left of the host: the program that does not know it accepts the store again.
    equal(applied(&given.store.status().await?), ours)?;
    holds(given.store.find_user(Scope::All, user.id).await?.is_some(), "what was stored is there")
}

async fn a_set_that_another_is_built_on_stays(given: &Given) -> Checked {
    let host = given.instance.hosted(1).await?;
    host.up().await?;
    let before = host.status().await?;
    let foundation = before[0].set.clone();
    match host.down(&Down::of(foundation.as_str(), 1)).await {
        Err(MigrationError::Needed { set, .. }) => equal(set, foundation)?,
        other => return Err(Failure::new(format!("expected needed, found {other:?}"))),
    }
    equal(host.status().await?, before)?;
    check_use(&host).await
}

/// Every method refuses the store.
async fn refusals(store: &Arc<dyn Store>) -> Checked<Vec<MigrationError>> {
    let results = [store.up().await, store.down(&Down::newest(1)).await, store.status().await];
    let refused = |result: Result<Vec<MigrationStatus>, MigrationError>| match result {
        Err(error) => Ok(error),
        Ok(steps) => Err(Failure::new(format!("expected a refusal, found {steps:?}"))),
    };
    results.into_iter().map(refused).collect()
}

async fn a_newer_step_is_refused(given: &Given) -> Checked {
    let newer = given.instance.hosted(2).await?;
    newer.up().await?;
    for error in refusals(&given.instance.hosted(1).await?).await? {
        match error {
            MigrationError::Newer { set, found, known } => equal((set.as_str(), found, known), (HOSTED, 2, 1))?,
            other => return Err(Failure::new(format!("expected newer, found {other:?}"))),
        }
    }
    equal(newer.up().await?, vec![])?;
    check_use(&newer).await
}

async fn an_unknown_set_is_refused(given: &Given) -> Checked {
    let host = given.instance.hosted(2).await?;
    host.up().await?;
    for store in [&given.store, &given.second().await?] {
        for error in refusals(store).await? {
            match error {
                MigrationError::UnknownSet { set, found } => equal((set.as_str(), found), (HOSTED, 2))?,
                other => return Err(Failure::new(format!("expected an unknown set, found {other:?}"))),
            }
        }
    }
    equal(host.up().await?, vec![])?;
    check_use(&host).await
}
