use super::table::JOBS;
use crate::{
    Value,
    testing::{Answer, Fake, at},
};
use skep_application::{
    jobs::{JobFilter, JobQueries, JobRepository, JobSort, JobSortKey},
    kernel::{PageRequest, StoreError, Transaction, TxMode, Units},
};
use skep_domain::{
    jobs::{Job, JobArgs, JobId, JobKind, JobOrigin, JobState, JobStates, NewJob, QueueName, UniqueKey, Uniqueness},
    shared::{Direction, LeaseToken},
};
use uuid::Uuid;

fn job() -> Job {
    let key = UniqueKey::stored("order 7".to_owned());
    let unique = Some(Uniqueness { key, states: JobStates::UNFINISHED });
    let new =
        NewJob { unique, ..NewJob::of(JobKind::stored("shop.greet".to_owned()), JobArgs::stored("{}".to_owned())) };
    let origin = JobOrigin { request_id: "r".to_owned(), traceparent: None };
    Job::create(JobId::new(Uuid::from_u128(1)), new, origin, at(0))
}

#[tokio::test]
async fn each_combination_of_filters_has_its_own_list() {
    let fake = Fake::default();
    let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Descending };
    let (state, queue, kind) = (Some(JobState::Running), Some(QueueName::default()), Some(job().kind));
    for (filter, name) in [
        (JobFilter::default(), ""),
        (JobFilter { state, ..JobFilter::default() }, "_of_state"),
        (JobFilter { kind: kind.clone(), ..JobFilter::default() }, "_of_kind"),
        (JobFilter { queue: queue.clone(), kind: kind.clone(), state: None }, "_of_queue_of_kind"),
        (JobFilter { state, queue, kind }, "_of_state_of_queue_of_kind"),
    ] {
        let page = PageRequest { count_up_to: Some(10), ..PageRequest::default() };
        // The script is empty, so the number of rows is missing.
        fake.store().list_jobs(&filter, sort, &page).await.unwrap_err();
        let (list, count) = (format!("jobs.job.list_by_created_at{name}_down_first"), format!("jobs.job.count{name}"));
        assert_eq!(fake.log(), [list, count]);
    }
}

#[tokio::test]
async fn a_unit_that_writes_locks_the_jobs_that_it_finds() {
    for (mode, name) in [(TxMode::Write, "jobs.job.lock"), (TxMode::Read, "jobs.job.find_many")] {
        let fake = Fake::answering([Answer::Rows(vec![JOBS.row_of(&job())])]);
        let mut unit = fake.store().open(mode, &[]).await.unwrap();
        assert_eq!(unit.find(job().id).await.unwrap(), Some(job()));
        assert_eq!(fake.log(), [name]);
    }
}

#[tokio::test]
async fn a_holder_that_lets_go_of_the_key_meanwhile_ends_the_unit_with_a_retry() {
    let fake = Fake::answering([Answer::Changed(0), Answer::Rows(vec![])]);
    let mut unit = fake.store().open(TxMode::Write, &[]).await.unwrap();
    let stored = unit.insert(&job()).await;
    assert!(matches!(stored, Err(StoreError::Retry(_))), "{stored:?}");
    assert_eq!(fake.log(), ["jobs.job.insert", "jobs.job.lock_holder"]);
    assert!(Box::new(unit).commit().await.is_err());
}

#[tokio::test]
async fn a_contradictory_row_is_corrupt() {
    let mut running = job();
    assert!(running.claim(LeaseToken::new(Uuid::from_u128(2)), at(1)));
    let place = |name: &str| JOBS.columns.iter().position(|column| column.name == name).unwrap();
    for (column, value, named) in [
        ("lease_beat", Value::Null, "lease_beat"),
        ("lease_token", Value::Null, "lease_beat"),
        ("unique_key", Value::Null, "unique_states"),
        ("unique_states", Value::Int(128), "unique_states"),
        ("priority", Value::Int(5), "priority"),
        ("state", "asleep".into(), "state"),
        ("failures", "[{]".into(), "failures"),
    ] {
        let mut row = JOBS.row_of(&running);
        row[place(column)] = value;
        let found = Fake::answering([Answer::Rows(vec![row])]).store().find_job(running.id).await;
        let Err(StoreError::Corrupt(why)) = found else { panic!("{column}: {found:?}") };
        assert!(why.to_string().contains(named), "{column}: {why}");
    }
}
