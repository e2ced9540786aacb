//! Tests of the use cases of queues, with mocks only.

use super::*;
use crate::{
    kernel::{Command, Precondition},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    jobs::Queue,
    shared::{Timestamp, Version},
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
    let queue = run(was_open.open(), PauseQueue, change(Precondition::Missing)).await.unwrap();
    let saved: Queue = was_open.seen.one("queues.save");
    assert_eq!((saved.version, queue.version), (Version::FIRST, Version::FIRST.next()));
    assert!(queue.paused_at.is_some() && saved.paused_at == queue.paused_at);
    let event = was_open.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("jobs.queue_paused.v1", queue.version));
    assert_eq!(was_open.seen.payload(), json!({ "queue_id": queue.id, "name": "default" }));

    let was_paused = paused();
    let queue = run(was_paused.open(), ResumeQueue, change(Precondition::Missing)).await.unwrap();
    let saved: Queue = was_paused.seen.one("queues.save");
    assert_eq!((queue.paused_at, saved.paused_at), (None, None));
    assert_eq!(was_paused.seen.event().name, "jobs.queue_resumed.v1");
    assert_eq!(was_paused.seen.payload(), json!({ "queue_id": queue.id, "name": "default" }));
}

#[tokio::test]
async fn a_queue_that_is_paused_or_open_already_stays_as_it_is() {
    let paused = paused();
    let queue = run(paused.looking(), PauseQueue, change(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(queue), paused.queue);
    let open = open();
    let queue = run(open.looking(), ResumeQueue, change(Precondition::Missing)).await.unwrap();
    assert_eq!(Some(queue), open.queue);
}

#[tokio::test]
async fn a_queue_is_found_before_its_version_is_compared() {
    let other = || change(Precondition::version(Version::FIRST.next()));
    let ask = async |depot: &Depot| {
        let paused = run(depot.looking(), PauseQueue, other()).await;
        (code(&paused), code(&run(depot.looking(), ResumeQueue, other()).await))
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
    obeys_the_frame(&open(), || PauseQueue, &admin(), || change(Precondition::Missing)).await;
    obeys_the_frame(&paused(), || ResumeQueue, &admin(), || change(Precondition::Missing)).await;
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
}
