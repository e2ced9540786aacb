use super::*;
use crate::{
    identity::{
        Credentials, HookVerdict, IdentityHooks, LogInAnswer, MockAccessTokens, MockPasswordHasher, MockPasswordRule,
        MockTokenClaims, MockUserQueries, UserView,
    },
    kernel::{AppError as _, ErrorKind, MockRateLimits, Verdict},
    testing::*,
};
use skep_domain::{
    identity::{AuthEpoch, KnownNetworks, PasswordForm, PasswordPolicy, Session, User},
    shared::{SessionId, UserId, Version},
};
use std::time::Duration;

type Units = std::sync::Arc<Scripted<dyn IdentityTx>>;

const NEW: &str = "seven tall sunflowers";

/// Ada has an account.
fn house() -> House {
    House { user: Some(ada()), ..House::default() }
}

/// The ports of the use case. By default, each port succeeds.
struct Parts {
    users: MockUserQueries,
    hasher: MockPasswordHasher,
    limits: MockRateLimits,
}

impl Parts {
    /// Fails the test if a password is verified or hashed.
    fn hashing_nothing() -> Self {
        let mut parts =
            Self { users: MockUserQueries::new(), hasher: MockPasswordHasher::new(), limits: MockRateLimits::new() };
        parts.users.expect_find_user().returning(|_, id| Ok(Some(UserView::from(&ada())).filter(|user| user.id == id)));
        parts.users.expect_find_credentials().returning(|email| {
            let User { id: user_id, password_hash, password_form, .. } = ada();
            let known_networks = KnownNetworks::none(user_id);
            let credentials = Credentials {
                user_id,
                password_hash,
                password_form,
                auth_epoch: AuthEpoch::FIRST,
                known_networks,
                is_active: true,
                is_verified: true,
            };
            Ok((email.key() == ADDRESS).then_some(credentials))
        });
        parts.limits.expect_take().returning(|_, _, _| Ok(verdict(true)));
        parts.limits.expect_give_back().returning(|_, _, _| Ok(()));
        parts
    }

    /// Fails the test unless exactly one password is verified, and then so many are hashed.
    fn hashing(times: usize) -> Self {
        let mut parts = Self { hasher: hashing(times), ..Self::hashing_nothing() };
        parts.hasher.expect_verify().times(1).returning(|_, password, hash| Ok(hash == Some(hash_of(&password))));
        parts
    }

    async fn change(self, units: &Units, actor: &Actor, current: &str, new: &str) -> Answer {
        self.change_with(units, actor, (current, new), IdentityHooks::default()).await
    }

    async fn change_with(
        self,
        units: &Units,
        actor: &Actor,
        (current, new): (&str, &str),
        hooks: IdentityHooks,
    ) -> Answer {
        let Self { users, hasher, limits } = self;
        let mut tokens = MockAccessTokens::new();
        tokens.expect_issue().returning(|claims, _| Ok(format!("token of {}", claims.session_id)));
        let tokens = session_tokens_with(tokens, hooks.clone());
        let tokens = SessionSecrets { tokens, cookies: session_cookies(), devices: device_tokens() };
        let (accounts, policy) = (Accounts { hooks, ..accounts(hasher).0 }, SessionPolicy::default());
        let (users, limits) = (Arc::new(users), Arc::new(limits));
        let use_case = ChangePassword::new(units.clone(), users, accounts, tokens, limits, fingerprints(), policy);
        let (current_password, new_password) = (current.to_owned(), new.to_owned());
        use_case.execute(actor, ChangePasswordCommand { current_password, new_password, device: None }).await
    }
}

type Answer = Result<StartedSession, ChangePasswordError>;

fn tokens(answer: StartedSession) -> LogInAnswer {
    let StartedSession::Tokens(tokens) = answer else { panic!("{answer:?}") };
    tokens
}

fn verdict(allowed: bool) -> Verdict {
    Verdict { allowed, remaining: 0, retry_after: Duration::from_secs(6), reset_after: Duration::from_secs(60) }
}

async fn change(units: &Units) -> Answer {
    Parts::hashing(1).change(units, &user(1), PASSWORD, NEW).await
}

#[tokio::test]
async fn the_password_is_replaced_every_session_ends_and_the_caller_gets_a_new_one() {
    let house = house();
    let answer = change(&Scripted::of([house.open()])).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    let changed = (saved.password_hash, saved.password_form, saved.auth_epoch);
    assert_eq!(changed, (hash_of(NEW), PasswordForm::NEW, AuthEpoch::FIRST.next()));
    let session = house.seen.one::<Session>("sessions.insert");
    assert_eq!(session.auth_epoch, saved.auth_epoch, "the new session holds in the new epoch");
    let tokens = tokens(answer);
    assert_eq!(tokens.access_token, format!("token of {}", session.id));
    let device = device_tokens().read(&tokens.device.unwrap().text).unwrap();
    assert_eq!((device.user_id, device.auth_epoch), (user_id(1), saved.auth_epoch), "it holds in the new epoch");
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    let calls = house.seen.calls();
    let place = |call| calls.iter().position(|made| *made == call);
    assert!(place("sessions.revoke_all") < place("sessions.insert"), "{calls:?}");
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.password_changed.v1", user_id(1).uuid()));
    assert_eq!(event.aggregate_version, Version::FIRST.next());
    assert_eq!(house.seen.payload(), serde_json::json!({ "user_id": user_id(1), "session_id": session.id }));
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_caller_with_a_cookie_gets_another_cookie() {
    let house = house();
    let actor = by_cookie(user(1));
    let answer = Parts::hashing(1).change(&Scripted::of([house.open()]), &actor, PASSWORD, NEW).await.unwrap();
    let StartedSession::Cookie(answer) = answer else { panic!("{answer:?}") };
    let session = house.seen.one::<Session>("sessions.insert");
    let value = session_cookies().read(&answer.cookie).unwrap();
    assert_eq!((value.session_id, Some(value.hash)), (session.id, session.cookie.map(|cookie| cookie.hash)));
    assert!(session_cookies().is_csrf_token(session.id, &answer.csrf_token));
    assert_eq!((session.refresh, house.seen.calls().contains(&"sessions.revoke_all")), (None, true));
}

#[tokio::test]
async fn a_wrong_present_password_is_refused_after_one_verification_and_changes_nothing() {
    for current in ["wrong horse battery staple", ""] {
        let refusal = Parts::hashing(0).change(&Scripted::untouched(), &user(1), current, NEW).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("wrong_password", ErrorKind::Denied));
    }
    let long = "x".repeat(PasswordPolicy::MAX_BYTES + 1);
    let refusal = Parts::hashing_nothing().change(&Scripted::untouched(), &user(1), &long, NEW).await;
    assert_eq!(code(&refusal), "wrong_password");
}

#[tokio::test]
async fn a_guess_is_counted_with_the_logins_to_the_account_and_a_right_one_is_given_back() {
    let seen = Seen::default();
    for (current, given_back) in [("wrong", 0), (PASSWORD, 2)] {
        let mut parts = Parts::hashing(usize::from(given_back > 0));
        parts.limits = MockRateLimits::new();
        let noted = seen.clone();
        parts.limits.expect_take().times(2).returning(move |name, _, _| {
            noted.note("take", &[name.split(':').take(2).collect::<Vec<_>>().join(":")]);
            Ok(verdict(true))
        });
        parts.limits.expect_give_back().times(given_back).returning(|_, _, _| Ok(()));
        let units = if given_back > 0 { Scripted::of([house().open()]) } else { Scripted::untouched() };
        assert_eq!(parts.change(&units, &user(1), current, NEW).await.is_ok(), given_back > 0);
    }
    assert_eq!(seen.all::<String>("take")[..2], ["login:network", "login:account"]);
}

#[tokio::test]
async fn too_many_guesses_are_refused_before_anything_is_hashed() {
    let mut parts = Parts::hashing_nothing();
    parts.limits = MockRateLimits::new();
    parts.limits.expect_take().times(1).returning(|_, _, _| Ok(verdict(false)));
    let refusal = parts.change(&Scripted::untouched(), &user(1), PASSWORD, NEW).await;
    assert_eq!((code(&refusal), refusal.unwrap_err().retry_after()), ("rate_limited", Some(Duration::from_secs(6))));
}

#[tokio::test]
async fn a_new_password_that_the_policy_refuses_is_no_guess() {
    for (new, expected) in [
        ("short", "too_short"),
        ("111111111111111111", "too_common"),
        ("ada@example.com", "contains_email"),
        ("lovelace lovelace", "contains_name"),
    ] {
        let mut parts = Parts::hashing_nothing();
        parts.limits = MockRateLimits::new();
        let refusal = parts.change(&Scripted::untouched(), &user(1), PASSWORD, new).await.unwrap_err();
        assert_eq!(refusal.code(), "validation_failed");
        let fields: Vec<_> = refusal.fields().iter().map(|field| (field.pointer.as_str(), field.code)).collect();
        assert_eq!(fields, [("/new_password", expected)]);
    }
}

#[tokio::test]
async fn only_a_logged_in_user_can_change_a_password_and_only_the_own_one() {
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden"), (user(2), "not_found")] {
        let refusal = Parts::hashing_nothing().change(&Scripted::untouched(), &actor, PASSWORD, NEW).await;
        assert_eq!(code(&refusal), expected);
    }
}

#[tokio::test]
async fn the_password_of_another_account_with_the_same_address_is_a_wrong_one() {
    let mut parts = Parts::hashing(0);
    parts.users = MockUserQueries::new();
    parts.users.expect_find_user().returning(|_, _| Ok(Some(UserView::from(&ada()))));
    parts.users.expect_find_credentials().returning(|_| {
        let User { password_hash, password_form, .. } = ada();
        let (user_id, known_networks) = (user_id(2), KnownNetworks::none(user_id(2)));
        Ok(Some(Credentials {
            user_id,
            password_hash,
            password_form,
            auth_epoch: AuthEpoch::FIRST,
            known_networks,
            is_active: true,
            is_verified: true,
        }))
    });
    let refusal = parts.change(&Scripted::untouched(), &user(1), PASSWORD, NEW).await;
    assert_eq!(code(&refusal), "wrong_password");
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_is_a_wrong_one() {
    let changed = User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() };
    for user in [Some(changed), None] {
        let house = House { user, ..House::default() };
        assert_eq!(code(&change(&Scripted::of([house.looking()])).await), "wrong_password");
        assert_eq!(house.seen.endings(), [Ending::RolledBack]);
    }
}

#[tokio::test]
async fn an_aborted_commit_is_repeated_with_the_same_ids() {
    let house = house();
    change(&Scripted::of([house.failing(aborted()), house.open()])).await.unwrap();
    let (sessions, events) = (house.seen.all::<Session>("sessions.insert"), house.seen.events());
    assert_eq!((&sessions[0], &events[0]), (&sessions[1], &events[1]));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_change_is_a_success_and_a_missing_one_is_written_again() {
    for is_stored in [true, false] {
        let house = house();
        let second = if is_stored { house.after_a_hit() } else { house.after_a_miss() };
        let answer = tokens(change(&Scripted::of([house.failing(unknown()), second])).await.unwrap());
        let sessions = house.seen.all::<Session>("sessions.insert");
        assert_eq!(sessions.len(), if is_stored { 1 } else { 2 });
        assert!(sessions.iter().all(|session| answer.access_token == format!("token of {}", session.id)));
    }
}

#[tokio::test]
async fn busy_hashers_are_reported() {
    for verified in [None, Some(true)] {
        let mut parts = Parts::hashing_nothing();
        parts.hasher.expect_verify().returning(move |_, _, _| verified.ok_or(HashError::Busy));
        parts.hasher.expect_hash().times(usize::from(verified.is_some())).returning(|_, _| Err(HashError::Busy));
        assert_eq!(code(&parts.change(&Scripted::untouched(), &user(1), PASSWORD, NEW).await), "hashers_busy");
    }
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let (current_password, new_password) = (PASSWORD.to_owned(), NEW.to_owned());
    let shown = format!("{:?}", ChangePasswordCommand { current_password, new_password, device: None });
    assert!(["horse", "sunflowers"].iter().all(|secret| !shown.contains(secret)), "{shown}");
}

#[tokio::test]
async fn a_rule_of_the_program_judges_the_new_password_before_the_present_one_is_guessed() {
    let verdict = HookVerdict::refused("it is on the list of the company");
    for (verdict, expected) in [(Some(verdict), "validation_failed"), (None, "store_unavailable")] {
        let mut list = MockPasswordRule::new();
        list.expect_judge().times(1).returning(move |new| {
            assert_eq!((new.password.as_str(), new.email.as_str()), (NEW, ADDRESS));
            verdict.clone().ok_or_else(|| "the list is away".into())
        });
        let hooks = IdentityHooks { passwords: Some(Arc::new(list)), ..IdentityHooks::default() };
        let parts = Parts::hashing_nothing();
        let error = parts
            .change_with(&Scripted::of(Vec::<crate::identity::MockIdentityTx>::new()), &user(1), (PASSWORD, NEW), hooks)
            .await
            .unwrap_err();
        assert_eq!(error.code(), expected);
        assert!(error.fields().iter().all(|field| field.pointer == "/new_password"), "{error:?}");
    }
}

#[tokio::test]
async fn a_change_without_its_claims_stores_nothing() {
    let mut hook = MockTokenClaims::new();
    hook.expect_claims().times(1).returning(|_, _| Err("the directory is away".into()));
    let hooks = IdentityHooks { claims: Some(Arc::new(hook)), ..IdentityHooks::default() };
    let refused = Parts::hashing(1)
        .change_with(&Scripted::of(Vec::<crate::identity::MockIdentityTx>::new()), &user(1), (PASSWORD, NEW), hooks)
        .await;
    assert_eq!(refused.unwrap_err().code(), "store_unavailable");
}
