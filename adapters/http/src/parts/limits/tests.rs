use super::*;
use crate::{
    edge::{BodyFault, Crowded},
    problem::from_body_io,
};
use async_trait::async_trait;
use skep_application::{
    identity::{HasherBusy, LogInError},
    kernel::{StoreError, Verdict},
    testing::user,
};
use std::{collections::HashMap, sync::Mutex};

/// Buckets that fill up again only with the units that are given back.
#[derive(Default)]
struct Buckets(Mutex<HashMap<String, u32>>);

#[async_trait]
impl RateLimits for Buckets {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        let mut taken = self.0.lock().unwrap();
        let taken = taken.entry(key.to_owned()).or_default();
        let allowed = *taken + cost <= limit.burst;
        *taken += if allowed { cost } else { 0 };
        let (remaining, wait) = (limit.burst - *taken, Duration::from_secs(1));
        Ok(Verdict { allowed, remaining, retry_after: wait, reset_after: wait })
    }

    async fn give_back(&self, key: &str, cost: u32, _: Limit) -> Result<(), StoreError> {
        *self.0.lock().unwrap().get_mut(key).unwrap() -= cost;
        Ok(())
    }
}

const fn a_minute(burst: u32) -> Limit {
    Limit { burst, period: Duration::from_secs(60) }
}

/// A limiter and its buckets.
fn limiter(address: u32, user: u32) -> (Limiter, Arc<Buckets>) {
    let buckets = Arc::<Buckets>::default();
    let limits = RequestLimits { address: a_minute(address), user: a_minute(user), ..RequestLimits::default() };
    (Limiter::new(limits, buckets.clone(), OperationsByPath::new()), buckets)
}

/// A request of a client that has taken its first units from both limits.
async fn counted(limiter: &Limiter, cost: u32) -> Meter {
    let meter = Meter::new(Network::of("192.0.2.1".parse().unwrap()), cost, false);
    limiter.count_address(Some(&meter)).await.unwrap();
    limiter.count_user(&meter, &user(1)).await.unwrap();
    meter
}

/// The units that were taken from the address and from the user.
fn taken(buckets: &Buckets) -> (u32, u32) {
    let taken = buckets.0.lock().unwrap();
    let of = |name: &str| taken.iter().filter(|(key, _)| key.starts_with(name)).map(|(_, units)| units).sum();
    (of("http:address:"), of("http:user:"))
}

#[tokio::test]
async fn a_failure_is_logged_here_if_there_is_no_edge() {
    let failing = poem::endpoint::make_sync(|_| Err::<(), poem::Error>(Problem::internal("broken").into()));
    let mut response = Arc::new(limiter(10, 10).0).guard(Arc::new(failing), Request::default()).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(problem::take_failure(&mut response).is_none(), "it was taken to be logged");
}

/// A login that is answered like this: the units of credentials that it took, and those that the answer says are left.
async fn log_in(answer: Problem) -> (u32, Option<String>) {
    let (limiter, buckets) = limiter(10, 10);
    let meter = Meter::new(Network::of("192.0.2.1".parse().unwrap()), 1, true);
    limiter.count_address(Some(&meter)).await.unwrap();
    let mut response = problem::respond(answer.into(), None);
    limiter.settle(&meter, &response).await;
    meter.write(&mut response);
    let taken = buckets.0.lock().unwrap().get("http:credentials:192.0.2.1").copied();
    let said = response.header("ratelimit").and_then(|said| said.split_once("\"credentials\";"));
    (taken.unwrap(), said.map(|(_, said)| said.to_owned()))
}

#[tokio::test]
async fn a_login_that_the_server_has_no_room_for_costs_no_unit_of_credentials() {
    let faults = [BodyFault::NoRoom, BodyFault::NoShare]
        .into_iter()
        .chain([Crowded::Requests, Crowded::Answers].map(BodyFault::Crowded));
    let refusals = faults
        .map(|fault| from_body_io(&std::io::Error::other(fault)))
        .chain([Problem::from(LogInError::HasherBusy(HasherBusy))]);
    for refusal in refusals {
        assert_eq!(refusal.status(), 503);
        let case = refusal.to_string();
        assert_eq!(log_in(refusal).await, (0, Some("r=10;t=1".to_owned())), "{case}");
    }
}

#[tokio::test]
async fn a_login_that_is_refused_for_another_reason_costs_a_unit_of_credentials() {
    let store = StoreError::Unavailable("no answer".into());
    for refusal in [
        Problem::of(code::UNAUTHENTICATED),
        Problem::of(code::BODY_TIMEOUT),
        Problem::internal("broken"),
        Problem::from(LogInError::Store(store)),
    ] {
        let case = refusal.to_string();
        assert_eq!(log_in(refusal).await.0, 1, "{case}");
    }
}

#[tokio::test]
async fn a_request_takes_its_cost_from_the_address_and_from_the_user() {
    let (limiter, buckets) = limiter(10, 10);
    let meter = counted(&limiter, 3).await;
    assert_eq!(taken(&buckets), (3, 3));
    limiter.take_rest(&meter, &user(1), 7).await.unwrap();
    assert_eq!(taken(&buckets), (7, 7), "the first units are a part of the whole cost");
    limiter.take_rest(&meter, &user(1), 2).await.unwrap();
    assert_eq!(taken(&buckets), (7, 7), "units that were taken stay taken");
}

#[tokio::test]
async fn a_refused_rest_takes_one_unit_of_the_address_and_none_of_the_user() {
    // The buckets say 1 s for the rest. A repeat takes the first unit of the address once more, in 12 s.
    for (address, user_limit, wait) in [(20, 5, "1"), (5, 20, "13")] {
        let (limiter, buckets) = limiter(address, user_limit);
        let meter = counted(&limiter, 1).await;
        limiter.take_rest(&meter, &user(1), 3).await.unwrap();
        let meter = counted(&limiter, 1).await;
        let refused = limiter.take_rest(&meter, &user(1), 4).await.unwrap_err();
        assert_eq!((refused.code(), taken(&buckets)), ("rate_limited", (4, 3)));
        assert_eq!(problem::respond(refused.into(), None).header("retry-after"), Some(wait));
    }
}

#[tokio::test]
async fn a_request_that_its_user_cannot_afford_takes_one_unit_of_the_address() {
    let (limiter, buckets) = limiter(20, 5);
    counted(&limiter, 3).await;
    let meter = Meter::new(Network::of("192.0.2.1".parse().unwrap()), 4, false);
    limiter.count_address(Some(&meter)).await.unwrap();
    limiter.count_user(&meter, &user(1)).await.unwrap_err();
    assert_eq!(taken(&buckets), (3 + 1, 3));
}

#[tokio::test]
async fn a_client_is_asked_to_wait_until_its_whole_request_can_be_worked_on() {
    let (limiter, _) = limiter(2, 2);
    counted(&limiter, 2).await;
    for (whole, wait) in [(1, "1"), (2, "31"), (100, "31")] {
        let mut meter = Meter::new(Network::of("192.0.2.1".parse().unwrap()), 1, false);
        meter.whole = whole;
        let refused = limiter.count_address(Some(&meter)).await.unwrap_err();
        assert_eq!(problem::respond(refused.into(), None).header("retry-after"), Some(wait), "{whole} units");
    }
}

#[tokio::test]
async fn a_cost_above_a_limit_takes_the_whole_limit() {
    for (address, user_limit) in [(1, 1), (2, 3), (9, 2)] {
        let (limiter, buckets) = limiter(address, user_limit);
        let meter = counted(&limiter, 1).await;
        limiter.take_rest(&meter, &user(1), 100).await.unwrap();
        assert_eq!(taken(&buckets), (address, user_limit));
    }
    let (limiter, buckets) = limiter(4, 2);
    counted(&limiter, 6).await;
    assert_eq!(taken(&buckets), (4, 2));
}

#[tokio::test]
async fn a_large_network_is_limited_and_a_small_one_that_is_refused_costs_its_neighbors_nothing() {
    let limit = a_minute(2);
    let networks = WiderNetworks { times_56: 2, times_48: 3 };
    let limits = RequestLimits { address: limit, networks, ..RequestLimits::default() };
    let limiter = Limiter::new(limits, Arc::<Buckets>::default(), OperationsByPath::new());
    let allowed = async |address: &str, calls: u32| {
        let meter = Meter::new(Network::of(address.parse().unwrap()), 1, false);
        let mut allowed = 0;
        for _ in 0..calls {
            allowed += u32::from(limiter.take_of_networks(&meter, ADDRESS, limit).await.is_ok());
        }
        allowed
    };
    assert_eq!(allowed("2001:db8:1:1::1", 100).await, 2, "the limit of an address");
    assert_eq!(allowed("2001:db8:1:2::1", 100).await, 2, "a neighbor");
    assert_eq!(allowed("2001:db8:1:3::1", 100).await, 0, "the limit of the network of 56 bits");
    assert_eq!(allowed("2001:db8:1:100::1", 1).await, 1);
    assert_eq!(allowed("2001:db8:1:200::1", 1).await, 1);
    assert_eq!(allowed("2001:db8:1:300::1", 100).await, 0, "the limit of the network of 48 bits");
    assert_eq!(allowed("2001:db8:2::1", 100).await, 2);
    assert_eq!(allowed("192.0.2.1", 100).await, 2);
}
