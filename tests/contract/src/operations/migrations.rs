//! `Migrations`.

use super::Schema;
use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, clauses},
    harness::Need,
    world,
};
use skep_application::operations::{Down, MigrationError, MigrationStatus};
use std::sync::Arc;

clauses! { clauses of "migrations" on dyn Schema:
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

type Given = clause::Given<dyn Schema>;

/// The name of the set that [`crate::Instance::hosted`] adds.
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

/// Checks that every step has a name and that each set counts its steps from 1 without gaps. Returns the steps.
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

/// Checks that the store can be written and read.
async fn check_use(store: &Arc<dyn Schema>) -> Checked {
    let id = world::uuid();
    store.put(id).await?;
    holds(store.has(id).await?, "the new entities are stored")
}

async fn up_applies_every_step_in_order(given: &Given) -> Checked {
    let before = given.store.migrations().status().await?;
    let known = check_steps(&before)?;
    holds(before.iter().all(|step| step.applied_at.is_none()), "no step is applied to a new store")?;
    let applied = given.store.migrations().up().await?;
    equal(places(&applied), known)?;
    holds(applied.iter().all(|step| step.applied_at.is_some()), "every applied step has its time")?;
    equal(given.store.migrations().status().await?, applied.clone())?;
    equal(given.second().await?.migrations().status().await?, applied)?;
    check_use(&given.store).await
}

async fn up_again_changes_nothing(given: &Given) -> Checked {
    let id = world::uuid();
    given.store.put(id).await?;
    let before = given.store.migrations().status().await?;
    equal(given.store.migrations().up().await?, vec![])?;
    equal(given.second().await?.migrations().up().await?, vec![])?;
    equal(given.store.migrations().status().await?, before)?;
    holds(given.store.has(id).await?, "the stored entities are still there")
}

async fn eight_instances_that_start_at_once_all_find_it_done(given: &Given) -> Checked {
    let mut steps = places(&given.store.migrations().status().await?);
    steps.sort_unstable();
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (instance, start) = (given.second().await?, start.clone());
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            let applied = instance.migrations().up().await;
            (instance, applied)
        }));
    }
    let mut applied = Vec::new();
    for task in tasks {
        let (instance, done) = task.await?;
        applied.extend(places(&done?));
        holds(
            instance.migrations().status().await?.iter().all(|step| step.applied_at.is_some()),
            "every instance finds all steps applied",
        )?;
        check_use(&instance).await?;
    }
    applied.sort_unstable();
    equal(applied, steps)
}

async fn down_takes_back_the_newest_steps(given: &Given) -> Checked {
    let known = check_steps(&given.store.migrations().status().await?)?;
    equal(given.store.migrations().down(&Down::newest(0)).await?, vec![])?;
    for left in (0..known.len()).rev() {
        let taken = given.store.migrations().down(&Down::newest(1)).await?;
        equal(places(&taken), vec![known[left].clone()])?;
        holds(taken[0].applied_at.is_none(), "a step that was taken back is not applied")?;
        equal(applied(&given.store.migrations().status().await?), known[..left].to_vec())?;
    }
    equal(given.store.migrations().down(&Down::newest(1)).await?, vec![])
}

async fn down_and_up_again_makes_an_empty_store(given: &Given) -> Checked {
    let id = world::uuid();
    given.store.put(id).await?;
    let steps = given.store.migrations().status().await?;
    let expected: Vec<Place> = places(&steps).into_iter().rev().collect();
    // A number beyond that of the steps takes back all of them.
    equal(places(&given.store.migrations().down(&Down::newest(1_000)).await?), expected)?;
    holds(given.store.migrations().status().await?.iter().all(|step| step.applied_at.is_none()), "no step is applied")?;
    equal(places(&given.store.migrations().up().await?), places(&steps))?;
    for store in [&given.store, &given.second().await?] {
        equal(store.has(id).await?, false)?;
        check_use(store).await?;
    }
    Ok(())
}

async fn a_host_brings_a_set_that_runs_after_ours(given: &Given) -> Checked {
    let ours = check_steps(&given.store.migrations().status().await?)?;
    let host = given.hosted(1).await?;
    let all = [ours.clone(), hosted(&[1])].concat();
    equal(check_steps(&host.migrations().status().await?)?, all.clone())?;
    equal(places(&host.migrations().up().await?), all)?;
    equal(host.migrations().up().await?, vec![])?;
    check_use(&host).await?;
    // The next version of the program adds one more step.
    let host = given.hosted(2).await?;
    equal(applied(&host.migrations().status().await?), [ours.clone(), hosted(&[1])].concat())?;
    equal(places(&host.migrations().up().await?), hosted(&[2]))?;
    equal(applied(&host.migrations().status().await?), [ours, hosted(&[1, 2])].concat())
}

async fn a_step_that_fails_is_not_recorded_and_keeps_those_before_it(given: &Given) -> Checked {
    let ours = places(&given.store.migrations().status().await?);
    let host = given.hosted(3).await?;
    for _ in 0..2 {
        match host.migrations().up().await {
            Err(MigrationError::Failed { set, number, .. }) => equal((set.as_str(), number), (HOSTED, 3))?,
            other => return Err(Failure::new(format!("expected a failure, found {other:?}"))),
        }
        equal(applied(&host.migrations().status().await?), [ours.clone(), hosted(&[1, 2])].concat())?;
    }
    // After the failure the lock is free, and another instance can use the store.
    let mended = given.hosted(2).await?;
    equal(mended.migrations().up().await?, vec![])?;
    check_use(&mended).await
}

async fn down_takes_back_the_set_it_names(given: &Given) -> Checked {
    let id = world::uuid();
    given.store.put(id).await?;
    let ours = places(&given.store.migrations().status().await?);
    let host = given.hosted(2).await?;
    equal(places(&host.migrations().up().await?), hosted(&[1, 2]))?;
    equal(places(&host.migrations().down(&Down::of(HOSTED, 1)).await?), hosted(&[2]))?;
    equal(places(&host.migrations().up().await?), hosted(&[2]))?;
    equal(places(&host.migrations().down(&Down::of(HOSTED, 9)).await?), hosted(&[2, 1]))?;
    equal(host.migrations().down(&Down::of(HOSTED, 1)).await?, vec![])?;
    match host.migrations().down(&Down::of("unknown", 1)).await {
        Err(MigrationError::NoSuchSet { set, .. }) => equal(set, "unknown".to_owned())?,
        other => return Err(Failure::new(format!("expected no such set, found {other:?}"))),
    }
    // The host's set is gone, so a program that does not know the set accepts the store again.
    equal(applied(&given.store.migrations().status().await?), ours)?;
    holds(given.store.has(id).await?, "the stored entities are still there")
}

async fn a_set_that_another_is_built_on_stays(given: &Given) -> Checked {
    let host = given.hosted(1).await?;
    host.migrations().up().await?;
    let before = host.migrations().status().await?;
    let foundation = before[0].set.clone();
    match host.migrations().down(&Down::of(foundation.as_str(), 1)).await {
        Err(MigrationError::Needed { set, .. }) => equal(set, foundation)?,
        other => return Err(Failure::new(format!("expected needed, found {other:?}"))),
    }
    equal(host.migrations().status().await?, before)?;
    check_use(&host).await
}

/// Calls every method and returns the refusals.
async fn refusals(store: &Arc<dyn Schema>) -> Checked<Vec<MigrationError>> {
    let results = [
        store.migrations().up().await,
        store.migrations().down(&Down::newest(1)).await,
        store.migrations().status().await,
    ];
    let refused = |result: Result<Vec<MigrationStatus>, MigrationError>| match result {
        Err(error) => Ok(error),
        Ok(steps) => Err(Failure::new(format!("expected a refusal, found {steps:?}"))),
    };
    results.into_iter().map(refused).collect()
}

async fn a_newer_step_is_refused(given: &Given) -> Checked {
    let newer = given.hosted(2).await?;
    newer.migrations().up().await?;
    for error in refusals(&given.hosted(1).await?).await? {
        match error {
            MigrationError::Newer { set, found, known } => equal((set.as_str(), found, known), (HOSTED, 2, 1))?,
            other => return Err(Failure::new(format!("expected newer, found {other:?}"))),
        }
    }
    equal(newer.migrations().up().await?, vec![])?;
    check_use(&newer).await
}

async fn an_unknown_set_is_refused(given: &Given) -> Checked {
    let host = given.hosted(2).await?;
    host.migrations().up().await?;
    for store in [&given.store, &given.second().await?] {
        for error in refusals(store).await? {
            match error {
                MigrationError::UnknownSet { set, found } => equal((set.as_str(), found), (HOSTED, 2))?,
                other => return Err(Failure::new(format!("expected an unknown set, found {other:?}"))),
            }
        }
    }
    equal(host.migrations().up().await?, vec![])?;
    check_use(&host).await
}
