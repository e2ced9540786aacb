//! Tests of the firing of schedules, with mocks only.

use super::{
    schedule_tests::{HOUR, now, overlapping, with},
    *,
};
use crate::{kernel::StoreError, testing::*};
use skep_domain::jobs::{CronLine, Job, JobState, OverlapPolicy, Schedule, TimeZone, Timing};
use std::{sync::Arc, time::Duration};

/// Looks for due schedules when the clock shows `later` than its start.
async fn fire(depot: &Depot, later: Duration) -> FireReport {
    let (runtime, clock) = fixed_runtime();
    clock.advance(later);
    let mut queries = MockScheduleQueries::new();
    let schedule = depot.schedule.clone();
    let next = schedule.as_ref().and_then(|schedule| schedule.next_fire_at);
    queries.expect_next_fire_at().returning(move || Ok(next));
    queries.expect_list_due_schedules().returning(move |_, _| Ok(schedule.iter().map(|one| one.id).collect()));
    FireSchedules::new(Scripted::of([depot.open()]), Arc::new(queries), runtime).execute().await.unwrap()
}

#[tokio::test]
async fn a_schedule_whose_time_has_come_makes_a_job_with_the_key_of_the_time() {
    let depot = with(schedule(1));
    let report = fire(&depot, Duration::from_secs(3_601)).await;
    let job: Job = depot.seen.one("jobs.insert");
    let saved: Schedule = depot.seen.one("schedules.save");
    let fired_at = now().plus_millis(HOUR);
    assert_eq!((saved.last_fire_at, saved.last_job_id), (Some(fired_at), Some(job.id)));
    assert_eq!(saved.next_fire_at, Some(now().plus_millis(2 * HOUR)));
    assert_eq!((job.unique, job.owner_id), (schedule(1).job_at(fired_at).unique, None));
    assert_eq!(job.origin.request_id, "schedule hourly-1");
    let [fired] = &report.fired[..] else { panic!("not fired once") };
    assert_eq!((&fired.delays[..], fired.skipped), (&[Duration::from_secs(1)][..], 0));
    assert!(depot.seen.events().is_empty());
}

#[tokio::test]
async fn nothing_is_opened_before_the_next_fire_time() {
    let (runtime, _) = fixed_runtime();
    let mut queries = MockScheduleQueries::new();
    queries.expect_next_fire_at().returning(|| Ok(schedule(1).next_fire_at));
    let fire = FireSchedules::new(Scripted::untouched(), Arc::new(queries), runtime);
    let report = fire.execute().await.unwrap();
    assert_eq!((report.fired.len(), report.wait), (0, Some(Duration::from_secs(3_600))));
}

/// Only an error of the schedule itself lets the next one be fired.
#[tokio::test]
async fn a_schedule_that_cannot_be_fired_is_reported() {
    let corrupt = || StoreError::Corrupt("unreadable".into());
    for (error, units) in [(corrupt as fn() -> StoreError, 2), (|| StoreError::Full("no space".into()), 1)] {
        let depot = with(schedule(1));
        let (runtime, clock) = fixed_runtime();
        clock.advance(Duration::from_secs(3_600));
        let mut queries = MockScheduleQueries::new();
        queries.expect_next_fire_at().returning(|| Ok(schedule(1).next_fire_at));
        queries.expect_list_due_schedules().returning(|_, _| Ok(vec![schedule_id(1); 2]));
        let failing = || {
            let mut tx = depot.looking();
            tx.jobs.expect_insert().returning(move |_| Err(error()));
            tx
        };
        let fire = FireSchedules::new(Scripted::of([failing(), failing()]), Arc::new(queries), runtime);
        let report = fire.execute().await.unwrap();
        assert_eq!((report.fired.len(), report.wait), (0, Some(Duration::ZERO)));
        assert_eq!(report.failed.len(), units);
    }
}

/// An older program does not know the time zones of a newer one.
#[tokio::test]
async fn a_schedule_with_an_unknown_time_zone_is_reported_and_stays_due() {
    let line = CronLine::parse("0 * * * *").unwrap();
    let zone = TimeZone::stored("Mars/Base".to_owned());
    let depot = with(Schedule { timing: Timing::Cron { line, zone }, ..schedule(1) });
    let report = fire(&depot, Duration::from_secs(3_600)).await;
    let [(id, StoreError::Corrupt(_))] = &report.failed[..] else { panic!("not reported once: {report:?}") };
    assert_eq!((*id, report.wait), (schedule_id(1), Some(Duration::ZERO)));
    assert!(depot.seen.calls().iter().all(|call| *call != "schedules.save"), "{:?}", depot.seen.calls());
}

#[tokio::test]
async fn a_fire_time_waits_for_no_job_or_is_skipped_or_cancels_the_last_one() {
    let later = Duration::from_secs(3_600);
    for (overlap, jobs, skipped) in
        [(OverlapPolicy::Allow, 1, 0), (OverlapPolicy::Skip, 0, 1), (OverlapPolicy::CancelPrevious, 1, 0)]
    {
        let depot = overlapping(overlap, JobState::Available);
        let report = fire(&depot, later).await;
        assert_eq!(report.fired[0].skipped, skipped);
        assert_eq!(depot.seen.all::<Job>("jobs.insert").len(), jobs, "{overlap:?}");
        let saved: Schedule = depot.seen.one("schedules.save");
        assert_eq!(saved.next_fire_at, Some(now().plus_millis(2 * HOUR)), "the time has passed");
        let cancelled = depot.seen.all::<Job>("jobs.save_many");
        assert_eq!(cancelled.len(), usize::from(overlap == OverlapPolicy::CancelPrevious));
    }
}
