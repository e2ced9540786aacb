//! Tests of the breaker with a clock that the test moves.

use super::*;
use proptest::prelude::*;
use skep_application::testing::{FixedClock, FixedRandom};

const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    window: Duration::from_secs(60),
    open: Duration::from_secs(10),
    most_open: Duration::from_secs(35),
};

fn breaker(bits: u64) -> (CircuitBreaker, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::default());
    (CircuitBreaker::new(POLICY, clock.clone(), Arc::new(FixedRandom(bits))), clock)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fail(breaker: &CircuitBreaker, times: usize) {
    for _ in 0..times {
        breaker.admit().unwrap().failed();
    }
}

#[test]
fn failures_within_the_window_open_it_and_older_ones_do_not_count() {
    let (breaker, clock) = breaker(0);
    fail(&breaker, 2);
    clock.advance(seconds(61));
    fail(&breaker, 2);
    assert!(!breaker.is_open());
    clock.advance(seconds(60));
    fail(&breaker, 1);
    assert!(breaker.is_open());
    assert_eq!(breaker.admit().unwrap_err(), CircuitOpen { retry_after: seconds(10) });
    clock.advance(seconds(4));
    assert_eq!(breaker.admit().unwrap_err(), CircuitOpen { retry_after: seconds(6) });
}

#[test]
fn after_the_time_exactly_one_call_gets_through_and_its_success_closes_it() {
    let (breaker, clock) = breaker(0);
    fail(&breaker, 3);
    clock.advance(seconds(10));
    let probe = breaker.admit().unwrap();
    for _ in 0..3 {
        assert!(breaker.admit().is_err(), "one probe at a time");
    }
    probe.succeeded();
    fail(&breaker, 2);
    assert!(!breaker.is_open(), "the failures before do not count any more");
}

#[test]
fn each_failed_probe_doubles_the_time_up_to_a_limit() {
    let (breaker, clock) = breaker(0);
    fail(&breaker, 3);
    for open in [10, 20, 35, 35] {
        assert_eq!(breaker.admit().unwrap_err().retry_after, seconds(open));
        clock.advance(seconds(open));
        breaker.admit().unwrap().failed();
    }
    clock.advance(seconds(35));
    breaker.admit().unwrap().succeeded();
    fail(&breaker, 3);
    assert_eq!(breaker.admit().unwrap_err().retry_after, seconds(10), "a success starts again");
}

#[test]
fn a_probe_that_is_dropped_makes_room_for_the_next_one() {
    let (breaker, clock) = breaker(0);
    fail(&breaker, 3);
    clock.advance(seconds(10));
    drop(breaker.admit().unwrap());
    drop(breaker.admit().unwrap());
    breaker.admit().unwrap().succeeded();
    assert!(!breaker.is_open());
}

#[test]
fn a_call_from_before_the_opening_decides_nothing() {
    let (breaker, clock) = breaker(0);
    let (early, late) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    fail(&breaker, 3);
    early.succeeded();
    assert!(breaker.is_open(), "an old success does not close it");
    clock.advance(seconds(10));
    let probe = breaker.admit().unwrap();
    late.failed();
    probe.succeeded();
    assert!(!breaker.is_open());
}

#[test]
fn the_time_is_spread_by_up_to_a_fifth() {
    let (breaker, _) = breaker(u64::MAX);
    fail(&breaker, 3);
    let open = breaker.admit().unwrap_err().retry_after;
    assert!(open > Duration::from_millis(11_999) && open <= seconds(12), "{open:?}");
}

proptest! {
    /// Whatever happens, at most one probe is on its way, and a server that answers again is asked again.
    #[test]
    fn it_never_has_two_probes_and_always_recovers(steps in prop::collection::vec(0_u8..5, 0..60)) {
        let (breaker, clock) = breaker(0);
        let mut held = Vec::new();
        for step in steps {
            match step {
                0 => held.extend(breaker.admit()),
                1 => if let Some(permit) = held.pop() { permit.failed() },
                2 => if let Some(permit) = held.pop() { permit.succeeded() },
                3 => drop(held.pop()),
                _ => clock.advance(seconds(7)),
            }
            prop_assert!(held.iter().filter(|permit| permit.probe.is_some()).count() <= 1);
        }
        held.clear();
        clock.advance(seconds(60));
        breaker.admit().unwrap().succeeded();
        prop_assert!(!breaker.is_open());
    }
}
