use super::*;
use crate::{
    edge::{BodyFault, Crowded},
    parts::context::Operation,
    problem::from_body_io,
};
use async_trait::async_trait;
use skep_application::{
    identity::{HasherBusy, LogInError},
    kernel::{StoreError, Verdict, WiderNetworks},
    testing::user,
};
use std::{collections::HashMap, sync::Mutex, time::Duration};

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
    Limit::smooth(burst, Duration::from_secs(60))
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

/// An order, whose caller is signed in.
const ORDER: Operation = Operation::new("place_order", skep_domain::ordering::actions::PLACE_ORDER, &[]);
/// A login, which ignores the credentials of its caller.
const LOGIN: Operation = Operation::with_credentials("log_in", &[]);

/// A limiter in which the operation has a limit of so many requests, and its buckets.
fn limiter_of(operation: &Operation, most: u32, counted_by: CountedBy) -> (Limiter, Arc<Buckets>) {
    let buckets = Arc::<Buckets>::default();
    let limit = OperationLimit { operation: operation.id, limit: a_minute(most), counted_by };
    let (address, user) = (a_minute(20), a_minute(20));
    let limits = RequestLimits { address, user, operations: [limit].into(), ..RequestLimits::default() };
    (Limiter::new(limits, buckets.clone(), OperationsByPath::new()), buckets)
}

/// A request of this operation, from an address of a network that is exempt or not.
fn request_of(limiter: &Limiter, operation: &'static Operation, address: &str, is_exempt: bool) -> Meter {
    let mut meter = Meter::new(Network::of(address.parse().unwrap()), 3, operation.takes_credentials);
    (meter.operation, meter.is_exempt) = (Some(operation), is_exempt);
    meter.limit = limiter.of_operations.get(operation.id).copied();
    meter
}

/// Counts a request of a user, or of a visitor.
async fn count(limiter: &Limiter, meter: &Meter, of: Option<u64>) -> Result<(), Problem> {
    limiter.count_address(Some(meter)).await?;
    match of {
        Some(id) => limiter.count_user(meter, &user(id)).await,
        None => limiter.count_visitor(meter).await,
    }
}

/// All buckets from which units are taken, and how many.
fn all_taken(buckets: &Buckets) -> Vec<(String, u32)> {
    let taken = buckets.0.lock().unwrap();
    let mut taken: Vec<_> =
        taken.iter().filter(|(_, units)| **units > 0).map(|(key, units)| (key.clone(), *units)).collect();
    taken.sort();
    taken
}

#[tokio::test]
async fn a_limit_of_an_operation_counts_the_user_or_else_the_address() {
    let (limiter, buckets) = limiter_of(&ORDER, 1, CountedBy::Caller);
    let allowed = async |operation, address: &str, of| {
        count(&limiter, &request_of(&limiter, operation, address, false), of).await.is_ok()
    };
    assert!(allowed(&ORDER, "192.0.2.1", Some(1)).await);
    assert!(!allowed(&ORDER, "192.0.2.2", Some(1)).await, "the same user elsewhere");
    assert!(allowed(&ORDER, "192.0.2.1", Some(2)).await, "another user");
    assert!(allowed(&ORDER, "192.0.2.1", None).await, "a visitor at the address");
    assert!(!allowed(&ORDER, "192.0.2.1", None).await);
    assert!(allowed(&LOGIN, "192.0.2.1", None).await, "another operation");
    let keys: Vec<_> = all_taken(&buckets).into_iter().map(|(key, _)| key).collect();
    assert!(keys.contains(&"http:operation:place_order:192.0.2.1".to_owned()), "{keys:?}");
    assert_eq!(keys.iter().filter(|key| key.starts_with(OPERATION_KEYS)).count(), 3, "{keys:?}");
}

#[tokio::test]
async fn a_limit_of_an_operation_per_address_counts_all_users_and_one_per_user_no_visitor() {
    let (limiter, _) = limiter_of(&ORDER, 1, CountedBy::Address);
    let allowed = async |limiter: &Limiter, address: &str, of| {
        count(limiter, &request_of(limiter, &ORDER, address, false), of).await.is_ok()
    };
    assert!(allowed(&limiter, "2001:db8::1", Some(1)).await);
    assert!(!allowed(&limiter, "2001:db8::2", Some(2)).await, "another user of the same network");
    assert!(allowed(&limiter, "192.0.2.1", Some(1)).await, "the same user elsewhere");
    let (limiter, _) = limiter_of(&ORDER, 1, CountedBy::User);
    assert!(allowed(&limiter, "192.0.2.1", Some(1)).await && !allowed(&limiter, "192.0.2.1", Some(1)).await);
    for _ in 0..3 {
        assert!(allowed(&limiter, "192.0.2.1", None).await);
    }
}

#[tokio::test]
async fn a_request_above_the_limit_of_its_operation_takes_one_unit_of_its_address_alone() {
    for (operation, of) in [(&ORDER, Some(1)), (&ORDER, None), (&LOGIN, None)] {
        for counted_by in [CountedBy::Caller, CountedBy::Address] {
            let (limiter, buckets) = limiter_of(operation, 0, counted_by);
            let meter = request_of(&limiter, operation, "192.0.2.1", false);
            let refused = count(&limiter, &meter, of).await.unwrap_err();
            assert_eq!(refused.code(), "rate_limited");
            assert!(refused.to_string().contains(operation.id), "{refused}");
            assert_eq!(all_taken(&buckets), [("http:address:192.0.2.1".to_owned(), 1)], "{operation:?} {counted_by:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_another_limit_refuses_takes_nothing_from_that_of_its_operation() {
    let (mut limiter, buckets) = limiter_of(&ORDER, 5, CountedBy::Address);
    limiter.limits.user = a_minute(4);
    count(&limiter, &request_of(&limiter, &ORDER, "192.0.2.1", false), Some(1)).await.unwrap();
    let left = || buckets.0.lock().unwrap().get("http:operation:place_order:192.0.2.1").copied();
    assert_eq!(left(), Some(1));
    count(&limiter, &request_of(&limiter, &ORDER, "192.0.2.1", false), Some(1)).await.unwrap_err();
    assert_eq!(left(), Some(1), "its user has no units");
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", false);
    count(&limiter, &meter, Some(2)).await.unwrap();
    limiter.limits.address = a_minute(9);
    limiter.take_rest(&meter, &user(2), 9).await.unwrap_err();
    assert_eq!(left(), Some(1), "its lines are too many");
}

#[tokio::test]
async fn a_login_that_the_server_has_no_room_for_costs_nothing_of_the_limit_of_its_operation() {
    let (limiter, buckets) = limiter_of(&LOGIN, 5, CountedBy::Caller);
    let meter = request_of(&limiter, &LOGIN, "192.0.2.1", false);
    count(&limiter, &meter, None).await.unwrap();
    let mut response = problem::respond(Problem::no_room("full").into(), None);
    limiter.settle(&meter, &response).await;
    meter.write(&mut response);
    assert_eq!(all_taken(&buckets), [("http:address:192.0.2.1".to_owned(), 3)]);
    assert!(response.header("ratelimit").unwrap().contains("\"operation\";r=5;"), "{response:?}");
}

#[tokio::test]
async fn an_exempt_network_has_the_limits_of_credentials_and_of_users_alone() {
    for (operation, of) in [(&ORDER, Some(1)), (&LOGIN, None)] {
        let (limiter, buckets) = limiter_of(operation, 1, CountedBy::Address);
        for _ in 0..3 {
            count(&limiter, &request_of(&limiter, operation, "192.0.2.1", true), of).await.unwrap();
        }
        let name = if of.is_some() { "http:user:" } else { "http:credentials:" };
        let taken = all_taken(&buckets);
        assert!(taken.len() == 1 && taken[0].0.starts_with(name) && taken[0].1 == 9, "{taken:?}");
    }
    let (limiter, buckets) = limiter_of(&ORDER, 1, CountedBy::Caller);
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", true);
    count(&limiter, &meter, Some(1)).await.unwrap();
    limiter.take_rest(&meter, &user(1), 20).await.unwrap();
    assert!(all_taken(&buckets).iter().all(|(key, _)| !key.contains("192.0.2.1")));
    count(&limiter, &request_of(&limiter, &ORDER, "192.0.2.1", true), Some(1)).await.unwrap_err();
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", true);
    count(&limiter, &meter, Some(2)).await.unwrap();
    count(&limiter, &request_of(&limiter, &ORDER, "192.0.2.1", true), Some(2)).await.unwrap_err();
}

#[tokio::test]
async fn a_request_without_a_turn_takes_one_unit_of_its_address_alone_and_says_so() {
    let (limiter, buckets) = limiter_of(&ORDER, 5, CountedBy::Caller);
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", false);
    count(&limiter, &meter, Some(1)).await.unwrap();
    limiter.refused_in_flight(&meter, user(1).principal_id(), &Problem::of(code::RATE_LIMITED)).await;
    assert_eq!(all_taken(&buckets), [("http:address:192.0.2.1".to_owned(), 1)]);
    let mut response = problem::respond(Problem::of(code::RATE_LIMITED).into(), None);
    meter.write(&mut response);
    let said = response.header("ratelimit").unwrap();
    for part in ["\"user\";r=20;", "\"operation\";r=5;"] {
        assert!(said.contains(part), "{said}");
    }
    // Nothing is given back twice.
    limiter.settle(&meter, &problem::respond(Problem::no_room("full").into(), None)).await;
    assert_eq!(all_taken(&buckets), [("http:address:192.0.2.1".to_owned(), 1)]);
}

#[tokio::test]
async fn a_request_without_a_turn_gets_its_units_of_credentials_back_once() {
    for refusal in [Problem::of(code::RATE_LIMITED), Problem::no_room("full")] {
        let (limiter, buckets) = limiter(10, 10);
        let meter = Meter::new(Network::of("192.0.2.1".parse().unwrap()), 1, true);
        count(&limiter, &meter, Some(1)).await.unwrap();
        limiter.refused_in_flight(&meter, user(1).principal_id(), &refusal).await;
        limiter.settle(&meter, &problem::respond(refusal.into(), None)).await;
        assert_eq!(all_taken(&buckets), [("http:address:192.0.2.1".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn the_headers_of_a_refused_request_count_what_it_got_back() {
    let (limiter, _) = limiter_of(&ORDER, 0, CountedBy::Caller);
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", false);
    let refused = count(&limiter, &meter, Some(1)).await.unwrap_err();
    let mut response = problem::respond(refused.into(), None);
    meter.write(&mut response);
    let said = response.header("ratelimit").unwrap();
    assert!(said.contains("\"user\";r=20;"), "{said}");
}

/// Buckets of operations that do not answer, while the others do.
struct NoOperations(Arc<Buckets>);

#[async_trait]
impl RateLimits for NoOperations {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        if key.starts_with(OPERATION_KEYS) {
            return Err(StoreError::Unavailable("no answer".into()));
        }
        self.0.take(key, cost, limit).await
    }

    async fn give_back(&self, key: &str, cost: u32, limit: Limit) -> Result<(), StoreError> {
        assert!(!key.starts_with(OPERATION_KEYS), "{key} has given no unit");
        self.0.give_back(key, cost, limit).await
    }
}

#[tokio::test]
async fn a_unit_that_was_not_taken_is_not_given_back() {
    let (mut limiter, buckets) = limiter_of(&ORDER, 5, CountedBy::Caller);
    limiter.buckets = Arc::new(NoOperations(buckets));
    let meter = request_of(&limiter, &ORDER, "192.0.2.1", false);
    count(&limiter, &meter, Some(1)).await.unwrap();
    assert!(meter.taken_of_operation().is_empty());
    limiter.refused_in_flight(&meter, user(1).principal_id(), &Problem::of(code::RATE_LIMITED)).await;
}
