//! Tests of the use cases of schedules, with mocks only.

use super::{constraints::SCHEDULE_NAME, *};
use crate::{
    kernel::{Clock as _, Command, PageRequest, Precondition, StoreError},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    jobs::{Interval, Job, JobState, MisfirePolicy, OverlapPolicy, Priority, Schedule, Timing},
    shared::{Direction, Patch, Timestamp, Version},
};
use std::sync::Arc;

pub(super) const HOUR: i64 = 3_600_000;

struct Greet;

#[derive(serde::Serialize, serde::Deserialize)]
struct Greeting {
    name: String,
}

impl JobHandler for Greet {
    const KIND: &'static str = "shop.greet";
    const ATTEMPTS: u32 = 7;
    type Args = Greeting;

    async fn run(&self, _: &JobRun, _: Greeting) -> Result<Outcome, JobError> {
        Ok(Outcome::Stopped)
    }
}

fn kinds() -> JobKinds {
    let kinds = JobKinds::default();
    kinds.know(&Handlers::default().with(Greet));
    kinds
}

fn creating() -> CreateSchedule {
    CreateSchedule::new(kinds(), SchedulePolicy::default())
}

fn changing() -> ChangeSchedule {
    ChangeSchedule::new(kinds())
}

pub(super) fn now() -> Timestamp {
    FixedClock::default().now()
}

fn cron(line: &str) -> TimingInput {
    TimingInput { cron: Some(line.to_owned()), ..TimingInput::default() }
}

fn once(at: impl ToString) -> TimingInput {
    TimingInput { at: Some(at.to_string()), ..TimingInput::default() }
}

fn create() -> CreateScheduleCommand {
    CreateScheduleCommand {
        name: "nightly".to_owned(),
        timing: TimingInput { time_zone: Some("Europe/Berlin".to_owned()), ..cron("30 4 * * *") },
        kind: "shop.greet".to_owned(),
        args: r#"{"name":"Ada"}"#.to_owned(),
        queue: None,
        priority: None,
        misfire: None,
        overlap: None,
    }
}

fn keep() -> ChangeScheduleCommand {
    ChangeScheduleCommand {
        schedule_id: schedule_id(1),
        precondition: Precondition::version(Version::FIRST),
        timing: Patch::Keep,
        args: Patch::Keep,
        queue: Patch::Keep,
        priority: Patch::Keep,
        misfire: Patch::Keep,
        overlap: Patch::Keep,
    }
}

fn named(precondition: Precondition) -> ScheduleCommand {
    ScheduleCommand { schedule_id: schedule_id(1), precondition }
}

/// A depot with a schedule.
pub(super) fn with(schedule: Schedule) -> Depot {
    Depot { schedule: Some(schedule), ..Depot::default() }
}

/// A depot with a schedule of this policy, and its last job in this state.
pub(super) fn overlapping(overlap: OverlapPolicy, state: JobState) -> Depot {
    let last = Job { state, ..job(1) };
    let schedule = Schedule { overlap, last_job_id: Some(last.id), ..schedule(1) };
    Depot { job: Some(last), ..with(schedule) }
}

async fn run<C: Command<Unit = dyn JobsTx>>(
    tx: MockJobsTx,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([tx])).execute(&admin(), input).await
}

#[tokio::test]
async fn a_new_schedule_is_stored_with_one_event() {
    let depot = Depot::default();
    let schedule = run(depot.open(), creating(), create()).await.unwrap();
    assert_eq!(schedule, depot.seen.one("schedules.insert"));
    // 04:30 in Berlin.
    assert_eq!(schedule.next_fire_at, Some(now().plus_millis(3 * HOUR + HOUR / 2)));
    assert_eq!((schedule.job.max_attempts, schedule.job.priority), (7, Priority::default()));
    assert_eq!((schedule.misfire, schedule.overlap), (MisfirePolicy::FireOnce, OverlapPolicy::Allow));
    assert_eq!(depot.seen.event().name, "jobs.schedule_created.v1");
    let payload = json!({ "schedule_id": schedule.id, "name": "nightly", "kind": "shop.greet" });
    assert_eq!(depot.seen.payload(), payload);
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once_before_anything_is_read() {
    let refusal = async |wrong| use_case(creating(), &Scripted::untouched()).execute(&admin(), wrong).await;
    let wrong = CreateScheduleCommand {
        name: "Nightly".to_owned(),
        timing: TimingInput { time_zone: Some("Mars".to_owned()), ..cron("61 * * * *") },
        kind: "shop.sing".to_owned(),
        args: "1".to_owned(),
        queue: Some(String::new()),
        priority: Some(5),
        misfire: Some("never".to_owned()),
        overlap: Some("always".to_owned()),
    };
    let fields = vec![
        ("/name", "invalid_name"),
        ("/timing/cron", "invalid_cron"),
        ("/timing/time_zone", "unknown_time_zone"),
        ("/kind", "unknown_job_kind"),
        ("/queue", "invalid_name"),
        ("/priority", "out_of_range"),
        ("/misfire", "invalid_value"),
        ("/overlap", "invalid_value"),
    ];
    assert_eq!(problem(&refusal(wrong).await), ("validation_failed", fields));
    let long = format!(r#"{{"name":"{}"}}"#, "a".repeat(Job::ARGS_MAX));
    for (args, code) in [(r#"{"name":1}"#, "invalid_args"), ("null", "invalid_args"), (&long, "too_long")] {
        let refused = refusal(CreateScheduleCommand { args: args.to_owned(), ..create() }).await;
        assert_eq!(problem(&refused), ("validation_failed", vec![("/args", code)]));
    }
}

#[tokio::test]
async fn a_schedule_has_one_timing_and_will_fire() {
    let every = |seconds| TimingInput { every_seconds: Some(seconds), ..TimingInput::default() };
    for (timing, pointer, code) in [
        (TimingInput::default(), "/timing", "invalid_timing"),
        (TimingInput { every_seconds: Some(5), ..cron("* * * * *") }, "/timing", "invalid_timing"),
        (TimingInput { time_zone: Some("UTC".to_owned()), ..every(5) }, "/timing", "invalid_timing"),
        (every(0), "/timing/every_seconds", "out_of_range"),
        (once("tomorrow"), "/timing/at", "invalid_time"),
        (once(now()), "/timing/at", "never_fires"),
        (cron("0 0 30 2 *"), "/timing/cron", "never_fires"),
    ] {
        let wrong = CreateScheduleCommand { timing: timing.clone(), ..create() };
        let refused = use_case(creating(), &Scripted::untouched()).execute(&admin(), wrong).await;
        assert_eq!(problem(&refused), ("validation_failed", vec![(pointer, code)]), "{timing:?}");
    }
    for (timing, first) in [(every(60), 60_000), (once(now().plus_millis(1)), 1)] {
        let schedule = run(Depot::default().open(), creating(), CreateScheduleCommand { timing, ..create() }).await;
        assert_eq!(schedule.unwrap().next_fire_at, Some(now().plus_millis(first)));
    }
}

#[tokio::test]
async fn a_name_belongs_to_one_schedule() {
    let depot = Depot::default();
    let mut tx = depot.looking();
    let exists = StoreError::Duplicate { constraint: SCHEDULE_NAME };
    tx.schedules.expect_insert().times(1).return_once(|_| Err(exists));
    assert_eq!(code(&run(tx, creating(), create()).await), "schedule_name_taken");
    assert_eq!(depot.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn there_are_at_most_as_many_schedules_as_the_policy_allows() {
    let creating = |most| CreateSchedule::new(kinds(), SchedulePolicy { most });
    assert_eq!(code(&run(with(schedule(1)).looking(), creating(1), create()).await), "too_many_schedules");
    run(with(schedule(1)).open(), creating(2), create()).await.unwrap();
}

#[tokio::test]
async fn a_change_raises_the_version_and_records_one_event() {
    let depot = with(schedule(1));
    let change = ChangeScheduleCommand {
        timing: Patch::Set(cron("15 * * * *")),
        args: Patch::Set(r#"{"name":"Bea"}"#.to_owned()),
        queue: Patch::Set("mails".to_owned()),
        priority: Patch::Set(1),
        misfire: Patch::Set("skip".to_owned()),
        overlap: Patch::Set("skip".to_owned()),
        ..keep()
    };
    let changed = run(depot.open(), changing(), change).await.unwrap();
    let saved: Schedule = depot.seen.one("schedules.save");
    assert_eq!((saved.version, changed.version), (Version::FIRST, Version::FIRST.next()));
    assert_eq!(changed.next_fire_at, Some(now().plus_millis(HOUR / 4)));
    let job = &changed.job;
    assert_eq!((job.args.as_str(), job.queue.as_str(), job.priority), (r#"{"name":"Bea"}"#, "mails", Priority::FIRST));
    assert_eq!((changed.misfire, changed.overlap), (MisfirePolicy::Skip, OverlapPolicy::Skip));
    assert_eq!(depot.seen.event().name, "jobs.schedule_changed.v1");

    let usual = ChangeScheduleCommand {
        queue: Patch::Clear,
        priority: Patch::Clear,
        misfire: Patch::Clear,
        overlap: Patch::Clear,
        ..keep()
    };
    let before = schedule(1);
    assert_eq!(run(with(before.clone()).looking(), changing(), usual).await.unwrap(), before);
}

#[tokio::test]
async fn values_that_stay_the_same_are_not_judged_again() {
    let past = now().plus_millis(-1);
    let done = Schedule { timing: Timing::Once(past), next_fire_at: None, ..schedule(1) };
    // The arguments of the sample are not those of the handler.
    let (timing, args) = (Patch::Set(once(past)), Patch::Set(done.job.args.clone().into_string()));
    let same = ChangeScheduleCommand { timing, args, ..keep() };
    assert_eq!(run(with(done.clone()).looking(), changing(), same).await.unwrap(), done);
}

#[tokio::test]
async fn not_found_is_reported_before_the_precondition_and_the_precondition_before_the_values() {
    let wrong = |precondition| {
        let (timing, args) = (Patch::Set(once(now())), Patch::Clear);
        ChangeScheduleCommand { precondition, timing, args, ..keep() }
    };
    let ask = async |depot: Depot, precondition| run(depot.looking(), changing(), wrong(precondition)).await;
    let other = Precondition::version(Version::FIRST.next());
    assert_eq!(code(&ask(Depot::default(), Precondition::Missing).await), "not_found");
    assert_eq!(code(&ask(with(schedule(1)), Precondition::Missing).await), "precondition_required");
    assert_eq!(code(&ask(with(schedule(1)), other.clone()).await), "precondition_failed");
    let invalid = ("validation_failed", vec![("/timing/at", "never_fires"), ("/args", "invalid_args")]);
    assert_eq!(problem(&ask(with(schedule(1)), Precondition::Any).await), invalid);
    let unset = ChangeScheduleCommand { timing: Patch::Clear, ..keep() };
    let refused = run(with(schedule(1)).looking(), changing(), unset).await;
    assert_eq!(problem(&refused), ("validation_failed", vec![("/timing", "required")]));

    let ask = async |depot: Depot, precondition: Precondition| {
        let named = || named(precondition.clone());
        let paused = code(&run(depot.looking(), PauseSchedule::default(), named()).await);
        let resumed = code(&run(depot.looking(), ResumeSchedule::default(), named()).await);
        let deleted = code(&run(depot.looking(), DeleteSchedule, named()).await);
        [paused, resumed, deleted, code(&run(depot.looking(), RunSchedule::new(JobPolicy::default()), named()).await)]
    };
    assert_eq!(ask(Depot::default(), other.clone()).await, ["not_found"; 4]);
    assert_eq!(ask(with(schedule(1)), other).await, ["precondition_failed"; 4]);
}

#[tokio::test]
async fn a_schedule_is_paused_resumed_and_deleted_with_one_event_each() {
    let depot = with(schedule(1));
    let paused = run(depot.open(), PauseSchedule::default(), named(Precondition::Missing)).await.unwrap();
    assert_eq!((paused.paused_at, paused.next_fire_at), (Some(now()), None));
    assert_eq!(depot.seen.event().name, "jobs.schedule_paused.v1");
    let again = run(with(paused.clone()).looking(), PauseSchedule::default(), named(Precondition::Missing)).await;
    assert_eq!(again.unwrap(), paused);
    let depot = with(paused);
    let resumed = run(depot.open(), ResumeSchedule::default(), named(Precondition::Missing)).await.unwrap();
    assert_eq!((resumed.paused_at, resumed.next_fire_at), (None, schedule(1).next_fire_at));
    assert_eq!(depot.seen.event().name, "jobs.schedule_resumed.v1");
    let depot = with(schedule(1));
    run(depot.open(), DeleteSchedule, named(Precondition::Missing)).await.unwrap();
    assert_eq!(depot.seen.one::<Schedule>("schedules.delete"), schedule(1));
    let event = depot.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("jobs.schedule_deleted.v1", Version::FIRST.next()));
}

#[tokio::test]
async fn a_schedule_can_be_run_now_and_fires_next_as_before() {
    let depot = with(schedule(1));
    let run = run(depot.open(), RunSchedule::new(JobPolicy::default()), named(Precondition::Missing)).await.unwrap();
    let job: Job = depot.seen.one("jobs.insert");
    assert_eq!((run.last_job_id, run.last_fire_at), (Some(job.id), None));
    assert_eq!(run.next_fire_at, schedule(1).next_fire_at);
    assert_eq!((job.state, job.unique), (JobState::Available, None));
    assert_eq!(depot.seen.event().name, "jobs.schedule_run_now.v1");
    assert_eq!(depot.seen.payload()["job_id"], json!(job.id));
}

#[tokio::test]
async fn a_run_stores_no_job_if_too_many_wait_for_the_user() {
    let policy = JobPolicy { waiting_per_user: 1, ..JobPolicy::default() };
    for (waiting, expected, stored) in [(0, "ok", 1), (1, "too_many_waiting_jobs", 0)] {
        let depot = Depot { waiting, ..with(schedule(1)) };
        let ran = run(depot.open(), RunSchedule::new(policy), named(Precondition::Missing)).await;
        assert_eq!((code(&ran), depot.seen.all::<Job>("jobs.insert").len()), (expected, stored));
    }
}

#[tokio::test]
async fn a_run_waits_for_no_job_or_for_the_last_one_or_cancels_it() {
    let ask = async |depot: &Depot| {
        code(&run(depot.open(), RunSchedule::new(JobPolicy::default()), named(Precondition::Missing)).await)
    };
    let unfinished = overlapping(OverlapPolicy::Skip, JobState::Available);
    assert_eq!(ask(&unfinished).await, "schedule_job_unfinished");
    assert_eq!(ask(&overlapping(OverlapPolicy::Skip, JobState::Completed)).await, "ok");
    assert_eq!(ask(&overlapping(OverlapPolicy::Allow, JobState::Available)).await, "ok");
    let cancelled = overlapping(OverlapPolicy::CancelPrevious, JobState::Available);
    assert_eq!(ask(&cancelled).await, "ok");
    assert_eq!(cancelled.seen.one::<Job>("jobs.save_many").state, JobState::Cancelled);
    let gone = Depot { job: None, ..overlapping(OverlapPolicy::Skip, JobState::Available) };
    assert_eq!(ask(&gone).await, "ok", "the last job was deleted");
}

#[tokio::test]
async fn only_admins_see_schedules() {
    let mut queries = MockScheduleQueries::new();
    queries.expect_find_schedule().returning(|id| Ok(Some(schedule(1)).filter(|schedule| schedule.id == id)));
    queries.expect_list_schedules().times(1).returning(|_, _, _| Err(away()));
    let queries: Arc<dyn ScheduleQueries> = Arc::new(queries);
    let (get, list) = (GetSchedule::new(queries.clone()), ListSchedules::new(queries, fixed_runtime().0.clock));
    assert_eq!(get.execute(&admin(), schedule_id(1)).await.unwrap(), schedule(1));
    assert_eq!(code(&get.execute(&admin(), schedule_id(2)).await), "not_found");
    let sort = ScheduleSort { key: ScheduleSortKey::CreatedAt, direction: Direction::Descending };
    let ask = async |actor| {
        let listed = list.execute(&actor, &ScheduleFilter::default(), sort, &PageRequest::default()).await;
        (code(&listed), code(&get.execute(&actor, schedule_id(1)).await))
    };
    assert_eq!(ask(admin()).await.0, "store_unavailable");
    assert_eq!(ask(user(1)).await, ("forbidden", "forbidden"));
    assert_eq!(ask(visitor()).await, ("unauthenticated", "unauthenticated"));
}

#[tokio::test]
async fn obey_the_frame_of_commands() {
    let mut paused = schedule(1);
    paused.pause(now());
    let missing = || named(Precondition::Missing);
    let change = || ChangeScheduleCommand { priority: Patch::Set(4), ..keep() };
    obeys_the_frame(&Depot::default(), creating, &admin(), create).await;
    obeys_the_frame(&with(schedule(1)), changing, &admin(), change).await;
    obeys_the_frame(&with(schedule(1)), PauseSchedule::default, &admin(), missing).await;
    obeys_the_frame(&with(paused), ResumeSchedule::default, &admin(), missing).await;
    obeys_the_frame(&with(schedule(1)), || DeleteSchedule, &admin(), missing).await;
    obeys_the_frame(&with(schedule(1)), || RunSchedule::new(JobPolicy::default()), &admin(), missing).await;
}

/// Programs store these bytes with idempotency keys: the fingerprint and the answer.
#[test]
fn the_stored_form_of_the_commands_and_the_answer_does_not_change() {
    let command = serde_json::to_string(&create()).unwrap();
    let expected = r#"{"name":"nightly","timing":{"cron":"30 4 * * *","time_zone":"Europe/Berlin","every_seconds":null,"at":null},"kind":"shop.greet","args":"{\"name\":\"Ada\"}","queue":null,"priority":null,"misfire":null,"overlap":null}"#;
    assert_eq!(command, expected);
    let id = schedule_id(1);
    let change = serde_json::to_string(&ChangeScheduleCommand { precondition: Precondition::Missing, ..keep() });
    let expected = format!(
        r#"{{"schedule_id":"{id}","precondition":"Missing","timing":[],"args":[],"queue":[],"priority":[],"misfire":[],"overlap":[]}}"#
    );
    assert_eq!(change.unwrap(), expected);
    let command = format!(r#"{{"schedule_id":"{id}","precondition":"Missing"}}"#);
    assert_eq!(serde_json::to_string(&named(Precondition::Missing)).unwrap(), command);
    let interval = Interval::of_seconds(3_600).unwrap();
    let timing = serde_json::to_string(&Timing::Every { interval, from: now() }).unwrap();
    assert_eq!(timing, r#"{"Every":{"interval":3600,"from":"2026-01-01T00:00:00.000Z"}}"#);
    let answer = format!(
        r#"{{"id":"{id}","name":"hourly-1","timing":{timing},"job":{{"kind":"shop.greet","queue":"default","args":"1","priority":2,"max_attempts":10}},"misfire":"fire_once","overlap":"allow","paused_at":null,"next_fire_at":"2026-01-01T01:00:00.000Z","last_fire_at":null,"last_job_id":null,"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z","version":1}}"#
    );
    assert_eq!(serde_json::to_string(&schedule(1)).unwrap(), answer);
    assert_eq!(serde_json::from_str::<Schedule>(&answer).unwrap(), schedule(1));
}
