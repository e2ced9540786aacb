//! The callers that are let through when passwords are guessed, and those that are not.

use super::*;
use crate::{
    identity::{
        Credentials, HashCaller, HashError, MockAccessTokens, MockUserQueries, PasswordHasher, UserView,
        login_attempts::LoginAttempts,
    },
    kernel::{Limit, RateLimits, Verdict, WiderNetworks},
    testing::*,
};
use async_trait::async_trait;
use skep_domain::{
    identity::{AuthEpoch, KnownNetworkPolicy, User},
    shared::{EmailLookup, Network},
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

/// Buckets that never fill up again by themselves.
#[derive(Default)]
pub(super) struct Buckets(pub(super) Mutex<BTreeMap<String, u32>>);

#[async_trait]
impl RateLimits for Buckets {
    async fn take(&self, key: &str, cost: u32, limit: Limit) -> Result<Verdict, StoreError> {
        let mut taken = self.0.lock().unwrap();
        let taken = taken.entry(key.to_owned()).or_default();
        let allowed = *taken + cost <= limit.burst;
        *taken += if allowed { cost } else { 0 };
        let remaining = limit.burst - *taken;
        Ok(Verdict { allowed, remaining, retry_after: Duration::from_secs(6), reset_after: Duration::from_secs(60) })
    }

    async fn give_back(&self, key: &str, cost: u32, _: Limit) -> Result<(), StoreError> {
        let mut taken = self.0.lock().unwrap();
        let taken = taken.get_mut(key).unwrap();
        *taken = taken.checked_sub(cost).unwrap();
        Ok(())
    }
}

/// A hasher that notes its callers.
#[derive(Default)]
pub(super) struct Hasher {
    pub(super) callers: Mutex<Vec<HashCaller>>,
    pub(super) started: AtomicUsize,
    pub(super) is_busy: bool,
    pub(super) never_ends: bool,
}

#[async_trait]
impl PasswordHasher for Hasher {
    async fn hash(&self, _: HashCaller, _: String) -> Result<String, HashError> {
        Err(HashError::Busy)
    }

    async fn verify(&self, caller: HashCaller, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.callers.lock().unwrap().push(caller);
        if self.never_ends {
            std::future::pending::<()>().await;
        }
        if self.is_busy { Err(HashError::Busy) } else { Ok(hash == Some(hash_of(&password))) }
    }

    fn is_outdated(&self, _: &str) -> bool {
        false
    }
}

/// The use case, with Ada's account.
pub(super) struct Scene {
    pub(super) house: House,
    pub(super) hasher: Arc<Hasher>,
    pub(super) limits: Arc<Buckets>,
    /// How often the account of an address was read.
    pub(super) reads: Arc<AtomicUsize>,
    pub(super) log_in: LogIn,
}

impl Scene {
    pub(super) fn new(policy: SessionPolicy, hasher: Hasher, known: Option<KnownNetworks>) -> Self {
        Self::of(ada(), policy, hasher, known)
    }

    pub(super) fn of(user: User, policy: SessionPolicy, hasher: Hasher, known: Option<KnownNetworks>) -> Self {
        let house = House { user: Some(user), known_networks: known.clone(), ..House::default() };
        let (mut users, mut tokens) = (MockUserQueries::new(), MockAccessTokens::new());
        users.expect_find_user().returning(|_, id| Ok(Some(UserView::from(&ada())).filter(|user| user.id == id)));
        let reads = Arc::<AtomicUsize>::default();
        let counted = reads.clone();
        let epoch = house.user.as_ref().map_or(AuthEpoch::FIRST, |user| user.auth_epoch);
        users.expect_find_credentials().returning(move |email| {
            counted.fetch_add(1, Ordering::Relaxed);
            let User { id: user_id, password_hash, password_form, .. } = ada();
            let known_networks = known.clone().unwrap_or_else(|| KnownNetworks::none(user_id));
            let credentials = Credentials {
                user_id,
                password_hash,
                password_form,
                auth_epoch: epoch,
                known_networks,
                is_active: true,
                is_verified: true,
            };
            Ok((email.key() == ADDRESS).then_some(credentials))
        });
        tokens.expect_issue().returning(|_, _| Ok("token".to_owned()));
        let hasher = Arc::new(hasher);
        let accounts = Accounts { hasher: hasher.clone(), ..accounts(hashing(0)).0 };
        let units = Scripted::of((0..60).map(|_| house.open()));
        let limits = Arc::<Buckets>::default();
        let (attempts, notices) = tests::counted(limits.clone());
        let (users, secrets) = (Arc::new(users), session_secrets(tokens));
        let log_in = LogIn::new(units, users, accounts, secrets, attempts, notices, policy);
        Self { house, hasher, limits, reads, log_in }
    }

    pub(super) fn with(policy: SessionPolicy) -> Self {
        Self::new(policy, Hasher::default(), None)
    }

    /// Tries to log in from this address. Returns the code of the refusal, or `ok`.
    pub(super) async fn attempt(&self, address: &str, email: &str, password: &str) -> &'static str {
        code(&self.log_in.execute(&from(address), command(email, password)).await)
    }
}

pub(super) fn from(address: &str) -> Actor {
    Actor { network: Network::of(address.parse().unwrap()), ..visitor() }
}

pub(super) fn command(email: &str, password: &str) -> LogInCommand {
    LogInCommand { email: email.to_owned(), password: password.to_owned(), device: None, device_token: None }
}

/// Limits of this many attempts, per address and per account.
pub(super) fn policy(attempts: u32, account_attempts: u32) -> SessionPolicy {
    let limit = |burst| Limit::smooth(burst, Duration::from_secs(60));
    SessionPolicy { attempts: limit(attempts), account_attempts: limit(account_attempts), ..SessionPolicy::default() }
}

pub(super) const ATTACKER: &str = "198.51.100.1";
pub(super) const HOME: &str = "192.0.2.1";

#[tokio::test]
async fn wrong_passwords_from_one_network_do_not_keep_the_owner_out() {
    let scene = Scene::with(policy(3, 100));
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(scene.attempt(ATTACKER, ADDRESS, "wrong").await);
    }
    assert_eq!(codes[..3], ["invalid_credentials"; 3]);
    assert_eq!(codes[3..], ["rate_limited"; 2]);
    assert_eq!(scene.attempt(ATTACKER, ADDRESS, PASSWORD).await, "rate_limited", "also the right one");
    assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "ok");
}

#[tokio::test]
async fn attempts_from_all_networks_are_limited_and_a_known_network_is_let_through() {
    let (attempts, now) =
        (LoginAttempts::new(Arc::<Buckets>::default(), fingerprints()), fixed_runtime().0.clock.now());
    let mark = attempts.mark(&EmailLookup::parse(ADDRESS).unwrap(), AuthEpoch::FIRST, from(HOME).network);
    let known = KnownNetworks::none(ada().id).after_login(mark, now, &KnownNetworkPolicy::default());
    let scene = Scene::new(policy(3, 5), Hasher::default(), known);
    for host in 0..5 {
        assert_eq!(scene.attempt(&format!("198.51.100.{host}"), ADDRESS, "wrong").await, "invalid_credentials");
    }
    assert_eq!(scene.attempt("203.0.113.1", ADDRESS, PASSWORD).await, "rate_limited");
    assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "ok");
    let caller = *scene.hasher.callers.lock().unwrap().last().unwrap();
    assert_eq!(caller, HashCaller { network: from(HOME).network, is_known: true });
    // A known network has the limit of its own.
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(scene.attempt(HOME, ADDRESS, "wrong").await);
    }
    assert_eq!(codes, ["invalid_credentials", "invalid_credentials", "invalid_credentials", "rate_limited"]);
}

#[tokio::test]
async fn an_account_that_does_not_exist_gets_the_same_answers_after_the_same_work() {
    let mut seen = Vec::new();
    for email in [ADDRESS, "stranger@example.com"] {
        let scene = Scene::with(policy(2, 5));
        let mut codes = Vec::new();
        for attempt in 0..9 {
            codes.push(scene.attempt(&format!("198.51.100.{}", attempt % 3), email, "wrong").await);
        }
        seen.push((codes, scene.hasher.callers.lock().unwrap().clone()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1.len(), 5);
}

#[tokio::test]
async fn a_right_password_costs_no_attempt() {
    let scene = Scene::with(policy(1, 1));
    for _ in 0..50 {
        assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "ok");
    }
    assert_eq!(scene.attempt(HOME, ADDRESS, "wrong").await, "invalid_credentials");
    assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "rate_limited");
}

#[tokio::test]
async fn an_attempt_that_the_hashers_had_no_time_for_costs_nothing() {
    let scene = Scene::new(policy(1, 1), Hasher { is_busy: true, ..Hasher::default() }, None);
    for _ in 0..20 {
        assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "hashers_busy");
    }
}

#[tokio::test]
async fn attempts_count_before_the_password_is_verified_so_parallel_guesses_do_not_pass() {
    let scene = Scene::new(policy(10, 100), Hasher { never_ends: true, ..Hasher::default() }, None);
    let actor = from(ATTACKER);
    let mut guesses: Vec<_> = (0..100).map(|_| Box::pin(scene.log_in.execute(&actor, command(ADDRESS, "?")))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let waiting = guesses.iter_mut().filter_map(|guess| guess.as_mut().poll(&mut context).is_pending().then_some(()));
    assert_eq!(waiting.count(), 10);
    assert_eq!(scene.hasher.started.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn a_large_ipv6_network_does_not_have_the_attempts_of_all_its_addresses() {
    let networks = WiderNetworks { times_56: 2, times_48: 4 };
    let scene = Scene::with(SessionPolicy { networks, ..policy(3, 1_000) });
    for network in 0..40 {
        for _ in 0..3 {
            scene.attempt(&format!("2001:db8:1:{:x}::1", network * 64), ADDRESS, "wrong").await;
        }
    }
    assert_eq!(scene.hasher.started.load(Ordering::SeqCst), 12, "four times the attempts of an address");
    assert_eq!(scene.attempt("2001:db8:2::1", ADDRESS, PASSWORD).await, "ok");
}

#[tokio::test]
async fn a_log_in_records_its_network_unless_that_was_recorded_recently() {
    let scene = Scene::with(SessionPolicy::default());
    assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "ok");
    let known = scene.house.seen.one::<KnownNetworks>("known_networks.replace");
    assert_eq!((known.user_id, known.len()), (ada().id, 1));

    let again = Scene::new(SessionPolicy::default(), Hasher::default(), Some(known));
    assert_eq!(again.attempt(HOME, ADDRESS, PASSWORD).await, "ok");
    assert!(again.house.seen.all::<KnownNetworks>("known_networks.replace").is_empty());
    assert!(again.hasher.callers.lock().unwrap()[0].is_known);
    assert_eq!(again.attempt(ATTACKER, ADDRESS, PASSWORD).await, "ok");
    assert_eq!(again.house.seen.one::<KnownNetworks>("known_networks.replace").len(), 2);
}
