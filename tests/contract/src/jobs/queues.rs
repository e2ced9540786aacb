//! `QueueRepository` and `QueueQueries`.

use super::{
    claims::queue,
    repository::{job, new, token},
};
use crate::{
    check::{Checked, duplicate, equal, stale},
    clause::{self, clauses},
    laws::put,
    sample,
    units::{commit, look},
    world,
};
use skep_application::jobs::{
    JobsStore, OpenQueues, QueueCounts,
    constraints::{QUEUE_ID, QUEUE_NAME},
};
use skep_domain::{
    jobs::{Concurrency, Job, JobState, Queue, QueueId, QueueName},
    shared::{Lease, Version},
};

clauses! { clauses of "queues" on dyn JobsStore:
    a_queue_is_found_by_its_name,
    a_name_and_an_id_belong_to_one_queue,
    a_save_replaces_only_the_version_that_was_read,
    a_queue_that_was_held_stays_as_it_is,
    queues_are_listed_by_name,
    jobs_are_counted_up_to_a_bound,
    queues_without_workers_are_those_with_jobs_and_no_settings,
}

type Given = clause::Given<dyn JobsStore>;

fn create(name: QueueName) -> Queue {
    Queue::create(QueueId::new(world::uuid()), name, sample::at(0))
}

async fn a_queue_is_found_by_its_name(given: &Given) -> Checked {
    let (queue, other) = (create(queue()?), queue()?);
    commit!(given.store, tx => tx.queues().insert(&queue).await?)?;
    let found = look!(given.store, tx => (tx.queues().find(&queue.name).await?, tx.queues().find(&other).await?))?;
    equal(found, (Some(queue.clone()), None))?;
    equal(given.store.find_queue(&other).await?, None)?;
    equal(given.store.find_queue(&queue.name).await?, Some(queue))
}

async fn a_name_and_an_id_belong_to_one_queue(given: &Given) -> Checked {
    let queue = create(queue()?);
    commit!(given.store, tx => tx.queues().insert(&queue).await?)?;
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.queues().insert(&create(queue.name.clone())).await, QUEUE_NAME)?;
    drop(tx);
    let mut tx = crate::units::write(&*given.store).await?;
    duplicate(tx.queues().insert(&Queue { name: self::queue()?, ..queue }).await, QUEUE_ID)
}

async fn a_save_replaces_only_the_version_that_was_read(given: &Given) -> Checked {
    let old = create(queue()?);
    commit!(given.store, tx => tx.queues().insert(&old).await?)?;
    let mut new = old.clone();
    new.pause(sample::at(5));
    new.limit(Concurrency::new(Concurrency::MAX), sample::at(6));
    new.version = commit!(given.store, tx => tx.queues().save(&new).await?)?;
    equal(Some(new.version), Version::new(2))?;
    equal(given.store.find_queue(&old.name).await?, Some(new))?;
    let mut tx = crate::units::write(&*given.store).await?;
    stale(tx.queues().save(&old).await)
}

async fn a_queue_that_was_held_stays_as_it_is(given: &Given) -> Checked {
    let queue = create(queue()?);
    commit!(given.store, tx => tx.queues().insert(&queue).await?)?;
    for _ in 0..2 {
        commit!(given.store, tx => tx.queues().hold(queue.id).await?)?;
        equal(given.store.find_queue(&queue.name).await?, Some(queue.clone()))?;
    }
    let limited = Queue { concurrency: Concurrency::new(Concurrency::MIN), ..queue.clone() };
    let version = commit!(given.store, tx => {
        tx.queues().hold(queue.id).await?;
        tx.queues().save(&limited).await?
    })?;
    equal(given.store.find_queue(&queue.name).await?, Some(Queue { version, ..limited }))
}

async fn queues_are_listed_by_name(given: &Given) -> Checked {
    let mut queues = vec![];
    for name in ["b", "a", "a-", "a.", "0", "_"] {
        queues.push(create(QueueName::parse(name)?));
    }
    commit!(given.store, tx => {
        for queue in &queues {
            tx.queues().insert(queue).await?;
        }
    })?;
    queues.sort_by(|one, other| one.name.cmp(&other.name));
    equal(given.store.list_queues(10).await?, queues.clone())?;
    equal(given.store.list_queues(2).await?, queues[..2].to_vec())
}

async fn jobs_are_counted_up_to_a_bound(given: &Given) -> Checked {
    let (queue, other) = (queue()?, queue()?);
    let mut jobs = vec![];
    for (state, count) in [(JobState::Available, 3), (JobState::Running, 2), (JobState::Scheduled, 4)] {
        for number in 0..count {
            let lease = (state == JobState::Running).then(|| Lease::new(token()));
            jobs.push(Job { queue: queue.clone(), state, lease, ready_at: sample::at(5 + number), ..job(new()?) });
        }
    }
    put(&*given.store, &jobs).await?;
    let counts = |available, oldest: Option<i64>, running| QueueCounts {
        available,
        oldest_ready_at: oldest.map(sample::at),
        running,
    };
    equal(given.store.count_jobs(&queue, 10).await?, counts(3, Some(5), 2))?;
    equal(given.store.count_jobs(&queue, 2).await?, counts(2, Some(5), 2))?;
    equal(given.store.count_jobs(&queue, 1).await?, counts(1, Some(5), 1))?;
    equal(given.store.count_jobs(&other, 10).await?, counts(0, None, 0))?;
    for (name, bound, expected) in [(&queue, 10, 2), (&queue, 2, 2), (&queue, 1, 1), (&other, 10, 0)] {
        equal(look!(given.store, tx => tx.jobs().count_running(name, bound).await?)?, expected)?;
    }
    Ok(())
}

async fn queues_without_workers_are_those_with_jobs_and_no_settings(given: &Given) -> Checked {
    equal(given.store.list_unopened(10).await?, vec![])?;
    let named = QueueName::parse;
    let mut jobs = vec![];
    for (name, state) in [
        ("b", JobState::Available),
        ("b", JobState::Available),
        ("opened", JobState::Available),
        ("a", JobState::Available),
        ("z", JobState::Available),
        ("later", JobState::Scheduled),
        ("running", JobState::Running),
        ("done", JobState::Completed),
    ] {
        let lease = (state == JobState::Running).then(|| Lease::new(token()));
        let finished_at = state.is_final().then(|| sample::at(1));
        jobs.push(Job { queue: named(name)?, state, lease, finished_at, ..job(new()?) });
    }
    put(&*given.store, &jobs).await?;
    let (opened, empty) = (create(named("opened")?), create(named("empty")?));
    commit!(given.store, tx => {
        tx.queues().insert(&opened).await?;
        tx.queues().insert(&empty).await?;
    })?;
    let unopened = [named("a")?, named("b")?, named("z")?];
    equal(given.store.list_unopened(10).await?, unopened.to_vec())?;
    equal(given.store.list_unopened(2).await?, unopened[..2].to_vec())?;
    let open = OpenQueues::new(given.store.clone(), given.store.clone(), world::runtime());
    equal(open.open_unserved().await?, unopened.to_vec())?;
    equal((open.open_unserved().await?, given.store.list_queues(10).await?.len()), (vec![], 5))
}
