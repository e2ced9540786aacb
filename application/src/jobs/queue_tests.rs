//! Tests of the use cases of queues, with mocks only.

use super::*;
use crate::{
    kernel::{Command, Precondition},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    jobs::{Concurrency, Queue},
    shared::{Patch, Timestamp, Version},
};
use std::sync::Arc;

/// A depot whose queue is not paused.
fn open() -> Depot {
    Depot { queue: Some(queue()), ..Depot::default() }
}

/// A depot whose queue is paused.
fn paused() -> Depot {
    let mut queue = queue();
    assert!(queue.pause(Timestamp::MIN));
    Depot { queue: Some(queue), ..Depot::default() }
}

fn change(precondition: Precondition) -> QueueCommand {
    QueueCommand { name: QueueName::default(), precondition }
}

async fn run<C: Command<Unit = dyn JobsTx>>(
    tx: MockJobsTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

#[tokio::test]
async fn a_queue_is_paused_and_resumed_with_one_event_each() {
    let was_open = open();
    let queue = run(was_open.open(), PauseQueue::default(), change(Precondition::Missing)).await.unwrap();
    let saved: Queue = was_open.seen.one("queues.save");
    assert_eq!((saved.version, queue.version), (Version::FIRST, Version::FIRST.next()));
    assert!(queue.paused_at.is_some() && saved.paused_at == queue.paused_at);
    let event = was_open.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("jobs.queue_paused.v1", queue.version));
    assert_eq!(was_open.seen.payload(), json!({ "queue_id": queue.id, "name": "default" }));

    let was_paused = paused();
    let queue = run(was_paused.open(), ResumeQueue::default(), change(Precondition::Missing)).await.unwrap();
    let saved: Queue = was_paused.seen.one("queues.save");
    assert_eq!((queue.paused_at, saved.paused_at), (None, None));
    assert_eq!(was_paused.seen.event().name, "jobs.queue_resumed.v1");
    assert_eq!(was_paused.seen.payload(), json!({ "queue_id": queue.id, "name": "default" }));
}

fn limited(number: i64) -> Depot {
    Depot { queue: Some(Queue { concurrency: Concurrency::new(number), ..queue() }), ..Depot::default() }
}

fn limit(concurrency: Patch<i64>) -> ChangeQueueCommand {
    ChangeQueueCommand { name: QueueName::default(), precondition: Precondition::Any, concurrency }
}

#[tokio::test]
async fn a_limit_is_set_changed_and_removed_with_one_event_each() {
    for (depot, patch, number) in
        [(open(), Patch::Set(3), Some(3)), (limited(3), Patch::Set(4), Some(4)), (limited(3), Patch::Clear, None)]
    {
        let queue = run(depot.open(), ChangeQueue, limit(patch)).await.unwrap();
        let saved: Queue = depot.seen.one("queues.save");
        assert_eq!((saved.version, queue.version), (Version::FIRST, Version::FIRST.next()));
        assert_eq!((queue.concurrency.map(Concurrency::get), saved.concurrency), (number, queue.concurrency));
        let event = depot.seen.event();
        assert_eq!((event.name.as_str(), event.aggregate_version), ("jobs.queue_changed.v1", queue.version));
        let payload = json!({ "queue_id": queue.id, "name": "default", "concurrency": number });
        assert_eq!(depot.seen.payload(), payload);
    }
    for (depot, patch) in [(open(), Patch::Clear), (limited(3), Patch::Keep), (limited(3), Patch::Set(3))] {
        let before = depot.queue.clone().unwrap();
        assert_eq!(run(depot.looking(), ChangeQueue, limit(patch)).await.unwrap(), before, "nothing was written");
    }
}

#[tokio::test]
async fn a_limit_is_judged_after_the_queue_was_found_and_its_version_compared() {
    let ask = async |depot: Depot, precondition, number| {
        let command = ChangeQueueCommand { precondition, ..limit(Patch::Set(number)) };
        let changed = run(depot.looking(), ChangeQueue, command).await;
        let (code, fields) = problem(&changed);
        (code, fields.into_iter().map(|(place, code)| (place.to_owned(), code)).collect::<Vec<_>>())
    };
    assert_eq!(ask(Depot::default(), Precondition::Missing, 0).await.0, "not_found");
    assert_eq!(ask(open(), Precondition::Missing, 0).await.0, "precondition_required");
    assert_eq!(ask(open(), Precondition::version(Version::FIRST.next()), 0).await.0, "precondition_failed");
    for number in [Concurrency::MIN - 1, Concurrency::MAX + 1] {
        let refused = ask(open(), Precondition::Any, number).await;
        assert_eq!(refused, ("validation_failed", vec![("/concurrency".to_owned(), "out_of_range")]));
    }
}

#[tokio::test]
async fn a_claim_takes_no_more_jobs_than_the_limit_of_the_queue_leaves() {
    for (concurrency, running, limit, room) in [
        (None, 9, 5, 5),
        (Some(4), 0, 5, 4),
        (Some(4), 1, 2, 2),
        (Some(4), 3, 5, 1),
        (Some(4), 4, 5, 0),
        (Some(4), 9, 5, 0),
    ] {
        let queue = Queue { concurrency: concurrency.and_then(Concurrency::new), ..queue() };
        let depot = Depot { queue: Some(queue), running, ..Depot::default() };
        let mut unit = depot.open();
        unit.queues.expect_hold().times(usize::from(concurrency.is_some())).returning(|_| Ok(()));
        unit.jobs
            .expect_list_available()
            .times(usize::from(room > 0))
            .withf(move |_, most| *most == room)
            .returning(|_, _| Ok(vec![]));
        let claims = ClaimJobs::new(Scripted::of([unit]), fixed_runtime().0);
        assert_eq!(claims.prepare(&QueueName::default(), limit).execute().await.unwrap(), vec![]);
    }
}

#[tokio::test]
async fn a_queue_that_is_paused_or_open_already_stays_as_it_is() {
    let paused = paused();
    let queue = run(paused.looking(), PauseQueue::default(), change(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(queue), paused.queue);
    let open = open();
    let queue = run(open.looking(), ResumeQueue::default(), change(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(queue), open.queue);
}

#[tokio::test]
async fn a_queue_is_found_before_its_version_is_compared() {
    let other = || change(Precondition::version(Version::FIRST.next()));
    let ask = async |depot: &Depot| {
        let paused = run(depot.looking(), PauseQueue::default(), other()).await;
        (code(&paused), code(&run(depot.looking(), ResumeQueue::default(), other()).await))
    };
    assert_eq!(ask(&Depot::default()).await, ("not_found", "not_found"));
    assert_eq!(ask(&open()).await, ("precondition_failed", "precondition_failed"));
}

#[tokio::test]
async fn only_admins_see_queues_and_each_has_the_numbers_of_its_jobs() {
    let counts = QueueCounts { available: 3, oldest_ready_at: Some(Timestamp::MIN), running: 2 };
    let (mut queries, counted) = (MockQueueQueries::new(), counts.clone());
    queries.expect_find_queue().returning(|name| Ok(Some(queue()).filter(|queue| queue.name == *name)));
    queries.expect_list_queues().withf(|limit| *limit == ListQueues::MOST).returning(|_| Ok(vec![queue()]));
    queries
        .expect_count_jobs()
        .withf(|name, bound| *name == QueueName::default() && *bound == ListQueues::COUNT_MAX)
        .returning(move |_, _| Ok(counted.clone()));
    let queues = ListQueues::new(Arc::new(queries));
    let view = QueueView { queue: queue(), counts };
    assert_eq!(queues.execute(&admin()).await.unwrap(), std::slice::from_ref(&view));
    assert_eq!(queues.get(&admin(), &QueueName::default()).await.unwrap(), view);
    let other = QueueName::parse("other").unwrap();
    assert_eq!(code(&queues.get(&admin(), &other).await), "not_found");
    let ask = async |actor| {
        let listed = queues.execute(&actor).await;
        (code(&listed), code(&queues.get(&actor, &QueueName::default()).await))
    };
    assert_eq!(ask(user(1)).await, ("forbidden", "forbidden"));
    assert_eq!(ask(visitor()).await, ("unauthenticated", "unauthenticated"));
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    obeys_the_frame(&open(), PauseQueue::default, &admin(), || change(Precondition::Missing)).await;
    obeys_the_frame(&paused(), ResumeQueue::default, &admin(), || change(Precondition::Missing)).await;
    obeys_the_frame(&open(), || ChangeQueue, &admin(), || limit(Patch::Set(3))).await;
}

/// Programs store these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_the_command_and_the_answer_does_not_change() {
    let command = serde_json::to_string(&change(Precondition::Missing)).unwrap();
    assert_eq!(command, r#"{"name":"default","precondition":"Missing"}"#);
    let queue = queue();
    let at = serde_json::to_string(&queue.updated_at).unwrap();
    let answer = format!(r#"{{"id":"{}","name":"default","paused_at":null,"updated_at":{at},"version":1}}"#, queue.id);
    assert_eq!(serde_json::to_string(&queue).unwrap(), answer);
    assert_eq!(serde_json::from_str::<Queue>(&answer).unwrap(), queue);
    let change = serde_json::to_string(&limit(Patch::Set(3))).unwrap();
    assert_eq!(change, r#"{"name":"default","precondition":"Any","concurrency":[3]}"#);
    let limited = Queue { concurrency: Concurrency::new(3), ..queue };
    let answer = answer.replace(r#","updated_at""#, r#","concurrency":3,"updated_at""#);
    assert_eq!(serde_json::to_string(&limited).unwrap(), answer);
    assert_eq!(serde_json::from_str::<Queue>(&answer).unwrap(), limited);
}
