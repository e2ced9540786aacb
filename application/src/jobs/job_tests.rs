//! Tests of the use cases of jobs, with mocks only.

use super::{
    constraints::{JOB_RUNNING_KEY, JOB_UNIQUE_KEY},
    *,
};
use crate::{
    kernel::{Actor, Command, Page, PageRequest, Precondition, StoreError, Total},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    jobs::{Failure, Job, JobArgs, JobId, JobState, JobStates, NewJob, OrderingKey, Progress, UniqueKey, Uniqueness},
    shared::{Direction, LeaseToken, Timestamp, Version},
};
use std::sync::Arc;

/// A depot with one job in this state.
fn with(state: JobState) -> Depot {
    let mut job = job(1);
    match state {
        JobState::Running => assert!(job.claim(LeaseToken::new(job.id.uuid()), Timestamp::MIN)),
        JobState::Cancelled => assert_eq!(job.cancel(Timestamp::MIN), Ok(true)),
        state => job.state = state,
    }
    Depot { job: Some(job), ..Depot::default() }
}

async fn run<C: Command<Unit = dyn JobsTx>>(
    tx: MockJobsTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

fn command(precondition: Precondition) -> JobCommand {
    JobCommand { job_id: job_id(1), precondition }
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked_to_stop() {
    for (from, to) in [
        (JobState::Available, JobState::Cancelled),
        (JobState::Scheduled, JobState::Cancelled),
        (JobState::Retryable, JobState::Cancelled),
        (JobState::Running, JobState::Running),
    ] {
        let depot = with(from);
        let view = run(depot.open(), CancelJob, command(Precondition::Missing)).await.unwrap();
        let saved: Job = depot.seen.one("jobs.save_many");
        assert_eq!((saved.version, view.summary.version), (Version::FIRST, Version::FIRST.next()));
        assert_eq!((view.summary.state, saved.state), (to, to));
        assert_eq!(view.summary.cancel_requested_at.is_some(), to == JobState::Running);
        let event = depot.seen.event();
        assert_eq!((event.name.as_str(), event.aggregate_version), ("jobs.job_cancelled.v1", view.summary.version));
        let payload = json!({ "job_id": job_id(1), "kind": "shop.greet", "from": from.name(), "to": to.name() });
        assert_eq!(depot.seen.payload(), payload);
    }
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop_only_once() {
    let mut depot = with(JobState::Running);
    let asked = depot.job.as_mut().unwrap().cancel(Timestamp::MIN);
    assert_eq!(asked, Ok(true));
    let view = run(depot.looking(), CancelJob, command(Precondition::Missing)).await.unwrap();
    assert_eq!(view, depot.job.unwrap().into(), "nothing was written");
}

#[tokio::test]
async fn an_ended_job_cannot_be_cancelled() {
    for state in [JobState::Completed, JobState::Cancelled, JobState::Discarded] {
        let depot = with(state);
        let refused = run(depot.looking(), CancelJob, command(Precondition::Missing)).await;
        assert_eq!((code(&refused), depot.seen.endings()), ("job_ended", vec![Ending::RolledBack]), "{state:?}");
    }
}

#[tokio::test]
async fn a_job_that_does_not_run_is_made_available_with_all_its_attempts() {
    for from in [JobState::Scheduled, JobState::Retryable, JobState::Cancelled, JobState::Discarded] {
        let mut depot = with(from);
        depot.job.as_mut().unwrap().attempt = 10;
        let view = run(depot.open(), RetryJob, command(Precondition::Missing)).await.unwrap();
        let saved: Job = depot.seen.one("jobs.save_many");
        assert_eq!((saved.id, saved.version, saved.finished_at), (job_id(1), Version::FIRST, None));
        let JobSummary { state, attempt, version, .. } = view.summary;
        assert_eq!((state, attempt, version), (JobState::Available, 0, Version::FIRST.next()));
        assert_eq!(depot.seen.event().name, "jobs.job_retried.v1");
        assert_eq!(depot.seen.payload(), json!({ "job_id": job_id(1), "kind": "shop.greet", "from": from.name() }));
    }
    let depot = with(JobState::Available);
    let view = run(depot.looking(), RetryJob, command(Precondition::Missing)).await.unwrap();
    assert_eq!(view, depot.job.unwrap().into(), "an available job stays as it is");
}

#[tokio::test]
async fn a_running_or_completed_job_is_not_run_again() {
    for state in [JobState::Running, JobState::Completed] {
        let refused = run(with(state).looking(), RetryJob, command(Precondition::Missing)).await;
        assert_eq!(code(&refused), "job_not_retryable", "{state:?}");
    }
}

#[tokio::test]
async fn a_job_whose_unique_key_another_one_holds_is_not_run_again() {
    for (constraint, refusal, ending) in
        [(JOB_UNIQUE_KEY, "job_key_taken", Ending::RolledBack), (JOB_RUNNING_KEY, "internal", Ending::Dropped)]
    {
        let depot = with(JobState::Discarded);
        let mut tx = depot.looking();
        tx.jobs.expect_save_many().times(1).return_once(move |_| Err(StoreError::Duplicate { constraint }));
        let refused = run(tx, RetryJob, command(Precondition::Missing)).await;
        assert_eq!((code(&refused), depot.seen.endings()), (refusal, vec![ending]));
    }
}

#[tokio::test]
async fn a_job_is_found_before_its_version_is_compared_and_its_state_is_looked_at_last() {
    let other = || Precondition::version(Version::FIRST.next());
    let ask = async |depot: &Depot, precondition: Precondition| {
        let cancelled = run(depot.looking(), CancelJob, command(precondition.clone())).await;
        let retried = run(depot.looking(), RetryJob, command(precondition)).await;
        (code(&cancelled), code(&retried))
    };
    assert_eq!(ask(&Depot::default(), other()).await, ("not_found", "not_found"));
    let completed = with(JobState::Completed);
    assert_eq!(ask(&completed, other()).await, ("precondition_failed", "precondition_failed"));
    let seen = Precondition::version(Version::FIRST);
    assert_eq!(ask(&completed, seen).await, ("job_ended", "job_not_retryable"));
}

#[tokio::test]
async fn only_admins_see_jobs() {
    let mut queries = MockJobQueries::new();
    queries.expect_find_job().returning(|id| Ok(Some(job(1)).filter(|job| job.id == id)));
    queries.expect_list_jobs().times(1).returning(|_, _, _| Err(away()));
    let queries: Arc<dyn JobQueries> = Arc::new(queries);
    let (get, list) = (GetJob::new(queries.clone()), ListJobs::new(queries, fixed_runtime().0.clock));
    assert_eq!(get.execute(&admin(), job_id(1)).await.unwrap(), job(1).into());
    assert_eq!(code(&get.execute(&admin(), job_id(2)).await), "not_found");
    let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Descending };
    let ask = async |actor| {
        let listed = list.execute(&actor, &JobFilter::default(), sort, &PageRequest::default()).await;
        (code(&listed), code(&get.execute(&actor, job_id(1)).await))
    };
    assert_eq!(ask(admin()).await.0, "store_unavailable");
    assert_eq!(ask(user(1)).await, ("forbidden", "forbidden"));
    assert_eq!(ask(visitor()).await, ("unauthenticated", "unauthenticated"));
}

#[tokio::test]
async fn a_job_that_an_unknown_commit_has_stored_is_not_stored_again() {
    let first_id = JobId::new(SeqIds::nth(1));
    for (lost, calls) in [(aborted(), ["jobs.insert"; 2]), (unknown(), ["jobs.insert", "jobs.find"])] {
        let depot = Depot { job: Some(Job { id: first_id, ..job(1) }), ..Depot::default() };
        let inserting = || {
            let (mut unit, seen) = (depot.open(), depot.seen.clone());
            unit.jobs.expect_insert().returning(move |job| {
                seen.note("jobs.insert", std::slice::from_ref(job));
                Ok(None)
            });
            unit
        };
        let units = Scripted::of([inserting().with_commit_error(lost), inserting()]);
        let new = NewJob::of(job(1).kind, job(1).args);
        let stored =
            EnqueueJob::new(units, fixed_runtime().0, JobPolicy::default()).execute(&user(1), new).await.unwrap();
        assert_eq!(stored, Enqueued { id: first_id, is_duplicate: false });
        assert_eq!(depot.seen.calls(), calls);
        let jobs: Vec<Job> = depot.seen.all("jobs.insert");
        assert!(jobs.iter().all(|job| (job.id, job.owner_id) == (first_id, Some(user_id(1)))));
    }
}

#[tokio::test]
async fn a_user_has_as_many_waiting_jobs_as_the_policy_allows_and_skep_itself_any_number() {
    let policy = JobPolicy { waiting_per_user: 5, ..JobPolicy::default() };
    let store = async |waiting, actor: &Actor, owner_id| {
        let depot = Depot { waiting, ..Depot::default() };
        let new = NewJob { owner_id, ..NewJob::of(job(1).kind, job(1).args) };
        let enqueue = EnqueueJob::new(Scripted::of([depot.open()]), fixed_runtime().0, policy);
        let stored = code(&enqueue.execute(actor, new).await);
        (stored, depot.seen.all::<Job>("jobs.insert").pop().map(|job| job.owner_id))
    };
    let (owner, skep) = (Some(user_id(1)), Actor::system("test"));
    assert_eq!(store(4, &user(1), None).await, ("ok", Some(owner)));
    assert_eq!(store(5, &user(1), None).await, ("too_many_waiting_jobs", None));
    assert_eq!(store(5, &skep, None).await, ("ok", Some(None)));
    assert_eq!(store(4, &skep, owner).await, ("ok", Some(owner)), "a job may belong to another user than the caller");
    assert_eq!(store(5, &skep, owner).await, ("too_many_waiting_jobs", None));
}

/// The jobs of one state are counted although the list of all jobs is known to be long.
#[tokio::test]
async fn a_filtered_list_has_its_own_total() {
    let mut queries = MockJobQueries::new();
    queries.expect_list_jobs().returning(|filter, _, page| {
        let rows = if *filter == JobFilter::default() { 6 } else { 2 };
        let total = page.count_up_to.map(|bound| Total::of(rows, bound));
        Ok(Page { items: vec![], next: None, total })
    });
    let list = ListJobs::new(Arc::new(queries), fixed_runtime().0.clock);
    let sort = JobSort { key: JobSortKey::CreatedAt, direction: Direction::Descending };
    let page = PageRequest { count_up_to: Some(5), ..PageRequest::default() };
    let failed = JobFilter { state: Some(JobState::Discarded), ..JobFilter::default() };
    let total = async |filter: &JobFilter| list.execute(&admin(), filter, sort, &page).await.unwrap().total;
    let long = Some(Total { count: 5, is_exact: false });
    assert_eq!(total(&JobFilter::default()).await, long);
    assert_eq!(total(&failed).await, Some(Total { count: 2, is_exact: true }));
    assert_eq!(total(&JobFilter::default()).await, long);
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    obeys_the_frame(&with(JobState::Available), || CancelJob, &admin(), || command(Precondition::Missing)).await;
    obeys_the_frame(&with(JobState::Discarded), || RetryJob, &admin(), || command(Precondition::Missing)).await;
}

/// A job with a value in every field that a view shows.
fn full() -> Job {
    let at = Timestamp::from_millis(1_000).unwrap();
    let progress = Progress { percent: 50, message: "half".to_owned(), checkpoint: Some("[1]".to_owned()) };
    let unique = Uniqueness { key: UniqueKey::parse("u").unwrap(), states: JobStates::UNFINISHED };
    Job {
        ready_at: at,
        created_at: at,
        owner_id: Some(user_id(1)),
        progress: Some(progress),
        output: Some("{}".to_owned()),
        failures: vec![Failure { attempt: 1, at, message: "no".to_owned() }],
        unique: Some(unique),
        ordering_key: Some(OrderingKey::parse("o").unwrap()),
        ..job(1)
    }
}

/// Programs store these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_the_commands_and_the_answer_does_not_change() {
    let stored = format!(r#"{{"job_id":"{}","precondition":"Missing"}}"#, job_id(1));
    assert_eq!(serde_json::to_string(&command(Precondition::Missing)).unwrap(), stored);
    let (view, at) = (JobView::from(full()), serde_json::to_string(&full().created_at).unwrap());
    let answer = format!(
        r#"{{"id":"{}","kind":"shop.greet","queue":"default","priority":2,"state":"available","ready_at":{at},"attempt":0,"max_attempts":10,"owner_id":"{}","cancel_requested_at":null,"created_at":{at},"started_at":null,"finished_at":null,"version":1,"args":"1","progress":{{"percent":50,"message":"half","checkpoint":"[1]"}},"output":"{{}}","failures":[{{"attempt":1,"at":{at},"message":"no"}}],"unique_key":"u","ordering_key":"o","request_id":"request-1"}}"#,
        job_id(1),
        user_id(1)
    );
    assert_eq!(serde_json::to_string(&view).unwrap(), answer);
    assert_eq!(serde_json::from_str::<JobView>(&answer).unwrap(), view);
}

/// The longest texts of a job fit into a stored answer, also if each byte is escaped.
#[test]
fn the_longest_answer_can_be_kept() {
    let args = serde_json::to_string(&"\"".repeat((Job::ARGS_MAX - 2) / 2)).unwrap();
    let message = "\u{1}".repeat(Job::MESSAGE_MAX);
    let failure = Failure { attempt: u32::MAX, at: Timestamp::MAX, message: message.clone() };
    let progress = Progress { percent: 100, message, checkpoint: Some(args.clone()) };
    let job = Job {
        args: JobArgs::parse(args.as_str()).unwrap(),
        output: Some(args),
        progress: Some(progress),
        failures: vec![failure; Job::FAILURES_MAX],
        ..full()
    };
    let answer = serde_json::to_string(&JobView::from(job)).unwrap();
    assert!(answer.len() < crate::kernel::KeptAnswer::MOST, "{} bytes", answer.len());
}
