//! The server's work for the task that fires schedules.

use crate::{
    samples::{at, uuid},
    support::{jobs, with_db},
};
use skep_application::jobs::ScheduleQueries as _;
use skep_domain::jobs::{
    Interval, JobArgs, JobKind, MisfirePolicy, NewSchedule, OverlapPolicy, Priority, QueueName, Schedule, ScheduleId,
    ScheduleName, ScheduledJob, Timing,
};

/// Fires next at this time, or never.
fn schedule(next: Option<i64>) -> Schedule {
    let job = ScheduledJob {
        kind: JobKind::parse("shop.greet").unwrap(),
        queue: QueueName::default(),
        args: JobArgs::default(),
        priority: Priority::default(),
        max_attempts: 10,
    };
    let timing = Timing::Every { interval: Interval::of_seconds(60).unwrap(), from: at(0) };
    let (misfire, overlap) = (MisfirePolicy::default(), OverlapPolicy::default());
    let name = ScheduleName::parse(&format!("a-{}", uuid())).unwrap();
    let new = NewSchedule { name, timing, job, misfire, overlap };
    Schedule { next_fire_at: next.map(at), ..Schedule::create(ScheduleId::new(uuid()), new, at(0)) }
}

/// Counts the documents and keys that the server read, with its profiler.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_that_are_not_due_cost_nothing() {
    with_db(|db| async move {
        let due = schedule(Some(5));
        let mut unit = jobs(&db.store).await;
        unit.schedules().insert(&due).await.unwrap();
        for n in 0..100 {
            unit.schedules().insert(&schedule(Some(1_000_000 + n))).await.unwrap();
            unit.schedules().insert(&schedule(None)).await.unwrap();
        }
        unit.commit().await.unwrap();
        let seen = db.profiled("schedules", async {
            assert_eq!(db.store.next_fire_at().await.unwrap(), due.next_fire_at);
            assert_eq!(db.store.list_due_schedules(at(5), 10).await.unwrap(), [due.id]);
        });
        let seen = seen.await;
        assert_eq!(seen.len(), 2);
        for entry in seen {
            assert!(entry.get_i32("keysExamined").unwrap() <= 2, "{entry}");
            assert!(entry.get_i32("docsExamined").unwrap() <= 1, "{entry}");
            assert!(!entry.contains_key("hasSortStage"), "{entry}");
        }
    })
    .await;
}
