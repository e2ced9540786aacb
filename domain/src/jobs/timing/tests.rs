use super::*;
use chrono::{Datelike as _, LocalResult, NaiveDate, TimeZone as _, Timelike as _};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Zones whose clocks change in spring and autumn, by an hour or by half of one, with the days of the changes in 2026.
const CHANGES: [(Tz, [(u32, u32); 2]); 4] = [
    (Tz::Europe__Berlin, [(3, 29), (10, 25)]),
    (Tz::America__New_York, [(3, 8), (11, 1)]),
    (Tz::Australia__Lord_Howe, [(4, 5), (10, 4)]),
    (Tz::Pacific__Chatham, [(4, 5), (9, 27)]),
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn cron(line: &str, zone: &str) -> Timing {
    Timing::Cron { line: CronLine::parse(line).unwrap(), zone: TimeZone::parse(zone).unwrap() }
}

fn times(timing: &Timing, after: Timestamp, count: usize) -> Vec<Timestamp> {
    std::iter::successors(timing.next_after(after), |time| timing.next_after(*time)).take(count).collect()
}

fn local(time: Timestamp, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from(time).with_timezone(&zone)
}

/// A zone, and midnight in UTC of the day before one of its changes.
fn change() -> impl Strategy<Value = (Tz, Timestamp)> {
    (0..CHANGES.len(), 0_usize..2).prop_map(|(zone, season)| {
        let (zone, days) = CHANGES[zone];
        let (month, day) = days[season];
        let midnight = NaiveDate::from_ymd_opt(2026, month, day).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
        (zone, Timestamp::from(midnight).plus_millis(-DAY))
    })
}

#[test]
fn a_cron_line_has_five_fields_or_is_a_nickname() {
    for text in ["* * * * *", "*/5 9-17 * JAN,jul MON-fri", "0 0 L * *", "30 4 1W * *", "0 8 * * 1#2", "@daily"] {
        assert!(CronLine::parse(text).is_ok(), "{text}");
    }
    let long = format!("{} * * * *", ["1"; 60].join(","));
    for text in
        ["", "* * * *", "* * * * * *", "0 0 0 1 1 * 2030", "60 * * * *", "* 24 * * *", "@reboot", "a b c d e", &long]
    {
        assert!(CronLine::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_zone_is_one_of_the_database() {
    for text in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
        assert_eq!(TimeZone::parse(text).map(TimeZone::into_string), Ok(text.to_owned()));
    }
    for text in ["", "Mars/Olympus", "europe/berlin", "+02:00"] {
        assert_eq!(TimeZone::parse(text), Err(UnknownTimeZone), "{text:?}");
    }
    assert_eq!(TimeZone::default().as_str(), "UTC");
}

#[test]
fn an_interval_has_one_second_to_366_days() {
    for seconds in [Interval::MIN, 60, Interval::MAX] {
        assert_eq!(Interval::of_seconds(seconds).map(|interval| i64::from(interval.seconds())), Ok(seconds));
    }
    for seconds in [i64::MIN, -1, 0, Interval::MAX + 1, i64::from(u32::MAX) + 2, i64::MAX] {
        assert_eq!(Interval::of_seconds(seconds), Err(InvalidInterval), "{seconds}");
    }
}

#[test]
fn a_fixed_local_time_fires_once_also_if_the_clock_skips_or_repeats_it() {
    let fires = |line: &str, after: &str, expected: [&str; 3]| {
        assert_eq!(times(&cron(line, "Europe/Berlin"), at(after), 3), expected.map(at), "{line}");
    };
    // 02:30 does not exist on March 29; the gap ends at 03:00 local time.
    fires(
        "30 2 * * *",
        "2026-03-27T12:00:00Z",
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    // 02:30 comes twice on October 25.
    fires(
        "30 2 * * *",
        "2026-10-23T12:00:00Z",
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
}

#[test]
fn a_line_that_never_fires_has_no_next_time() {
    for line in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert_eq!(cron(line, "UTC").next_after(at("2026-01-01T00:00:00Z")), None, "{line}");
    }
    let leap_day = cron("0 0 29 2 *", "UTC");
    assert_eq!(leap_day.next_after(at("2096-03-01T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
}

#[test]
fn a_stored_timing_that_is_not_known_any_more_has_no_next_time() {
    let (line, zone) = (CronLine::stored("never".to_owned()), TimeZone::stored("Mars/Olympus".to_owned()));
    for timing in [
        Timing::Cron { line, zone: TimeZone::default() },
        Timing::Cron { line: CronLine::parse("* * * * *").unwrap(), zone },
    ] {
        assert_eq!(timing.next_after(Timestamp::MIN), None);
    }
}

#[test]
fn one_time_fires_once() {
    let noon = at("2026-06-01T12:00:00Z");
    assert_eq!(times(&Timing::Once(noon), noon.plus_millis(-1), 3), [noon]);
    assert_eq!(Timing::Once(noon).next_after(noon), None);
}

#[test]
fn the_ends_of_time_are_no_fire_times() {
    let every = Timing::Every { interval: Interval::of_seconds(60).unwrap(), from: Timestamp::MAX };
    for timing in [cron("* * * * *", "Pacific/Chatham"), every] {
        assert_eq!(timing.next_after(Timestamp::MAX), None);
        let _ = timing.next_after(Timestamp::MIN);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_fixed_time_fires_once_each_local_day((zone, from) in change(), hour in 0_u32..24, minute in 0_u32..60) {
        let fires = times(&cron(&format!("{minute} {hour} * * *"), zone.name()), from, 4);
        let mut days = vec![];
        for fire in fires {
            let fire = local(fire, zone);
            days.push(fire.num_days_from_ce());
            let named = fire.date_naive().and_hms_opt(hour, minute, 0).unwrap();
            match zone.from_local_datetime(&named) {
                LocalResult::Single(time) => prop_assert_eq!(fire, time),
                LocalResult::Ambiguous(first, _) => prop_assert_eq!(fire, first),
                LocalResult::None => {
                    let before = fire - chrono::Duration::minutes(1);
                    prop_assert!(before.naive_local() < named && fire.naive_local() > named, "{} is no end of a gap", fire);
                }
            }
        }
        prop_assert!(days.windows(2).all(|days| days[0] + 1 == days[1]), "{:?}", days);
    }

    #[test]
    fn a_step_fires_at_each_local_time_that_comes((zone, from) in change(), step in 1_u32..60) {
        let (timing, until) = (cron(&format!("*/{step} * * * *"), zone.name()), from.plus_millis(3 * DAY));
        let fires = std::iter::successors(timing.next_after(from), |time| timing.next_after(*time));
        let fires: Vec<_> = fires.take_while(|time| *time <= until).collect();
        let minutes = (1..=3 * DAY / MINUTE).map(|minute| from.plus_millis(minute * MINUTE));
        let expected: Vec<_> = minutes.filter(|time| local(*time, zone).minute().is_multiple_of(step)).collect();
        prop_assert_eq!(fires, expected);
    }

    #[test]
    fn no_time_lies_between_one_and_the_next(
        (zone, from) in change(), offset in 0..3 * DAY, hour in 0_u32..24, earlier in 1..DAY,
    ) {
        for line in [format!("*/7 {hour} * * *"), format!("15 {hour} * * *"), format!("* {hour}-23/3 * * *")] {
            let (timing, after) = (cron(&line, zone.name()), from.plus_millis(offset));
            let next = timing.next_after(after).unwrap();
            prop_assert!(next > after);
            let between = next.plus_millis(-earlier).not_before(after);
            prop_assert_eq!(timing.next_after(between), Some(next), "{} after {}", line, between);
        }
    }

    #[test]
    fn an_interval_fires_at_equal_distances(
        from in -DAY..DAY, after in -40 * DAY..40 * DAY, seconds in Interval::MIN..=Interval::MAX,
    ) {
        let (from, after) = (Timestamp::from_millis(from).unwrap(), Timestamp::from_millis(after).unwrap());
        let timing = Timing::Every { interval: Interval::of_seconds(seconds).unwrap(), from };
        let next = timing.next_after(after).unwrap();
        let distance = next.as_millis() - from.as_millis();
        prop_assert!(next > after && distance > 0 && distance % (seconds * 1_000) == 0);
        prop_assert!(distance == seconds * 1_000 || next.as_millis() - seconds * 1_000 <= after.as_millis());
    }
}
