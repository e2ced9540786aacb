//! `RateLimits`.

use crate::{
    check::{Checked, Failure, equal, holds},
    clause::{self, Clause, clauses},
    harness::Need,
};
use skep_application::kernel::{Limit, LimitKind, RateLimits, Verdict};
use std::{sync::Arc, time::Duration};

clauses! { list of "rate_limits" on dyn RateLimits:
    a_burst_is_allowed_and_no_more ["RateLimits 1"],
    parallel_calls_get_exactly_the_burst ["RateLimits 1"],
    one_more_is_earned_at_an_even_pace ["RateLimits 1", "RateLimits 3"],
    a_refused_call_takes_nothing ["RateLimits 2"],
    keys_do_not_touch_each_other ["RateLimits 2"],
    any_text_is_a_key,
    a_bucket_fills_up_again ["RateLimits 3"],
    a_verdict_has_the_remaining_calls,
    a_call_takes_its_whole_cost_or_nothing ["RateLimits 1", "RateLimits 4"],
    parallel_costs_share_the_burst ["RateLimits 1", "RateLimits 4"],
    a_cost_above_the_burst_is_never_allowed ["RateLimits 4"],
    a_cost_of_zero_is_always_allowed ["RateLimits 4"],
    units_that_are_given_back_are_available_at_once ["RateLimits 5"],
    no_more_than_the_burst_is_given_back ["RateLimits 5"],
    units_are_given_back_to_their_key_only ["RateLimits 2", "RateLimits 5"],
    parallel_calls_lose_no_unit_that_is_given_back ["RateLimits 5"],
    every_kind_allows_exactly_the_burst_at_once ["RateLimits 1", "RateLimits 4"],
    every_kind_refuses_without_taking ["RateLimits 2"],
    every_kind_says_when_units_are_available ["RateLimits 1", "RateLimits 3"],
    every_kind_gets_units_back ["RateLimits 5"],
    instances_count_together ["RateLimits 1", "RateLimits 5"] {Need::Shared},
}

type Given = clause::Given<dyn RateLimits>;

/// Every clause of [`RateLimits`].
#[must_use]
pub fn clauses() -> Vec<Clause<dyn RateLimits>> {
    list()
}

const HOUR: Duration = Duration::from_secs(3_600);

fn limit(burst: u32, period: Duration) -> Limit {
    Limit::smooth(burst, period)
}

/// A limit of each kind. No window ends while the clauses run, except every ten years.
fn of_each_kind(burst: u32) -> [(String, Limit); 3] {
    const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
    [LimitKind::Smooth, LimitKind::Fixed, LimitKind::Sliding]
        .map(|kind| (format!("{kind:?}"), Limit { kind, ..limit(burst, TEN_YEARS) }))
}

async fn every_kind_allows_exactly_the_burst_at_once(given: &Given) -> Checked {
    for (key, limit) in of_each_kind(20) {
        let start = Arc::new(tokio::sync::Barrier::new(40));
        let call = |_| {
            let (limits, start, key) = (given.store.clone(), start.clone(), key.clone());
            tokio::spawn(async move {
                start.wait().await;
                limits.take(&key, 3, limit).await
            })
        };
        let tasks: Vec<_> = (0..40).map(call).collect();
        let mut allowed = 0;
        for task in tasks {
            allowed += u32::from(task.await??.allowed);
        }
        equal(allowed, 6)?;
        let verdict = given.store.take(&key, 2, limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, 0))?;
        equal(given.store.take(&key, 0, limit).await?.allowed, true)?;
        equal(given.store.take(&key, 21, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn every_kind_refuses_without_taking(given: &Given) -> Checked {
    for (key, limit) in of_each_kind(5) {
        given.store.take(&key, 3, limit).await?;
        for _ in 0..20 {
            let verdict = given.store.take(&key, 3, limit).await?;
            equal((verdict.allowed, verdict.remaining), (false, 2))?;
        }
        equal(given.store.take(&key, 2, limit).await?.allowed, true)?;
    }
    Ok(())
}

async fn every_kind_says_when_units_are_available(given: &Given) -> Checked {
    for (key, limit) in of_each_kind(4) {
        let first = given.store.take(&key, 4, limit).await?;
        let refused = given.store.take(&key, 1, limit).await?;
        holds(!refused.allowed && refused.retry_after > Duration::ZERO, "a refused caller learns how long to wait")?;
        holds(refused.retry_after <= refused.reset_after, "one unit is available before all are")?;
        holds(refused.reset_after <= first.reset_after, "a refused call does not delay the reset")?;
        let periods = if limit.kind == LimitKind::Sliding { 2 } else { 1 };
        holds(first.reset_after <= limit.period * periods, "all units are available after that")?;
        holds(refused.retry_after < limit.period * periods, "the first one is available before")?;
        let together = refused.retry_after == refused.reset_after;
        holds(together == (limit.kind == LimitKind::Fixed), "all units of a fixed window become available together")?;
        let is_later = first.reset_after > limit.period;
        holds(is_later == (limit.kind == LimitKind::Sliding), "the window before has a weight if windows slide")?;
    }
    // A caller that waits for as long as it is asked to is let in.
    for (key, kind) in [("fixed", LimitKind::Fixed), ("sliding", LimitKind::Sliding)] {
        let limit = Limit { kind, ..limit(3, Duration::from_millis(300)) };
        use_up(&*given.store, key, limit).await?;
        until_allowed(&*given.store, key, limit).await?;
    }
    Ok(())
}

async fn every_kind_gets_units_back(given: &Given) -> Checked {
    for (key, limit) in of_each_kind(5) {
        for _ in 0..20 {
            equal(given.store.take(&key, 4, limit).await?.allowed, true)?;
            given.store.give_back(&key, 4, limit).await?;
        }
        given.store.take(&key, 2, limit).await?;
        for units in [3, u32::MAX] {
            given.store.give_back(&key, units, limit).await?;
        }
        let verdict = given.store.take(&key, 5, limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, 0))?;
        equal(given.store.take(&key, 1, limit).await?.allowed, false)?;
        given.store.give_back(&key, 1, limit).await?;
        equal(given.store.take(&key, 1, limit).await?.remaining, 0)?;
    }
    Ok(())
}

/// Takes single units until one is refused, and returns how many were allowed.
async fn use_up(limits: &dyn RateLimits, key: &str, limit: Limit) -> Result<u32, Failure> {
    let mut allowed = 0_u32;
    while limits.take(key, 1, limit).await?.allowed {
        allowed += 1;
        holds(allowed < 1_000, "the burst comes to an end")?;
    }
    Ok(allowed)
}

async fn a_burst_is_allowed_and_no_more(given: &Given) -> Checked {
    for burst in [1, 5, 60] {
        let (key, limit) = (format!("burst-{burst}"), limit(burst, HOUR));
        for call in 1..=burst {
            let verdict = given.store.take(&key, 1, limit).await?;
            equal((verdict.allowed, verdict.remaining), (true, burst - call))?;
        }
        let verdict = given.store.take(&key, 1, limit).await?;
        equal((verdict.allowed, verdict.remaining), (false, 0))?;
    }
    Ok(())
}

async fn parallel(limiters: &[Arc<dyn RateLimits>], calls: usize, limit: Limit) -> Checked<Vec<Verdict>> {
    let start = Arc::new(tokio::sync::Barrier::new(calls));
    let call = |number: usize| {
        let (limits, start) = (limiters[number % limiters.len()].clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            limits.take("parallel", 1, limit).await
        })
    };
    let tasks: Vec<_> = (0..calls).map(call).collect();
    let mut verdicts = Vec::new();
    for task in tasks {
        verdicts.push(task.await??);
    }
    Ok(verdicts)
}

async fn parallel_calls_get_exactly_the_burst(given: &Given) -> Checked {
    let verdicts = parallel(std::slice::from_ref(&given.store), 64, limit(20, HOUR)).await?;
    equal(verdicts.iter().filter(|verdict| verdict.allowed).count(), 20)?;
    let mut left: Vec<u32> = verdicts.iter().filter(|verdict| verdict.allowed).map(|one| one.remaining).collect();
    left.sort_unstable();
    equal(left, (0..20).collect())
}

async fn instances_count_together(given: &Given) -> Checked {
    let verdicts = parallel(&[given.store.clone(), given.second().await?], 60, limit(20, HOUR)).await?;
    equal(verdicts.iter().filter(|verdict| verdict.allowed).count(), 20)?;
    // What one instance has taken, the other one gives back.
    let second = given.second().await?;
    for _ in 0..3 {
        second.give_back("parallel", 5, limit(20, HOUR)).await?;
        equal(given.store.take("parallel", 5, limit(20, HOUR)).await?.allowed, true)?;
    }
    equal(second.take("parallel", 1, limit(20, HOUR)).await?.allowed, false)
}

/// Calls until one call is allowed. Returns the number of refused calls, and the verdict.
async fn until_allowed(limits: &dyn RateLimits, key: &str, limit: Limit) -> Checked<(u32, Verdict)> {
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut refused = 0;
    loop {
        let verdict = limits.take(key, 1, limit).await?;
        if verdict.allowed {
            return Ok((refused, verdict));
        }
        holds(verdict.retry_after > Duration::ZERO, "a caller that is refused learns how long to wait")?;
        holds(tokio::time::Instant::now() < until, "the pace of the limit is kept")?;
        refused += 1;
        tokio::time::sleep(verdict.retry_after.min(Duration::from_secs(1))).await;
    }
}

async fn one_more_is_earned_at_an_even_pace(given: &Given) -> Checked {
    // One call is earned every 300 ms.
    let limit = limit(4, Duration::from_millis(1_200));
    let start = tokio::time::Instant::now();
    let mut allowed = use_up(&*given.store, "pace", limit).await?;
    for _ in 0..3 {
        until_allowed(&*given.store, "pace", limit).await?;
        allowed += 1;
    }
    // However slow the machine is, the maximum is the burst plus one call for every 300 ms that have passed.
    let earned = start.elapsed().as_millis() / 300 + 1;
    holds(u128::from(allowed) <= 4 + earned, format!("{allowed} were allowed, the maximum is 4 + {earned}"))
}

async fn a_refused_call_takes_nothing(given: &Given) -> Checked {
    let limit = limit(2, HOUR);
    for _ in 0..2 {
        given.store.take("patient", 1, limit).await?;
    }
    let first = given.store.take("patient", 1, limit).await?;
    for _ in 0..50 {
        let verdict = given.store.take("patient", 1, limit).await?;
        holds(!verdict.allowed, "the burst is used up")?;
        holds(verdict.retry_after <= first.retry_after, "a refused call does not make the wait longer")?;
        holds(verdict.reset_after <= first.reset_after, "a refused call does not delay the reset")?;
    }
    Ok(())
}

async fn keys_do_not_touch_each_other(given: &Given) -> Checked {
    let limit = limit(1, HOUR);
    for key in ["login:a", "login:b", "login:A", "register:a", "login:a "] {
        equal(given.store.take(key, 1, limit).await?.allowed, true)?;
        equal(given.store.take(key, 1, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn any_text_is_a_key(given: &Given) -> Checked {
    let limit = limit(1, HOUR);
    for key in ["", " ", "::1", "🐝", "a\r\nb", "*", "\0", &"k".repeat(4_096)] {
        equal(given.store.take(key, 1, limit).await?.allowed, true)?;
        equal(given.store.take(key, 1, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn a_bucket_fills_up_again(given: &Given) -> Checked {
    let limit = limit(3, Duration::from_millis(300));
    use_up(&*given.store, "again", limit).await?;
    let verdict = given.store.take("again", 1, limit).await?;
    tokio::time::sleep(verdict.reset_after.min(Duration::from_secs(2))).await;
    let verdict = given.store.take("again", 1, limit).await?;
    equal((verdict.allowed, verdict.remaining), (true, 2))
}

async fn a_verdict_has_the_remaining_calls(given: &Given) -> Checked {
    let limit = limit(4, HOUR);
    let step = HOUR / 4;
    let mut before = None;
    for call in 1..=4 {
        let verdict = given.store.take("verdict", 1, limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, 4 - call))?;
        if call < 4 {
            equal(verdict.retry_after, Duration::ZERO)?;
        }
        holds(verdict.reset_after <= step * call, "the burst is back after its period at the latest")?;
        holds(before.is_none_or(|before| verdict.reset_after > before), "every call delays the reset")?;
        before = Some(verdict.reset_after);
    }
    let verdict = given.store.take("verdict", 1, limit).await?;
    holds(!verdict.allowed, "the burst is used up")?;
    holds(verdict.retry_after > Duration::ZERO && verdict.retry_after <= step, "one more is earned within a step")?;
    holds(verdict.reset_after > step * 3, "the whole burst takes more than three steps")
}

async fn a_call_takes_its_whole_cost_or_nothing(given: &Given) -> Checked {
    let limit = limit(10, HOUR);
    for (cost, allowed, remaining) in [(4, true, 6), (7, false, 6), (6, true, 0), (1, false, 0)] {
        let verdict = given.store.take("costs", cost, limit).await?;
        equal((verdict.allowed, verdict.remaining), (allowed, remaining))?;
    }
    // The wait is that for the whole cost.
    let verdict = given.store.take("costs", 5, limit).await?;
    holds(verdict.retry_after > HOUR / 10 * 4 && verdict.retry_after <= HOUR / 2, "five units take half of the period")
}

async fn parallel_costs_share_the_burst(given: &Given) -> Checked {
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let limits = given.store.clone();
            tokio::spawn(async move { limits.take("shared", 3, limit(20, HOUR)).await })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += u32::from(task.await??.allowed);
    }
    equal(allowed, 6)?;
    equal(given.store.take("shared", 2, limit(20, HOUR)).await?.allowed, true)
}

async fn a_cost_above_the_burst_is_never_allowed(given: &Given) -> Checked {
    for (burst, cost) in [(3, 4), (3, u32::MAX), (0, 1)] {
        let limit = limit(burst, HOUR);
        let verdict = given.store.take("great", cost, limit).await?;
        equal((verdict.allowed, verdict.remaining), (false, burst))?;
        holds(verdict.retry_after > Duration::ZERO, "a caller that is refused learns how long to wait")?;
    }
    equal(given.store.take("great", 3, limit(3, HOUR)).await?.allowed, true)
}

async fn a_cost_of_zero_is_always_allowed(given: &Given) -> Checked {
    let limit = limit(2, HOUR);
    for (cost, remaining) in [(0, 2), (2, 0), (0, 0), (0, 0)] {
        let verdict = given.store.take("nothing", cost, limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, remaining))?;
    }
    Ok(())
}

async fn units_that_are_given_back_are_available_at_once(given: &Given) -> Checked {
    let limit = limit(5, HOUR);
    for _ in 0..20 {
        equal(given.store.take("returned", 3, limit).await?.allowed, true)?;
        given.store.give_back("returned", 3, limit).await?;
    }
    for (back, taken) in [(0, 5), (1, 1), (4, 4)] {
        given.store.give_back("returned", back, limit).await?;
        equal(given.store.take("returned", taken, limit).await?.allowed, true)?;
        equal(given.store.take("returned", 1, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn no_more_than_the_burst_is_given_back(given: &Given) -> Checked {
    let limit = limit(4, HOUR);
    for back in [1, 4, u32::MAX] {
        given.store.take("full", 1, limit).await?;
        given.store.give_back("full", back, limit).await?;
        given.store.give_back("full", back, limit).await?;
        let verdict = given.store.take("full", 4, limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, 0))?;
        equal(given.store.take("full", 1, limit).await?.allowed, false)?;
        given.store.give_back("full", 4, limit).await?;
    }
    Ok(())
}

async fn units_are_given_back_to_their_key_only(given: &Given) -> Checked {
    let limit = limit(1, HOUR);
    for key in ["one", "other"] {
        equal(given.store.take(key, 1, limit).await?.allowed, true)?;
    }
    given.store.give_back("one", 1, limit).await?;
    equal(given.store.take("other", 1, limit).await?.allowed, false)?;
    equal(given.store.take("one", 1, limit).await?.allowed, true)
}

async fn parallel_calls_lose_no_unit_that_is_given_back(given: &Given) -> Checked {
    let limit = limit(64, HOUR);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let limits = given.store.clone();
            tokio::spawn(async move {
                let verdict = limits.take("busy", 1, limit).await?;
                limits.give_back("busy", 1, limit).await?;
                Ok::<_, skep_application::kernel::StoreError>(verdict.allowed)
            })
        })
        .collect();
    for task in tasks {
        holds(task.await??, "no more than the burst is taken at any time")?;
    }
    equal(given.store.take("busy", 64, limit).await?.allowed, true)
}
