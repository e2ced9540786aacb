use super::*;
use std::{error::Error as _, sync::Arc};

const HOUR: Duration = Duration::from_secs(3_600);

/// Limits on the test server, under a separate prefix. `None` without a server, or a failure if `SKEP_REQUIRE_STORES`
/// names redis.
fn server() -> Option<RedisLimits> {
    let Ok(url) = std::env::var("SKEP_TEST_REDIS_URL") else {
        let required = std::env::var("SKEP_REQUIRE_STORES").unwrap_or_default();
        assert!(!required.contains("redis"), "SKEP_REQUIRE_STORES names redis, but SKEP_TEST_REDIS_URL is not set");
        println!("not run: SKEP_TEST_REDIS_URL is not set");
        return None;
    };
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
    let limit = Limit { burst: 3, period: HOUR };
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
    let mut now = 1_790_000_000_000_000_u64;
    let mut full_at = 0_u64;
    for step in 0..400_u64 {
        // Changes of the limit, and uneven waits, some of them zero.
        let limit = match step / 100 {
            0 => Limit { burst: 7, period: Duration::from_secs(60) },
            1 => Limit { burst: 50, period: Duration::from_secs(86_400 * 365) },
            2 => Limit { burst: 3, period: Duration::from_micros(10_000_001) },
            _ => Limit { burst: 0, period: Duration::from_secs(1) },
        };
        let gcra = Gcra::new(limit);
        let interval = gcra.cost_micros(1);
        now += [0, 0, interval - 1, 1, interval / 3, 0, 2 * interval][usize::try_from(step % 7).unwrap()];
        let cost = [1, 2, 1, 0, 60, 1, 1, 3, 1, u32::MAX, 1][usize::try_from(step % 11).unwrap()];
        if step % 5 == 0 {
            let debt = gcra.give_back(full_at.saturating_sub(now), cost);
            full_at = now + debt;
            assert_eq!(limits.give_back_at("a", cost, limit, Some(now)).await.unwrap(), debt, "step {step}");
            continue;
        }
        let (allowed, debt) = gcra.take(full_at.saturating_sub(now), cost);
        full_at = now + debt;
        let verdict = limits.take_at("a", cost, limit, Some(now)).await.unwrap();
        assert_eq!(verdict, gcra.verdict(allowed, debt, cost), "step {step}");
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_lock_callers_out() {
    let Some(limits) = server() else { return };
    let limit = Limit { burst: 1, period: Duration::from_secs(60) };
    let now = 1_790_000_000_000_000;
    assert!(limits.take_at("a", 1, limit, Some(now)).await.unwrap().allowed);
    let back = now - 86_400_000_000;
    let refused = limits.take_at("a", 1, limit, Some(back)).await.unwrap();
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(60)));
    assert!(limits.take_at("a", 1, limit, Some(back + 60_000_000)).await.unwrap().allowed);
}

#[tokio::test]
async fn a_key_lives_until_its_bucket_is_full_again() {
    let Some(limits) = server() else { return };
    let limit = Limit { burst: 2, period: HOUR };
    limits.take("a", 1, limit).await.unwrap();
    let (least, most) = (1_700_000, 1_800_000);
    let left = milliseconds_to_live(&limits, "a").await;
    assert!((least..=most).contains(&left), "{left} ms");
    limits.take("none", 1, Limit { burst: 0, period: HOUR }).await.unwrap();
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
                limits.take("a", 1, Limit { burst: 32, period: HOUR }).await.unwrap().allowed
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
    let limit = Limit { burst: 100, period: HOUR };
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
    for error in
        [limits.take("a", 1, Limit { burst: 1, period: HOUR }).await.unwrap_err(), limits.check().await.unwrap_err()]
    {
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
    let asked = tokio::time::timeout(Duration::from_secs(30), limits.take("a", 1, Limit { burst: 1, period: HOUR }));
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
