//! Logins with the token of a device, and mails about devices that are new.

use super::{attempt_tests::*, *};
use crate::{
    identity::{AccountMail, AccountMailKind, LoginAttempts},
    kernel::Limit,
    testing::*,
};
use skep_domain::{
    identity::{AuthEpoch, DeviceId, KnownDevice, KnownNetworkPolicy, User},
    jobs::Job,
    shared::EmailLookup,
};
use std::{
    sync::atomic::Ordering,
    task::{Context, Waker},
    time::Duration,
};

/// A device of Ada.
fn device() -> KnownDevice {
    let (id, logged_in_at) = (DeviceId::new(SeqIds::nth(900)), fixed_runtime().0.clock.now());
    KnownDevice { id, user_id: ada().id, auth_epoch: AuthEpoch::FIRST, logged_in_at }
}

fn with_token(password: &str, token: &str) -> LogInCommand {
    LogInCommand { device_token: Some(token.to_owned()), ..command(ADDRESS, password) }
}

async fn attempt(scene: &Scene, address: &str, password: &str, token: &str) -> &'static str {
    code(&scene.log_in.execute(&from(address), with_token(password, token)).await)
}

/// This many attempts per address, per account and per device.
fn with_devices(attempts: u32, account_attempts: u32, devices: u32) -> SessionPolicy {
    let device_attempts = Limit::smooth(devices, Duration::from_secs(3_600));
    SessionPolicy { device_attempts, ..policy(attempts, account_attempts) }
}

#[tokio::test]
async fn an_owner_with_the_token_of_a_device_logs_in_while_others_guess_from_anywhere() {
    let (scene, token) = (Scene::with(with_devices(3, 5, 2)), device_tokens().of(&device()));
    for host in 0..8 {
        scene.attempt(&format!("198.51.100.{host}"), ADDRESS, "wrong").await;
    }
    for _ in 0..4 {
        scene.attempt(HOME, ADDRESS, "wrong").await;
    }
    for address in [HOME, "203.0.113.1"] {
        assert_eq!(scene.attempt(address, ADDRESS, PASSWORD).await, "rate_limited");
        assert_eq!(attempt(&scene, address, PASSWORD, &token).await, "ok");
    }
    let caller = *scene.hasher.callers.lock().unwrap().last().unwrap();
    assert!(caller.is_known, "the device has a place in the queue of the hashers");
}

#[tokio::test]
async fn a_token_that_is_forged_foreign_or_old_counts_as_none() {
    let (tokens, now) = (device_tokens(), fixed_runtime().0.clock.now());
    let policy = with_devices(1, 1_000, 1_000);
    let age = i64::try_from(policy.device_lifetime.as_millis()).unwrap();
    let foreign = KnownDevice { user_id: user_id(2), ..device() };
    let before = KnownDevice { auth_epoch: AuthEpoch::FIRST.next(), ..device() };
    let old = KnownDevice { logged_in_at: now.plus_millis(-age), ..device() };
    let mut forged = tokens.of(&device());
    forged.replace_range(135.., if forged.ends_with('0') { "1" } else { "0" });
    let texts = [tokens.of(&foreign), tokens.of(&before), tokens.of(&old), forged, String::new(), "x".repeat(9_000)];
    for token in texts {
        let scene = Scene::with(policy);
        let codes = [attempt(&scene, HOME, "wrong", &token).await, attempt(&scene, HOME, PASSWORD, &token).await];
        assert_eq!(codes, ["invalid_credentials", "rate_limited"], "{token}");
        assert!(scene.hasher.callers.lock().unwrap().iter().all(|caller| !caller.is_known));
    }
    let still_valid = KnownDevice { logged_in_at: now.plus_millis(1 - age), ..device() };
    assert_eq!(attempt(&Scene::with(policy), HOME, PASSWORD, &tokens.of(&still_valid)).await, "ok");
}

#[tokio::test]
async fn an_account_that_does_not_exist_gets_the_same_answers_with_the_token_of_another() {
    let token = device_tokens().of(&KnownDevice { user_id: user_id(2), ..device() });
    let mut seen = Vec::new();
    for email in [ADDRESS, "stranger@example.com"] {
        let scene = Scene::with(with_devices(2, 5, 3));
        let mut codes = Vec::new();
        for host in [1, 1, 1, 2, 3, 4, 5] {
            let command = LogInCommand { email: email.to_owned(), ..with_token("wrong", &token) };
            codes.push(code(&scene.log_in.execute(&from(&format!("198.51.100.{host}")), command).await));
        }
        seen.push((codes, scene.hasher.callers.lock().unwrap().clone()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].1.len(), 5, "one hash for each attempt that was allowed");
}

#[tokio::test]
async fn with_a_token_no_other_account_is_read_before_the_network_has_paid() {
    let token = device_tokens().of(&device());
    let scene = Scene::with(with_devices(1, 5, 3));
    let guess = |email: &str| LogInCommand { email: email.to_owned(), ..with_token("wrong", &token) };
    for (email, reads) in [("stranger@example.com", 1), ("stranger@example.com", 1), ("other@example.com", 2)] {
        let _ = scene.log_in.execute(&from(HOME), guess(email)).await;
        assert_eq!(scene.reads.load(Ordering::Relaxed), reads, "{email}");
    }
}

#[tokio::test]
async fn wrong_passwords_with_a_token_are_bounded_and_then_it_counts_as_none() {
    let (scene, token) = (Scene::with(with_devices(2, 1_000, 3)), device_tokens().of(&device()));
    let mut codes = Vec::new();
    for _ in 0..7 {
        codes.push(attempt(&scene, ATTACKER, "wrong", &token).await);
    }
    assert_eq!(codes[..5], ["invalid_credentials"; 5], "three of the device and two of the network");
    assert_eq!(codes[5..], ["rate_limited"; 2]);
    assert_eq!(attempt(&scene, ATTACKER, PASSWORD, &token).await, "rate_limited");
    assert_eq!(scene.attempt(HOME, ADDRESS, PASSWORD).await, "ok", "nothing is taken from the owner elsewhere");
}

#[tokio::test]
async fn right_passwords_with_a_token_cost_nothing_and_the_device_keeps_its_id() {
    let scene = Scene::with(with_devices(1, 1, 1));
    let mut token = device_tokens().of(&device());
    for _ in 0..20 {
        let answer = scene.log_in.execute(&from(HOME), with_token(PASSWORD, &token)).await.unwrap();
        let given = answer.device.unwrap();
        assert_eq!(given.expires_in, SessionPolicy::default().device_lifetime);
        token = given.text;
        assert_eq!(device_tokens().read(&token), Some(device()));
    }
}

#[tokio::test]
async fn each_login_without_a_token_gets_one_of_another_device() {
    let scene = Scene::with(policy(10, 10));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = scene.log_in.execute(&from(HOME), command(ADDRESS, PASSWORD)).await.unwrap();
        let given = device_tokens().read(&answer.device.unwrap().text).unwrap();
        assert_eq!((given.user_id, given.auth_epoch), (ada().id, AuthEpoch::FIRST));
        ids.push(given.id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn parallel_guesses_with_one_token_are_those_of_its_device_and_its_network() {
    let policy = with_devices(2, 1_000, 3);
    let scene = Scene::new(policy, Hasher { never_ends: true, ..Hasher::default() }, None);
    let (actor, token) = (from(ATTACKER), device_tokens().of(&device()));
    let guess = || Box::pin(scene.log_in.execute(&actor, with_token("?", &token)));
    let mut guesses: Vec<_> = (0..50).map(|_| guess()).collect();
    let mut context = Context::from_waker(Waker::noop());
    let waiting = guesses.iter_mut().filter_map(|guess| guess.as_mut().poll(&mut context).is_pending().then_some(()));
    assert_eq!(waiting.count(), 5);
    assert_eq!(scene.hasher.started.load(Ordering::SeqCst), 5);
}

/// The mails about logins that were stored.
fn mails(scene: &Scene) -> Vec<AccountMail> {
    let jobs = scene.house.seen.all::<Job>("jobs.insert");
    jobs.iter().map(|job| serde_json::from_str(job.args.as_str()).unwrap()).collect()
}

/// Ada has logged in from home before.
fn at_home() -> KnownNetworks {
    let (attempts, now) =
        (LoginAttempts::new(Arc::<Buckets>::default(), fingerprints()), fixed_runtime().0.clock.now());
    let mark = attempts.mark(&EmailLookup::parse(ADDRESS).unwrap(), AuthEpoch::FIRST, from(HOME).network);
    KnownNetworks::none(ada().id).after_login(mark, now, &KnownNetworkPolicy::default()).unwrap()
}

#[tokio::test]
async fn only_a_login_without_a_token_from_an_unknown_network_is_mailed() {
    let token = device_tokens().of(&device());
    for (address, token, is_mailed) in [
        (HOME, None, false),
        (ATTACKER, Some(&token), false),
        (ATTACKER, None, true),
        (ATTACKER, Some(&"skep_dt_forged".to_owned()), true),
    ] {
        let scene = Scene::new(SessionPolicy::default(), Hasher::default(), Some(at_home()));
        let command = LogInCommand { device_token: token.cloned(), ..command(ADDRESS, PASSWORD) };
        scene.log_in.execute(&from(address), command).await.unwrap();
        let session = scene.house.seen.one::<Session>("sessions.insert").id.uuid();
        let expected = AccountMail { kind: AccountMailKind::NewDevice, user_id: ada().id, id: session };
        assert_eq!(mails(&scene), Vec::from_iter(is_mailed.then_some(expected)), "{address} {token:?}");
    }
}

#[tokio::test]
async fn a_new_password_forgets_the_networks_from_before() {
    let changed = User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() };
    for (user, is_known) in [(ada(), true), (changed, false)] {
        let scene = Scene::of(user, SessionPolicy::default(), Hasher::default(), Some(at_home()));
        scene.log_in.execute(&from(HOME), command(ADDRESS, PASSWORD)).await.unwrap();
        assert_eq!(mails(&scene).is_empty(), is_known);
        assert_eq!(scene.hasher.callers.lock().unwrap()[0].is_known, is_known);
    }
}

#[tokio::test]
async fn a_refused_login_and_the_first_one_of_an_account_are_not_mailed() {
    let scene = Scene::new(SessionPolicy::default(), Hasher::default(), Some(at_home()));
    assert_eq!(scene.attempt(ATTACKER, ADDRESS, "wrong").await, "invalid_credentials");
    assert_eq!(mails(&scene), []);

    let new = User { created_at: fixed_runtime().0.clock.now(), ..ada() };
    let scene = Scene::of(new, SessionPolicy::default(), Hasher::default(), None);
    for _ in 0..5 {
        assert_eq!(scene.attempt(ATTACKER, ADDRESS, PASSWORD).await, "ok");
    }
    assert_eq!(mails(&scene), [], "the mock store remembers no network, so each is the first");
    let taken = scene.limits.0.lock().unwrap().iter().find_map(|(name, n)| name.contains("mail").then_some(*n));
    assert_eq!(taken, Some(0), "what no mail has used is given back");
}

#[tokio::test]
async fn an_address_gets_a_few_mails_about_logins_and_the_logins_go_on() {
    let scene = Scene::new(SessionPolicy::default(), Hasher::default(), Some(at_home()));
    for host in 0..6 {
        assert_eq!(scene.attempt(&format!("198.51.100.{host}"), ADDRESS, PASSWORD).await, "ok");
    }
    assert_eq!(mails(&scene).len(), 3);
    assert!(scene.limits.0.lock().unwrap().keys().all(|name| !name.starts_with("account_mail:")));
}
