//! Correct jobs have no faults, and each flaw that is planted into them is found.

use super::{check::Work, *};
use crate::{check::Findings, context::Checks as _, state::Sent};

const SCHEDULE: Uuid = Uuid::from_u128(40);
/// 2026-11-30T10:00:00Z
const NEXT: i64 = 1_796_032_800_000;
const FAILURES: &str = r#"[{"attempt":1,"message":"the worker was lost"}]"#;

fn event(n: u128) -> Uuid {
    Uuid::from_u128(100 + n)
}

fn mail(n: u128, state: &str) -> Job {
    Job::mail(Uuid::from_u128(200 + n), event(n), state)
}

fn sent(n: u128, times: u32) -> Sent {
    Sent { key: format!("order_placed.{}", event(n)), before: times, after: times }
}

fn fired(time: &str) -> Job {
    let held_key = Some(format!("schedule {SCHEDULE} {time}"));
    Job { kind: "operations.sweep".into(), held_key, ..mail(u128::from(time.as_bytes()[18]), "completed") }
}

/// A mail that was sent, one that was sent twice because its worker was killed, one that runs and was sent, one that was
/// not tried yet, and two fire times.
fn right() -> State {
    let mut state = State::default();
    let again = Job { attempt: 2, lost: 1, failures: FAILURES.into(), ..mail(2, "completed") };
    let jobs = [mail(1, "completed"), again, mail(3, "running"), Job { attempt: 0, ..mail(4, "available") }];
    state.rows_mut::<Job>().extend(jobs);
    state.rows_mut::<Job>().extend([fired("2026-11-30T09:59:59.000Z"), fired("2026-11-30T09:59:58.000Z")]);
    state.rows_mut::<Sent>().extend([sent(1, 1), sent(2, 2), sent(3, 1)]);
    let (name, created_at) = (EVERY_SECOND.to_owned(), NEXT - 2_500);
    state.rows_mut::<Schedule>().push(Schedule { id: SCHEDULE, name, created_at, next_fire_at: Some(NEXT) });
    state
}

fn faults(state: &State) -> Vec<String> {
    let mut findings = Findings::default();
    Work::of(state).rows(&mut findings);
    findings.faults
}

#[test]
fn correct_jobs_have_no_fault() {
    let mut state = right();
    assert_eq!(faults(&state), Vec::<String>::new());
    assert!(!Work::of(&state).is_settled(), "a mail runs");
    assert_eq!(Work::of(&state).unfinished().len(), 1);
    let counts: Vec<u64> = Work::of(&state).counts().into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [1, 3, 1, 2]);
    state.rows_mut::<Job>().retain(|job| job.state == "completed");
    assert!(Work::of(&state).is_settled());
}

#[test]
fn a_mail_may_be_on_its_way_while_the_store_is_read() {
    let mut state = right();
    state.rows_mut::<Sent>().push(Sent { before: 0, ..sent(4, 1) });
    state.rows_mut::<Sent>().push(Sent { before: 0, ..sent(5, 1) });
    assert_eq!(faults(&state), Vec::<String>::new());
}

#[test]
fn a_job_that_has_lost_three_workers_may_be_discarded() {
    let mut state = right();
    let failures = json!([1, 2, 3].map(|attempt| json!({ "attempt": attempt, "message": "the worker was lost" })));
    let lost = Job { attempt: 3, lost: 3, failures: failures.to_string(), ..mail(5, "discarded") };
    state.rows_mut::<Job>().push(lost);
    assert_eq!(faults(&state), Vec::<String>::new());
}

type Flaw = (fn(&mut State), &'static str);

const FLAWS: &[Flaw] = &[
    (|s| s.rows_mut::<Job>()[0].lease_token = Some(SCHEDULE), "is completed and has the worker"),
    (|s| s.rows_mut::<Job>()[2].lease_token = None, "is running and has the worker None"),
    (|s| s.rows_mut::<Job>()[1].state = "discarded".into(), "is discarded"),
    (
        |s| {
            let job = &mut s.rows_mut::<Job>()[1];
            (job.state, job.lost) = ("discarded".into(), 3);
            job.failures = job.failures.replace("the worker was lost", "no reason");
        },
        "is discarded",
    ),
    (|s| s.rows_mut::<Job>()[4].held_key = s.rows_mut::<Job>()[5].held_key.clone(), "two jobs have the key"),
    (|s| drop(s.rows_mut::<Sent>().remove(0)), "its mail order_placed"),
    (|s| s.rows_mut::<Sent>()[0].before = 2, "was sent 2 times in 1 attempts"),
    (|s| s.rows_mut::<Sent>().push(sent(4, 1)), "was sent 1 times in 0 attempts"),
    (|s| s.rows_mut::<Sent>()[1].before = 3, "was sent 3 times in 2 attempts"),
    (|s| drop(s.rows_mut::<Job>().remove(0)), "has no job"),
    (|s| drop(s.rows_mut::<Job>().remove(4)), "the fire time 2026-11-30T09:59:59.000Z has no job"),
    (|s| s.rows_mut::<Job>().push(fired("2026-11-30T10:00:00.000Z")), "has a job, but has not come"),
    (|s| s.rows_mut::<Job>().push(fired("2026-11-30T09:59:58.500Z")), "has a job, but has not come"),
    (|s| s.rows_mut::<Schedule>()[0].next_fire_at = None, "has stopped"),
];

#[test]
fn every_flaw_is_found() {
    for (plant, text) in FLAWS {
        let mut state = right();
        plant(&mut state);
        let faults = faults(&state);
        assert!(faults.iter().any(|fault| fault.contains(text)), "{text}: {faults:?}");
    }
}
