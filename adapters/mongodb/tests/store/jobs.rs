//! The server's work for workers.

use crate::{
    samples::{at, job, new_job, uuid},
    support::{Db, jobs, with_db},
};
use skep_application::{
    jobs::{JobQueries as _, QueueQueries as _},
    kernel::StoreError,
};
use skep_domain::{
    jobs::{Job, JobState, JobStates, NewJob, OrderingKey, Progress, QueueName, UniqueKey, Uniqueness},
    shared::{LeaseToken, UserId},
};

async fn store(db: &Db, stored: &[Job]) {
    let mut unit = jobs(&db.store).await;
    for job in stored {
        assert_eq!(unit.jobs().insert(job).await.unwrap(), None);
    }
    unit.commit().await.unwrap();
}

fn in_order(key: &str) -> Job {
    job(NewJob { ordering_key: Some(OrderingKey::parse(key).unwrap()), ..new_job() })
}

/// Claimed and completed jobs, and jobs that wait for their time.
fn others() -> Vec<Job> {
    let mut others = vec![];
    for n in 0..100 {
        others.push(job(NewJob { ready_at: Some(at(1_000_000 + n)), ..new_job() }));
        let mut ended = job(new_job());
        let token = LeaseToken::new(uuid());
        assert!(ended.claim(token, at(1)));
        ended.complete(token, None, at(2)).unwrap();
        others.push(ended);
    }
    others
}

/// Counts the documents and keys that the server read, with its profiler.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_other_states_cost_a_worker_nothing() {
    with_db(|db| async move {
        let owner = UserId::new(uuid());
        let waiting = [job(new_job()), job(NewJob { owner_id: Some(owner), ..new_job() })];
        let due = job(NewJob { ready_at: Some(at(5)), ..new_job() });
        let mut running = job(new_job());
        assert!(running.claim(LeaseToken::new(uuid()), at(1)));
        store(&db, &[others(), waiting.to_vec(), vec![due.clone(), running.clone()]].concat()).await;
        let queue = QueueName::default();
        let seen = db.profiled("jobs", async {
            let mut unit = jobs(&db.store).await;
            assert_eq!(unit.jobs().list_available(&queue, 10).await.unwrap().len(), 2);
            assert_eq!(unit.jobs().list_due(at(5), 10).await.unwrap(), std::slice::from_ref(&due));
            assert_eq!(unit.jobs().count_waiting(owner, &due.kind, 10).await.unwrap(), 1);
            assert_eq!(unit.jobs().sweep(JobState::Completed, at(1), 10).await.unwrap(), 0);
            unit.commit().await.unwrap();
            assert_eq!(db.store.list_held().await.unwrap(), [(running.id, running.lease.unwrap())]);
            assert_eq!(db.store.next_ready_at().await.unwrap(), Some(due.ready_at));
            let counts = db.store.count_jobs(&queue, 10).await.unwrap();
            assert_eq!((counts.available, counts.oldest_ready_at, counts.running), (2, Some(at(0)), 1));
        });
        let seen = seen.await;
        assert_eq!(seen.len(), 10);
        for entry in seen {
            assert!(entry.get_i32("keysExamined").unwrap() <= 4, "{entry}");
            assert!(entry.get_i32("docsExamined").unwrap() <= 2, "{entry}");
            assert!(!entry.contains_key("hasSortStage"), "{entry}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_with_the_same_ordering_key_are_passed_in_one_query() {
    with_db(|db| async move {
        let jobs_of = |key: &str| (0..20).map(|_| in_order(key)).collect::<Vec<_>>();
        let mut running = in_order("running");
        assert!(running.claim(LeaseToken::new(uuid()), at(1)));
        let mut stored = [jobs_of("running"), jobs_of("a"), jobs_of("b"), vec![job(new_job())]].concat();
        for (stored, millis) in stored.iter_mut().zip(0..) {
            stored.ready_at = at(millis);
        }
        store(&db, &[stored.clone(), vec![running]].concat()).await;
        let seen = db.profiled("jobs", async {
            let mut unit = jobs(&db.store).await;
            let found = unit.jobs().list_available(&QueueName::default(), 3).await.unwrap();
            assert_eq!(found, [&stored[20], &stored[40], &stored[60]].map(Clone::clone));
            unit.commit().await.unwrap();
        });
        // The running keys, and the three jobs.
        assert_eq!(seen.await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_finds_the_holder_of_a_unique_key_keeps_it_from_being_released() {
    with_db(|db| async move {
        let unique = Uniqueness { key: UniqueKey::parse("daily").unwrap(), states: JobStates::WAITING };
        let holder = job(NewJob { unique: Some(unique), ..new_job() });
        store(&db, std::slice::from_ref(&holder)).await;
        let mut unit = jobs(&db.store).await;
        let other = job(NewJob { unique: holder.unique.clone(), ..new_job() });
        assert_eq!(unit.jobs().insert(&other).await.unwrap(), Some(holder.clone()));
        let mut claimed = holder.clone();
        assert!(claimed.claim(LeaseToken::new(uuid()), at(1)));
        let mut claim = jobs(&db.store).await;
        let collided = claim.jobs().save_many(std::slice::from_ref(&claimed)).await;
        assert!(matches!(collided, Err(StoreError::Retry(_))), "{collided:?}");
        unit.commit().await.unwrap();
        drop(claim);
        let mut again = jobs(&db.store).await;
        again.jobs().save_many(&[claimed]).await.unwrap();
        again.commit().await.unwrap();
        store(&db, &[other]).await;
    })
    .await;
}

/// The changes are longer than a command of the server may be.
#[tokio::test(flavor = "multi_thread")]
async fn many_long_results_are_saved_at_once() {
    with_db(|db| async move {
        let mut stored: Vec<_> = (0..150).map(|_| job(new_job())).collect();
        store(&db, &stored).await;
        let long = format!("\"{}\"", "a".repeat(Job::ARGS_MAX - 2));
        for job in &mut stored {
            job.output = Some(long.clone());
            job.progress = Some(Progress { checkpoint: Some(long.clone()), ..Progress::default() });
        }
        let mut unit = jobs(&db.store).await;
        unit.jobs().save_many(&stored).await.unwrap();
        unit.commit().await.unwrap();
        for job in &mut stored {
            job.version = job.version.next();
        }
        let last = &stored[149];
        assert_eq!(db.store.find_job(last.id).await.unwrap().as_ref(), Some(last));
    })
    .await;
}
