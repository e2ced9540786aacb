use super::*;
use proptest::prelude::*;
use std::time::Duration;
use uuid::Uuid;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn token(number: u128) -> LeaseToken {
    LeaseToken::new(Uuid::from_u128(number))
}

fn new() -> NewJob {
    NewJob::of(JobKind::parse("shop.greet").unwrap(), JobArgs::stored("{}".to_owned()))
}

fn stored(new: NewJob) -> Job {
    let origin = JobOrigin { request_id: "request".to_owned(), traceparent: None };
    Job::create(JobId::new(Uuid::nil()), new, origin, at(1_000))
}

fn claimed(max_attempts: u32) -> Job {
    let mut job = stored(NewJob { max_attempts, ..new() });
    assert!(job.claim(token(1), at(2_000)));
    job
}

const SOME: (Backoff, f64) = (Backoff { base: Duration::from_secs(5), cap: Duration::from_secs(60) }, 0.5);

fn failed(retry: Retry) -> (String, Retry) {
    ("no reason".to_owned(), retry)
}

#[test]
fn a_job_waits_for_its_time_and_then_for_a_worker() {
    let mut job = stored(NewJob { ready_at: Some(at(5_000)), ..new() });
    assert!(job.state == JobState::Scheduled && !job.claim(token(1), at(9_000)));
    assert!(!job.promote(at(4_999)) && job.promote(at(5_000)) && !job.promote(at(5_000)));
    assert!(job.claim(token(1), at(6_000)) && !job.claim(token(2), at(6_000)));
    assert_eq!((job.state, job.attempt, job.started_at), (JobState::Running, 1, Some(at(6_000))));
}

#[test]
fn a_failed_job_is_tried_again_until_it_has_used_its_attempts() {
    let mut job = claimed(2);
    job.fail(token(1), failed(Retry::Later), SOME, at(3_000)).unwrap();
    assert_eq!((job.state, job.ready_at), (JobState::Retryable, at(5_500)), "half of five seconds");
    assert!(job.promote(at(5_500)) && job.claim(token(2), at(5_500)));
    job.fail(token(2), failed(Retry::At(at(9_000))), SOME, at(6_000)).unwrap();
    assert_eq!((job.state, job.finished_at), (JobState::Discarded, Some(at(6_000))));
    let noted: Vec<_> = job.failures.iter().map(|failure| (failure.attempt, failure.at)).collect();
    assert_eq!(noted, [(1, at(3_000)), (2, at(6_000))]);
}

#[test]
fn a_handler_decides_when_and_whether_the_job_is_tried_again() {
    let mut job = claimed(9);
    job.fail(token(1), failed(Retry::At(at(8_000))), SOME, at(3_000)).unwrap();
    assert_eq!((job.state, job.ready_at), (JobState::Retryable, at(8_000)));
    let mut job = claimed(9);
    job.fail(token(1), failed(Retry::Never), SOME, at(3_000)).unwrap();
    assert_eq!(job.state, JobState::Discarded);
}

#[test]
fn putting_off_and_giving_back_do_not_count_as_attempts() {
    let mut job = claimed(1);
    job.snooze(token(1), at(7_000), at(3_000)).unwrap();
    assert_eq!((job.state, job.ready_at, job.attempt), (JobState::Scheduled, at(7_000), 0));
    assert!(job.promote(at(7_000)) && job.claim(token(2), at(7_000)));
    job.hand_back(token(2), at(8_000)).unwrap();
    assert_eq!((job.state, job.ready_at, job.attempt), (JobState::Available, at(8_000), 0));
}

#[test]
fn a_job_that_loses_three_workers_in_succession_is_discarded() {
    let mut job = claimed(9);
    for lost in 1..=2_u32 {
        job.rescue(Lease::new(token(lost.into())), at(3_000)).unwrap();
        assert_eq!((job.state, job.attempt, job.lost), (JobState::Available, lost, lost));
        assert!(job.claim(token((lost + 1).into()), at(3_000)));
    }
    let mut other = job.clone();
    job.rescue(Lease::new(token(3)), at(4_000)).unwrap();
    assert_eq!((job.state, job.failures.len()), (JobState::Discarded, 3));
    other.fail(token(3), failed(Retry::At(at(4_000))), SOME, at(4_000)).unwrap();
    assert_eq!((other.state, other.lost), (JobState::Retryable, 0), "a worker that lived in between starts the count");
}

#[test]
fn a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked_to_stop() {
    let mut job = stored(new());
    assert_eq!((job.cancel(at(2_000)), job.state), (Ok(true), JobState::Cancelled));
    assert_eq!(job.cancel(at(2_000)), Err(Ended(JobState::Cancelled)));
    let running = || {
        let mut job = claimed(9);
        assert_eq!(job.beat(token(1)), Ok(false));
        assert_eq!((job.cancel(at(3_000)), job.cancel(at(3_500)), job.state), (Ok(true), Ok(false), JobState::Running));
        assert_eq!(job.beat(token(1)), Ok(true));
        job
    };
    let mut stopped = running();
    stopped.stopped(token(1), at(4_000)).unwrap();
    let mut failing = running();
    failing.fail(token(1), failed(Retry::Later), SOME, at(4_000)).unwrap();
    let mut lost = running();
    let seen = lost.lease.unwrap();
    assert_eq!(lost.rescue(Lease::new(token(1)), at(4_000)), Err(Fenced), "it has beaten since");
    lost.rescue(seen, at(4_000)).unwrap();
    let mut given_back = running();
    given_back.hand_back(token(1), at(4_000)).unwrap();
    for job in [stopped, failing, lost, given_back] {
        assert_eq!((job.state, job.finished_at, job.lease), (JobState::Cancelled, Some(at(4_000)), None));
    }
    let mut done = running();
    done.complete(token(1), Some("1".to_owned()), at(4_000)).unwrap();
    assert_eq!((done.state, done.output.as_deref()), (JobState::Completed, Some("1")), "it was done before it stopped");
}

#[test]
fn a_retry_gives_back_all_attempts_and_keeps_the_history() {
    let mut job = claimed(1);
    assert_eq!(job.retry(at(3_000)), Err(Ended(JobState::Running)));
    job.fail(token(1), failed(Retry::Later), SOME, at(3_000)).unwrap();
    assert_eq!((job.state, job.retry(at(9_000))), (JobState::Discarded, Ok(true)));
    assert_eq!((job.state, job.ready_at, job.attempt), (JobState::Available, at(9_000), 0));
    assert_eq!((job.finished_at, job.failures.len()), (None, 1));
    assert_eq!(job.retry(at(9_000)), Ok(false));
    assert!(job.claim(token(2), at(9_000)));
    job.complete(token(2), None, at(9_500)).unwrap();
    assert_eq!(job.retry(at(9_900)), Err(Ended(JobState::Completed)));
}

#[test]
fn a_key_is_held_only_in_the_states_that_it_names() {
    let key = UniqueKey::parse("order-1").unwrap();
    let unique = Some(Uniqueness { key: key.clone(), states: JobStates::WAITING });
    let mut job = stored(NewJob { unique, ..new() });
    assert_eq!(job.held_key(), Some(&key));
    job.claim(token(1), at(2_000));
    assert_eq!(job.held_key(), None);
    assert_eq!(stored(new()).held_key(), None);
}

#[test]
fn what_a_job_remembers_of_its_failures_is_bounded() {
    let mut job = claimed(100);
    for number in 1..=20 {
        job.fail(token(number), ("é".repeat(Job::MESSAGE_MAX), Retry::At(at(3_000))), SOME, at(3_000)).unwrap();
        assert!(job.promote(at(3_000)) && job.claim(token(number + 1), at(3_000)));
    }
    assert_eq!(job.failures.len(), Job::FAILURES_MAX);
    assert_eq!((job.failures[0].attempt, job.failures[9].attempt), (11, 20));
    assert!(job.failures.iter().all(|failure| failure.message.len() == Job::MESSAGE_MAX));
}

/// What can happen to a job. The numbers are of the token.
#[derive(Debug, Clone)]
enum Step {
    Promote,
    Claim,
    Beat(u128),
    Report(u128, u8),
    Complete(u128),
    Fail(u128, bool),
    Snooze(u128, i64),
    HandBack(u128),
    Stopped(u128),
    Rescue(u128),
    Cancel,
    Retry,
}

fn step() -> impl Strategy<Value = Step> {
    // Tokens of the last claims, so that both the holder and those before it act.
    let token = 0..3_u128;
    prop_oneof![
        1 => Just(Step::Promote),
        3 => Just(Step::Claim),
        1 => token.clone().prop_map(Step::Beat),
        1 => (token.clone(), 0..=100_u8).prop_map(|(token, percent)| Step::Report(token, percent)),
        1 => token.clone().prop_map(Step::Complete),
        2 => (token.clone(), any::<bool>()).prop_map(|(token, again)| Step::Fail(token, again)),
        1 => (token.clone(), 0..2_000_i64).prop_map(|(token, millis)| Step::Snooze(token, millis)),
        1 => token.clone().prop_map(Step::HandBack),
        1 => token.clone().prop_map(Step::Stopped),
        1 => token.prop_map(Step::Rescue),
        1 => Just(Step::Cancel),
        1 => Just(Step::Retry),
    ]
}

proptest! {
    /// J2, J3, J6: whatever happens in whatever order, also by holders of earlier claims and with a clock that steps.
    #[test]
    fn the_states_stay_consistent(
        steps in prop::collection::vec((step(), -3_000..5_000_i64), 1..60), max_attempts in 1_u32..5,
    ) {
        let mut job = stored(NewJob { max_attempts, ..new() });
        let (mut claims, mut now, mut reported) = (0_u128, at(1_000), None);
        for (step, elapsed) in steps {
            now = now.plus_millis(elapsed);
            let before = job.clone();
            let last = claims;
            let of = |back: u128| token(last.saturating_sub(back));
            let holds = |back: u128| before.lease.is_some_and(|lease| lease.token == of(back));
            let fenced = match step {
                Step::Promote => { job.promote(now); None }
                Step::Claim => {
                    if job.claim(token(claims + 1), now) { claims += 1; }
                    None
                }
                Step::Beat(back) => Some((back, job.beat(of(back)).map(drop))),
                Step::Report(back, percent) => {
                    let progress = Progress { percent, ..Progress::default() };
                    let done = job.report(of(back), progress.clone());
                    if done.is_ok() { reported = Some(progress); }
                    Some((back, done))
                }
                Step::Complete(back) => Some((back, job.complete(of(back), None, now))),
                Step::Fail(back, again) => {
                    let retry = if again { Retry::Later } else { Retry::Never };
                    Some((back, job.fail(of(back), failed(retry), SOME, now)))
                }
                Step::Snooze(back, millis) => Some((back, job.snooze(of(back), now.plus_millis(millis), now))),
                Step::HandBack(back) => Some((back, job.hand_back(of(back), now))),
                Step::Stopped(back) => Some((back, job.stopped(of(back), now))),
                Step::Rescue(back) => {
                    let seen = job.lease.filter(|lease| lease.token == of(back)).unwrap_or_else(|| Lease::new(of(back)));
                    Some((back, job.rescue(seen, now)))
                }
                Step::Cancel => { let _ = job.cancel(now); None }
                Step::Retry => { let _ = job.retry(now); None }
            };
            if let Some((back, done)) = fenced {
                prop_assert_eq!(done.is_ok(), holds(back), "only the holder may");
                prop_assert!(done.is_ok() || job == before, "a refused step changes nothing");
            }
            prop_assert_eq!(&job.progress, &reported, "the last report of a holder stays, however its attempt ends");
            prop_assert_eq!(job.lease.is_some(), job.state == JobState::Running);
            prop_assert_eq!(job.finished_at.is_some(), job.state.is_final());
            prop_assert!(job.attempt <= job.max_attempts && job.lost <= Job::LOST_MAX);
            prop_assert!(job.finished_at.is_none_or(|time| time >= job.created_at));
            prop_assert!(job.cancel_requested_at.is_none() || job.state == JobState::Running || job.state.is_final());
        }
    }
}
