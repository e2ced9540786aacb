//! A correct log has no faults, and each flaw that is planted into it is found.

use super::{
    check::{Log, MAILS},
    *,
};
use crate::{check::Findings, context::Checks as _, jobs::Job, state::Event};

const ORDER: Uuid = Uuid::from_u128(20);
const SUBSCRIPTION: Uuid = Uuid::from_u128(30);

fn event(n: u128) -> Uuid {
    Uuid::from_u128(100 + n)
}

fn job(n: u128) -> Job {
    Job::mail(Uuid::from_u128(200 + n), event(n), "completed")
}

/// An order that was placed and cancelled, an event without a mail between them, and one that has no position yet.
fn right() -> State {
    let mut state = State::default();
    let mut add = |n: u128, name: &str, aggregate_id: Uuid, aggregate_version: i64| {
        let (name, payload) = (name.to_owned(), "{}".to_owned());
        state.rows_mut::<Event>().push(Event { id: event(n), name, aggregate_id, aggregate_version, payload });
    };
    add(1, "ordering.order_placed.v1", ORDER, 1);
    add(2, "catalog.stock_adjusted.v1", Uuid::from_u128(10), 2);
    add(3, "ordering.order_cancelled.v1", ORDER, 2);
    add(4, "ordering.order_placed.v1", Uuid::from_u128(21), 1);
    for (n, position) in [(1, 1), (2, 2), (3, 3)] {
        state.rows_mut::<Placed>().push(Placed { event_id: event(n), position });
    }
    let subscriber = MAILS.to_owned();
    state.rows_mut::<Subscription>().push(Subscription { id: SUBSCRIPTION, subscriber, position: 3 });
    state.rows_mut::<Job>().extend([job(1), job(3)]);
    state
}

fn faults(state: &State) -> Vec<String> {
    let mut findings = Findings::default();
    Log::of(state).rows(&mut findings);
    findings.faults
}

#[test]
fn a_correct_log_has_no_fault() {
    let mut state = right();
    assert_eq!(faults(&state), Vec::<String>::new());
    assert!(!Log::of(&state).is_settled(), "an event has no position");
    state.rows_mut::<Event>().pop();
    assert!(Log::of(&state).is_settled());
    assert_eq!(Log::of(&state).counts(), [("events delivered", 3)]);
    state.rows_mut::<Subscription>()[0].position = 2;
    assert_eq!(Log::of(&state).unfinished(), ["kills that left events undelivered"]);
}

#[test]
fn an_event_that_is_held_back_has_no_mail_yet() {
    let mut state = right();
    state.rows_mut::<Job>().pop();
    state.rows_mut::<Held>().push(Held { subscription_id: SUBSCRIPTION, event_id: event(3) });
    assert_eq!(faults(&state), Vec::<String>::new());
}

type Flaw = (fn(&mut State), &'static str);

const FLAWS: &[Flaw] = &[
    (|s| drop(s.rows_mut::<Job>().pop()), "has 0 mails, not 1"),
    (|s| s.rows_mut::<Job>().push(job(3)), "has 2 mails, not 1"),
    (|s| s.rows_mut::<Job>().push(job(4)), "has 1 mails, not 0"),
    (|s| s.rows_mut::<Job>().push(job(9)), "which is missing"),
    (|s| drop(s.rows_mut::<Subscription>().pop()), "has 1 mails, not 0"),
    (|s| s.rows_mut::<Placed>()[1].position = 9, "without gaps"),
    (|s| s.rows_mut::<Placed>()[1].event_id = event(1), "two positions"),
    (|s| s.rows_mut::<Placed>()[1].event_id = event(9), "has a position but is missing"),
    (
        |s| {
            let placed = s.rows_mut::<Placed>();
            (placed[0].position, placed[2].position) = (3, 1);
        },
        "placed out of order",
    ),
    (
        |s| {
            let jobs = s.rows_mut::<Job>();
            (jobs[0].id, jobs[1].id) = (jobs[1].id, jobs[0].id);
        },
        "handled out of order",
    ),
    (
        |s| {
            s.rows_mut::<Placed>()[0].event_id = event(4);
        },
        "out of order",
    ),
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
