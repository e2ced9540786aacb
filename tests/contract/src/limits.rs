//! `RateLimits`.

use crate::{
    check::{Checked, equal, holds},
    clause::{self, Clause, clauses},
    harness::Need,
};
use skep_application::kernel::{Limit, RateLimits, Verdict};
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
    instances_count_together ["RateLimits 1"] {Need::Shared},
}

type Given = clause::Given<dyn RateLimits>;

/// Every clause of [`RateLimits`].
#[must_use]
pub fn clauses() -> Vec<Clause<dyn RateLimits>> {
    list()
}

const HOUR: Duration = Duration::from_secs(3_600);

fn limit(burst: u32, period: Duration) -> Limit {
    Limit { burst, period }
}

async fn a_burst_is_allowed_and_no_more(given: &Given) -> Checked {
    for burst in [1, 5, 60] {
        let (key, limit) = (format!("burst-{burst}"), limit(burst, HOUR));
        for call in 1..=burst {
            let verdict = given.store.take(&key, limit).await?;
            equal((verdict.allowed, verdict.remaining), (true, burst - call))?;
        }
        let verdict = given.store.take(&key, limit).await?;
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
            limits.take("parallel", limit).await
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
    equal(verdicts.iter().filter(|verdict| verdict.allowed).count(), 20)
}

/// Calls until one call is allowed. Returns the number of refused calls, and the verdict.
async fn until_allowed(limits: &dyn RateLimits, key: &str, limit: Limit) -> Checked<(u32, Verdict)> {
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut refused = 0;
    loop {
        let verdict = limits.take(key, limit).await?;
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
    let mut allowed = 0_u32;
    while given.store.take("pace", limit).await?.allowed {
        allowed += 1;
        holds(allowed < 1_000, "the burst comes to an end")?;
    }
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
        given.store.take("patient", limit).await?;
    }
    let first = given.store.take("patient", limit).await?;
    for _ in 0..50 {
        let verdict = given.store.take("patient", limit).await?;
        holds(!verdict.allowed, "the burst is used up")?;
        holds(verdict.retry_after <= first.retry_after, "a refused call does not make the wait longer")?;
        holds(verdict.reset_after <= first.reset_after, "a refused call does not delay the reset")?;
    }
    Ok(())
}

async fn keys_do_not_touch_each_other(given: &Given) -> Checked {
    let limit = limit(1, HOUR);
    for key in ["login:a", "login:b", "login:A", "register:a", "login:a "] {
        equal(given.store.take(key, limit).await?.allowed, true)?;
        equal(given.store.take(key, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn any_text_is_a_key(given: &Given) -> Checked {
    let limit = limit(1, HOUR);
    for key in ["", " ", "::1", "🐝", "a\r\nb", "*", "\0", &"k".repeat(4_096)] {
        equal(given.store.take(key, limit).await?.allowed, true)?;
        equal(given.store.take(key, limit).await?.allowed, false)?;
    }
    Ok(())
}

async fn a_bucket_fills_up_again(given: &Given) -> Checked {
    let limit = limit(3, Duration::from_millis(300));
    while given.store.take("again", limit).await?.allowed {}
    let verdict = given.store.take("again", limit).await?;
    tokio::time::sleep(verdict.reset_after.min(Duration::from_secs(2))).await;
    let verdict = given.store.take("again", limit).await?;
    equal((verdict.allowed, verdict.remaining), (true, 2))
}

async fn a_verdict_has_the_remaining_calls(given: &Given) -> Checked {
    let limit = limit(4, HOUR);
    let step = HOUR / 4;
    let mut before = None;
    for call in 1..=4 {
        let verdict = given.store.take("verdict", limit).await?;
        equal((verdict.allowed, verdict.remaining), (true, 4 - call))?;
        if call < 4 {
            equal(verdict.retry_after, Duration::ZERO)?;
        }
        holds(verdict.reset_after <= step * call, "the burst is back after its period at the latest")?;
        holds(before.is_none_or(|before| verdict.reset_after > before), "every call delays the reset")?;
        before = Some(verdict.reset_after);
    }
    let verdict = given.store.take("verdict", limit).await?;
    holds(!verdict.allowed, "the burst is used up")?;
    holds(verdict.retry_after > Duration::ZERO && verdict.retry_after <= step, "one more is earned within a step")?;
    holds(verdict.reset_after > step * 3, "the whole burst takes more than three steps")
}
