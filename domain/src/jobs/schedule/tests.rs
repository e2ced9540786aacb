use super::*;
use crate::jobs::{CronLine, Interval, TimeZone};
use proptest::prelude::*;
use uuid::Uuid;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn cron(line: &str) -> Timing {
    Timing::Cron { line: CronLine::parse(line).unwrap(), zone: TimeZone::default() }
}

fn every(seconds: i64) -> Timing {
    Timing::Every { interval: Interval::of_seconds(seconds).unwrap(), from: noon() }
}

/// A schedule that was created at noon.
fn schedule(timing: Timing, misfire: MisfirePolicy, overlap: OverlapPolicy) -> Schedule {
    let job = ScheduledJob {
        kind: JobKind::parse("shop.greet").unwrap(),
        queue: QueueName::default(),
        args: JobArgs::stored("{}".to_owned()),
        priority: Priority::default(),
        max_attempts: 3,
    };
    let new = NewSchedule { name: ScheduleName::parse("nightly").unwrap(), timing, job, misfire, overlap };
    Schedule::create(ScheduleId::new(Uuid::from_u128(7)), new, noon())
}

fn allowing(timing: Timing, misfire: MisfirePolicy) -> Schedule {
    schedule(timing, misfire, OverlapPolicy::Allow)
}

fn minutes(numbers: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
    numbers.into_iter().map(|minute| noon().plus_millis(minute * 60 * SECOND)).collect()
}

#[test]
fn a_schedule_fires_at_its_time_and_not_before() {
    for misfire in MisfirePolicy::ALL {
        let mut schedule = allowing(cron("*/5 * * * *"), *misfire);
        assert_eq!(schedule.next_fire_at, Some(at("2026-06-01T12:05:00Z")));
        assert_eq!(schedule.take_due(at("2026-06-01T12:04:59.999Z")), Ok(None));
        let due = schedule.take_due(at("2026-06-01T12:05:00.400Z")).unwrap().unwrap();
        assert_eq!(due, Due { fires: minutes([5]), skipped: 0 });
        assert_eq!(schedule.next_fire_at, Some(at("2026-06-01T12:10:00Z")));
    }
}

#[test]
fn missed_times_are_skipped_or_fire_once_or_all_up_to_a_limit() {
    let due = |misfire, hours: i64| {
        let mut schedule = allowing(cron("* * * * *"), misfire);
        let due = schedule.take_due(noon().plus_millis(hours * HOUR)).unwrap().unwrap();
        assert_eq!(schedule.next_fire_at, Some(noon().plus_millis(hours * HOUR + 60 * SECOND)));
        due
    };
    // The times of the last minute are not missed.
    assert_eq!(due(MisfirePolicy::Skip, 1), Due { fires: minutes([59, 60]), skipped: 58 });
    assert_eq!(due(MisfirePolicy::FireOnce, 1), Due { fires: minutes([1, 59, 60]), skipped: 57 });
    assert_eq!(due(MisfirePolicy::FireAll, 1), Due { fires: minutes(1..=60), skipped: 0 });
    let limited = due(MisfirePolicy::FireAll, 3);
    assert_eq!((limited.fires, limited.skipped), (minutes((1..=100).chain([179, 180])), 78));
    // A long time is not counted to its end.
    let long = due(MisfirePolicy::FireOnce, 24 * 365 * 10);
    assert_eq!((long.fires.len(), long.skipped), (3, 999));
}

#[test]
fn of_several_times_the_last_one_fires_if_jobs_must_not_overlap() {
    for overlap in [OverlapPolicy::Skip, OverlapPolicy::CancelPrevious] {
        let mut late = schedule(cron("* * * * *"), MisfirePolicy::FireAll, overlap);
        let due = late.take_due(noon().plus_millis(HOUR)).unwrap().unwrap();
        assert_eq!(due, Due { fires: minutes([60]), skipped: 59 });
    }
}

#[test]
fn one_time_fires_or_is_skipped_and_then_the_schedule_is_done() {
    for (misfire, fires) in [(MisfirePolicy::Skip, 0), (MisfirePolicy::FireOnce, 1), (MisfirePolicy::FireAll, 1)] {
        let mut once = allowing(Timing::Once(noon().plus_millis(SECOND)), misfire);
        let due = once.take_due(noon().plus_millis(HOUR)).unwrap().unwrap();
        assert_eq!((due.fires.len(), due.skipped), (fires, 1 - fires as u64));
        assert_eq!((once.next_fire_at, once.take_due(noon().plus_millis(2 * HOUR))), (None, Ok(None)));
    }
}

#[test]
fn a_paused_schedule_does_not_fire_and_goes_on_with_the_next_time() {
    let mut schedule = allowing(cron("0 * * * *"), MisfirePolicy::FireAll);
    assert!(!schedule.resume(noon()));
    assert!(schedule.pause(noon()) && !schedule.pause(noon()));
    assert_eq!((schedule.next_fire_at, schedule.take_due(noon().plus_millis(3 * HOUR))), (None, Ok(None)));
    assert!(schedule.resume(noon().plus_millis(3 * HOUR)));
    assert_eq!((schedule.paused_at, schedule.next_fire_at), (None, Some(noon().plus_millis(4 * HOUR))));
}

/// A newer program may know more time zones than this one.
#[test]
fn a_schedule_whose_timing_is_unknown_keeps_its_times() {
    let zone = TimeZone::stored("Mars/Base".to_owned());
    let mut schedule = allowing(cron("0 * * * *"), MisfirePolicy::FireAll);
    schedule.timing = Timing::Cron { line: CronLine::parse("0 * * * *").unwrap(), zone };
    let before = schedule.clone();
    assert_eq!(schedule.take_due(noon()), Ok(None));
    assert_eq!(schedule.take_due(noon().plus_millis(HOUR)), Err(UnknownTiming));
    assert_eq!(schedule, before);
}

#[test]
fn a_change_of_the_timing_begins_now_and_a_paused_schedule_stays_paused() {
    let timing = |timing| ScheduleChange { timing: Some(timing), ..ScheduleChange::default() };
    let mut schedule = allowing(every(60), MisfirePolicy::FireAll);
    let later = noon().plus_millis(HOUR);
    let same = Timing::Every { interval: Interval::of_seconds(60).unwrap(), from: later };
    assert!(!schedule.change(timing(same), later), "the intervals go on as before");
    assert!(schedule.change(timing(cron("30 * * * *")), later));
    assert_eq!((schedule.next_fire_at, schedule.updated_at), (Some(later.plus_millis(HOUR / 2)), later));
    schedule.pause(later);
    assert!(schedule.change(timing(every(5)), later));
    assert_eq!(schedule.next_fire_at, None);
}

#[test]
fn a_time_that_has_fired_does_not_come_again_after_the_clock_was_set_back() {
    let mut schedule = allowing(cron("0 * * * *"), MisfirePolicy::FireAll);
    let due = schedule.take_due(noon().plus_millis(2 * HOUR)).unwrap().unwrap();
    for fire in due.fires {
        schedule.fired(fire, JobId::new(Uuid::from_u128(1)));
    }
    let (back, next) = (noon().plus_millis(SECOND), Some(noon().plus_millis(3 * HOUR)));
    schedule.pause(back);
    schedule.resume(back);
    assert_eq!(schedule.next_fire_at, next);
    let timing = Some(cron("0 */1 * * *"));
    assert!(schedule.change(ScheduleChange { timing, ..ScheduleChange::default() }, back));
    assert_eq!(schedule.next_fire_at, next);
}

#[test]
fn each_part_can_be_changed_and_the_same_values_change_nothing() {
    let mut schedule = allowing(every(60), MisfirePolicy::Skip);
    let (queue, args, priority) =
        (QueueName::parse("mails").unwrap(), JobArgs::stored("[1]".to_owned()), Priority::FIRST);
    let change = ScheduleChange {
        timing: Some(cron("@daily")),
        queue: Some(queue.clone()),
        args: Some(args.clone()),
        priority: Some(priority),
        misfire: Some(MisfirePolicy::FireAll),
        overlap: Some(OverlapPolicy::Skip),
    };
    assert!(schedule.change(change.clone(), noon()) && !schedule.change(change, noon()));
    let expected = ScheduledJob { queue, args, priority, ..schedule.job.clone() };
    assert_eq!(schedule.job, expected);
    assert_eq!((schedule.misfire, schedule.overlap), (MisfirePolicy::FireAll, OverlapPolicy::Skip));
}

#[test]
fn the_job_of_a_time_holds_a_key_as_long_as_it_exists() {
    let schedule = allowing(every(60), MisfirePolicy::Skip);
    let unique = schedule.job_at(noon()).unique.unwrap();
    let key = "schedule 00000000-0000-0000-0000-000000000007 2026-06-01T12:00:00.000Z";
    assert_eq!(UniqueKey::parse(key), Ok(unique.key));
    assert!(JobState::ALL.iter().all(|state| unique.states.contains(*state)));
    let now = schedule.job_now();
    assert_eq!((now.unique, now.max_attempts, now.args.as_str()), (None, 3, "{}"));
}

/// How far the wall clock moves between two looks: usually forward by less than a minute, sometimes by a step.
fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 0..50 * SECOND,
        1 => prop_oneof![Just(2 * SECOND), Just(-2 * SECOND)],
        1 => prop_oneof![Just(2 * HOUR), Just(-2 * HOUR)],
    ]
}

fn timing() -> impl Strategy<Value = Timing> {
    prop_oneof![(1_i64..200).prop_map(every), (1_u32..60).prop_map(|step| cron(&format!("*/{step} * * * *")))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_fire_time_is_taken_at_most_once_whatever_the_clock_does(
        timing in timing(), misfire in 0_usize..3, overlap in 0_usize..3, steps in proptest::collection::vec(clock(), 1..80),
    ) {
        let mut schedule = schedule(timing, MisfirePolicy::ALL[misfire], OverlapPolicy::ALL[overlap]);
        let (mut now, mut last) = (noon(), None);
        for step in steps {
            now = now.plus_millis(step);
            for fire in schedule.take_due(now).unwrap().map_or(vec![], |due| due.fires) {
                prop_assert!(Some(fire) > last && fire <= now, "{} after {:?}", fire, last);
                last = Some(fire);
            }
            prop_assert!(schedule.next_fire_at > last.max(Some(now.plus_millis(-1))));
        }
    }

    #[test]
    fn every_fire_time_is_taken_if_the_clock_only_goes_forward(
        timing in timing(), misfire in 0_usize..3, steps in proptest::collection::vec(0..50 * SECOND, 1..80),
    ) {
        let mut schedule = allowing(timing.clone(), MisfirePolicy::ALL[misfire]);
        let (mut now, mut fires) = (noon(), vec![]);
        for step in steps {
            now = now.plus_millis(step);
            if let Some(due) = schedule.take_due(now).unwrap() {
                prop_assert_eq!(due.skipped, 0);
                fires.extend(due.fires);
            }
        }
        let expected: Vec<_> = successors(timing.next_after(noon()), |time| timing.next_after(*time))
            .take_while(|time| *time <= now)
            .collect();
        prop_assert_eq!(fires, expected);
    }
}
