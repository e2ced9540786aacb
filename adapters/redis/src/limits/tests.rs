use super::*;
use skep_application::kernel::LimitKind;
use std::{error::Error as _, sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_secs(3_600);
const KINDS: [LimitKind; 3] = [LimitKind::Smooth, LimitKind::Fixed, LimitKind::Sliding];

/// The address of the test server. `None` without a server, or a failure if `SKEP_REQUIRE_STORES` names redis.
pub(crate) fn address() -> Option<String> {
    let Ok(url) = std::env::var("SKEP_TEST_REDIS_URL") else {
        let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
        assert!(!required.contains("redis"), "SKEP_REQUIRE_STORES names redis, but SKEP_TEST_REDIS_URL is not set");
        println!("not run: SKEP_TEST_REDIS_URL is not set");
        return None;
    };
    Some(url)
}

/// Limits on the test server, under a separate prefix.
fn server() -> Option<RedisLimits> {
    let url = address()?;
    let prefix = format!("skep-test:{:016x}:", rand::random::<u64>());
    Some(RedisLimits::connect(&url, prefix).unwrap())
}

async fn milliseconds_to_live(limits: &RedisLimits, key: &str) -> i64 {
    let mut connection = limits.connection.clone();
    redis::cmd("PTTL").arg(format!("{}{key}", limits.prefix)).query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn exactly_the_burst_is_allowed_and_keys_are_independent() {
    let Some(limits) = server() else { return };
    limits.check().await.unwrap();
    let limit = Limit::smooth(3, HOUR);
    let mut verdicts = Vec::new();
    for _ in 0..5 {
        verdicts.push(limits.take("a", 1, limit).await.unwrap());
    }
    assert_eq!(verdicts.iter().map(|v| v.allowed).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert_eq!(verdicts.iter().map(|v| v.remaining).collect::<Vec<_>>(), [2, 1, 0, 0, 0]);
    assert!(verdicts[4].retry_after > Duration::ZERO && verdicts[4].retry_after <= HOUR / 3);
    assert!(verdicts[4].reset_after <= HOUR);
    assert_eq!(limits.take("b", 1, limit).await.unwrap().remaining, 2);
}

#[tokio::test]
async fn the_script_computes_the_same_numbers_as_the_kernel() {
    let Some(limits) = server() else { return };
    for kind in KINDS {
        let key = format!("{kind:?}");
        let mut now = 1_790_000_000_000_000_u64;
        let mut tally = Tally::default();
        for step in 0..500_u64 {
            // Changes of the limit, and uneven waits, some of them zero. The clock is set back once. The server removes
            // keys by its own clock, so no count may end within the time that the test takes.
            let limit = match step / 100 {
                0 => Limit::smooth(7, Duration::from_secs(6_000)),
                1 => Limit::smooth(50, Duration::from_secs(86_400 * 365)),
                2 => Limit::smooth(3, Duration::from_micros(10_000_000_001)),
                3 => Limit::smooth(0, Duration::from_secs(1)),
                _ => Limit::smooth(1_000, Duration::from_secs(604_800)),
            };
            let limit = Limit { kind, ..limit };
            let interval = u64::try_from(limit.period.as_micros()).unwrap().div_ceil(u64::from(limit.burst.max(1)));
            now += [0, 0, interval - 1, 1, interval / 3, 0, 2 * interval][usize::try_from(step % 7).unwrap()];
            match step {
                250 => now -= 1_000_000_000,
                // Back over the edge of a window. The key of a fixed one would end there at once.
                420 | 421 if kind == LimitKind::Fixed => {}
                420 => now = now.next_multiple_of(604_800_000_000),
                421 => now -= 2,
                _ => {}
            }
            let most = limit.burst / 2 + 1;
            let cost = [1, 2, 1, 0, 60, 1, most, 3, 1, u32::MAX, 1][usize::try_from(step % 11).unwrap()];
            let counting = Counting::new(limit);
            let case = format!("{kind:?}, step {step}");
            if step % 5 == 0 {
                tally = counting.give_back(tally, now, cost);
                assert_eq!(limits.give_back_at(&key, cost, limit, Some(now)).await.unwrap(), tally, "{case}");
                continue;
            }
            let allowed;
            (allowed, tally) = counting.take(tally, now, cost);
            let verdict = limits.take_at(&key, cost, limit, Some(now)).await.unwrap();
            assert_eq!(verdict, counting.verdict(allowed, tally, now, cost), "{case}");
        }
    }
}

#[tokio::test]
async fn the_script_weighs_any_counts_as_the_kernel() {
    let Some(limits) = server() else { return };
    let start = 1_790_000_000_000_000_u64;
    for step in 0..300_u32 {
        let limit = Limit {
            burst: [u32::MAX, 1_000_003, 17][step as usize % 3],
            period: [Duration::MAX, Duration::from_secs(86_400), Duration::from_micros(999_983)][step as usize / 100],
            kind: LimitKind::Sliding,
        };
        let (key, counting) = (format!("weighed {step}"), Counting::new(limit));
        let before = rand::random::<u32>() % limit.burst;
        let tally = counting.take(Tally::default(), start, before).1;
        limits.take_at(&key, before, limit, Some(start)).await.unwrap();
        let Counting::Windows(windows) = counting else { unreachable!("the limit slides") };
        let later = start + rand::random::<u64>() % (2 * windows.period_micros());
        let (allowed, tally) = counting.take(tally, later, limit.burst / 3);
        let verdict = limits.take_at(&key, limit.burst / 3, limit, Some(later)).await.unwrap();
        let case = format!("{before} of {limit:?} {} later", later - start);
        assert_eq!(verdict, counting.verdict(allowed, tally, later, limit.burst / 3), "{case}");
    }
}

#[tokio::test]
async fn counts_of_another_kind_are_no_lock() {
    let Some(limits) = server() else { return };
    let now = 1_790_000_000_000_000_u64;
    for (first, second) in KINDS.into_iter().flat_map(|first| KINDS.map(|second| (first, second))) {
        let key = format!("{first:?} {second:?}");
        let limit = |kind| Limit { kind, ..Limit::smooth(3, HOUR) };
        assert!(limits.take_at(&key, 3, limit(first), Some(now)).await.unwrap().allowed);
        let verdict = limits.take_at(&key, 3, limit(second), Some(now)).await.unwrap();
        assert!(verdict.reset_after <= 2 * HOUR, "{key}");
        let later = now + u64::try_from(verdict.reset_after.as_micros()).unwrap();
        assert!(limits.take_at(&key, 3, limit(second), Some(later)).await.unwrap().allowed, "{key}");
    }
}

#[tokio::test]
async fn a_window_lives_until_its_count_has_no_weight() {
    let Some(limits) = server() else { return };
    for (kind, periods) in [(LimitKind::Fixed, 1), (LimitKind::Sliding, 2)] {
        let (key, limit) = (format!("{kind:?}"), Limit { kind, ..Limit::smooth(3, 240 * HOUR) });
        // The first call may be just before the end of a window.
        limits.take(&key, 1, limit).await.unwrap();
        let left = milliseconds_to_live(&limits, &key).await;
        assert!(left <= 864_000_000 * periods, "{left} ms");
        assert!(left > 864_000_000 * (periods - 1), "{left} ms");
        limits.give_back(&key, 3, limit).await.unwrap();
        assert_eq!(milliseconds_to_live(&limits, &key).await, -2, "all was given back");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_lock_callers_out() {
    let Some(limits) = server() else { return };
    let limit = Limit::smooth(1, Duration::from_secs(60));
    let now = 1_790_000_000_000_000;
    assert!(limits.take_at("a", 1, limit, Some(now)).await.unwrap().allowed);
    let back = now - 86_400_000_000;
    let refused = limits.take_at("a", 1, limit, Some(back)).await.unwrap();
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(60)));
    assert!(limits.take_at("a", 1, limit, Some(back + 60_000_000)).await.unwrap().allowed);
    for kind in [LimitKind::Fixed, LimitKind::Sliding] {
        let (key, limit) = (format!("{kind:?}"), Limit { kind, ..limit });
        assert!(limits.take_at(&key, 1, limit, Some(now)).await.unwrap().allowed);
        let refused = limits.take_at(&key, 1, limit, Some(back)).await.unwrap();
        assert!(!refused.allowed && refused.retry_after <= Duration::from_secs(120), "{refused:?}");
        let later = back + u64::try_from(refused.retry_after.as_micros()).unwrap();
        assert!(limits.take_at(&key, 1, limit, Some(later)).await.unwrap().allowed, "{kind:?}");
    }
}

#[tokio::test]
async fn a_key_lives_until_its_bucket_is_full_again() {
    let Some(limits) = server() else { return };
    let limit = Limit::smooth(2, HOUR);
    limits.take("a", 1, limit).await.unwrap();
    let (least, most) = (1_700_000, 1_800_000);
    let left = milliseconds_to_live(&limits, "a").await;
    assert!((least..=most).contains(&left), "{left} ms");
    limits.take("none", 1, Limit::smooth(0, HOUR)).await.unwrap();
    assert_eq!(milliseconds_to_live(&limits, "none").await, -2, "a bucket without debt has no key");
    limits.give_back("a", 1, limit).await.unwrap();
    assert_eq!(milliseconds_to_live(&limits, "a").await, -2, "the debt was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_tasks_of_two_instances_exactly_the_burst_is_allowed() {
    let Some(first) = server() else { return };
    let url = std::env::var("SKEP_TEST_REDIS_URL").unwrap();
    let second = RedisLimits::connect(&url, first.prefix.clone()).unwrap();
    let instances: [Arc<dyn RateLimits>; 2] = [Arc::new(first), Arc::new(second)];
    let start = Arc::new(tokio::sync::Barrier::new(200));
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let (limits, start) = (Arc::clone(&instances[n % 2]), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                limits.take("a", 1, Limit::smooth(32, HOUR)).await.unwrap().allowed
            })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += u32::from(task.await.unwrap());
    }
    assert_eq!(allowed, 32);
}

#[tokio::test]
async fn limits_work_again_after_a_broken_connection_and_a_lost_script() {
    let Some(limits) = server() else { return };
    let limit = Limit::smooth(100, HOUR);
    limits.take("a", 1, limit).await.unwrap();
    let mut connection = limits.connection.clone();
    let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await.unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
    assert!(limits.take("a", 1, limit).await.is_ok(), "the script is sent again");

    let other = server().unwrap();
    let mut killer = other.connection.clone();
    redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async::<()>(&mut killer).await.unwrap();
    let mut failures = 0;
    while limits.take("a", 1, limit).await.is_err() {
        failures += 1;
        assert!(failures < 20, "the connection never came back");
    }
}

#[tokio::test]
async fn an_unreachable_address_is_unavailable_and_shows_no_password() {
    // No one accepts connections on this port: dropping the listener leaves a port that refuses.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let limits = RedisLimits::connect(&format!("redis://skep:hunter2@127.0.0.1:{port}"), "p:").unwrap();
    for error in [limits.take("a", 1, Limit::smooth(1, HOUR)).await.unwrap_err(), limits.check().await.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let cause = error.source().unwrap();
        for text in [format!("{error} {error:?}"), format!("{cause} {cause:?}"), format!("{limits:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_unavailable() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    // Accepts connections and never answers.
    let server = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            kept.push(silent.accept().await.unwrap());
        }
    });
    let limits = RedisLimits::connect(&format!("redis://{address}"), "p:").unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(30), limits.take("a", 1, Limit::smooth(1, HOUR)));
    assert!(matches!(asked.await.unwrap(), Err(StoreError::Unavailable(_))));
    server.abort();
}

#[tokio::test]
async fn an_invalid_address_is_refused_without_showing_it() {
    for address in ["", "postgres://u:hunter2@h/", "redis://:hunter2@host:port", "hunter2"] {
        let error = RedisLimits::connect(address, "p:").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
