//! Hashes of older costs are replaced at a login.

use super::*;
use crate::{
    identity::{HashError, MockAccessTokens, MockPasswordHasher, MockUserQueries},
    kernel::{MockRateLimits, Verdict},
    testing::*,
};
use skep_domain::{
    identity::{AuthEpoch, Session, User},
    shared::UserId,
};
use std::time::Duration;

const OLD: &str = "$old$";
const NEW: &str = "$new$";

type Renewal = (UserId, String, String);

/// Ada has an account with a hash of older costs.
fn house() -> House {
    let user = User { password_hash: OLD.to_owned(), password_form: PasswordForm::AsTyped, ..ada() };
    House { user: Some(user), ..House::default() }
}

/// A hasher that verifies one password against the old hash, which is outdated.
fn verifying(is_right: bool) -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_verify().times(1).returning(move |_, _, hash| Ok(is_right && hash.as_deref() == Some(OLD)));
    hasher.expect_is_outdated().returning(|hash| hash == OLD);
    hasher
}

/// Logs in over these units. Hashes that are read before the unit are those of `house`.
async fn log_in(
    house: &House,
    units: &Arc<Scripted<dyn IdentityTx>>,
    hasher: MockPasswordHasher,
    password: &str,
) -> Result<LogInAnswer, LogInError> {
    let (mut users, mut tokens, mut limits) = (MockUserQueries::new(), MockAccessTokens::new(), MockRateLimits::new());
    let user = house.user.clone().unwrap();
    users.expect_find_credentials().returning(move |_| {
        let User { id: user_id, password_hash, password_form, .. } = user.clone();
        Ok(Some(Credentials {
            user_id,
            password_hash,
            password_form,
            auth_epoch: AuthEpoch::FIRST,
            known_networks: KnownNetworks::none(user_id),
            is_active: true,
            is_verified: true,
        }))
    });
    tokens.expect_issue().returning(|_, _| Ok("token".to_owned()));
    limits.expect_take().returning(|_, _, _| {
        let (retry_after, reset_after) = (Duration::ZERO, Duration::ZERO);
        Ok(Verdict { allowed: true, remaining: 1, retry_after, reset_after })
    });
    limits.expect_give_back().returning(|_, _, _| Ok(()));
    let (attempts, notices) = tests::counted(Arc::new(limits));
    let (users, secrets, policy) = (Arc::new(users), session_secrets(tokens), SessionPolicy::default());
    let log_in = LogIn::new(units.clone(), users, accounts(hasher).0, secrets, attempts, notices, policy);
    let command =
        LogInCommand { email: ADDRESS.to_owned(), password: password.to_owned(), device: None, device_token: None };
    log_in.execute(&visitor(), command).await
}

#[tokio::test]
async fn a_right_password_replaces_a_hash_of_older_costs_in_the_unit_of_its_session() {
    let (house, mut hasher) = (house(), verifying(true));
    hasher.expect_hash().times(1).returning(|_, password| {
        assert_eq!(password, "caf\u{e9} au lait", "the form of new passwords");
        Ok(NEW.to_owned())
    });
    log_in(&house, &Scripted::of([house.open()]), hasher, "cafe\u{301} au\u{a0}lait").await.unwrap();
    assert_eq!(house.seen.one::<Renewal>("users.renew_hash"), (user_id(1), OLD.to_owned(), NEW.to_owned()));
    assert!(!house.seen.calls().contains(&"users.save"), "the version and the epoch stay");
    assert_eq!(house.seen.all::<Session>("sessions.insert").len(), 1);
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_wrong_password_replaces_no_hash() {
    let house = house();
    let refusal = log_in(&house, &Scripted::untouched(), verifying(false), PASSWORD).await;
    assert_eq!(code(&refusal), "invalid_credentials");
}

#[tokio::test]
async fn a_hash_that_cannot_be_made_stops_no_login() {
    for error in [|| HashError::Busy, || HashError::Failed("no memory".into())] {
        let (house, mut hasher) = (house(), verifying(true));
        hasher.expect_hash().times(1).returning(move |_, _| Err(error()));
        assert_eq!(code(&log_in(&house, &Scripted::of([house.open()]), hasher, PASSWORD).await), "ok");
        assert!(!house.seen.calls().contains(&"users.renew_hash"));
    }
}

#[tokio::test]
async fn a_password_that_is_too_long_in_the_form_of_new_ones_keeps_its_hash() {
    // Three bytes each as typed, and six in NFC.
    let typed = "\u{958}".repeat(150);
    assert!(typed.len() <= PasswordPolicy::MAX_BYTES && PasswordForm::NEW.of(&typed).len() > PasswordPolicy::MAX_BYTES);
    let house = house();
    assert_eq!(code(&log_in(&house, &Scripted::of([house.open()]), verifying(true), &typed).await), "ok");
    assert!(!house.seen.calls().contains(&"users.renew_hash"));
}

#[tokio::test]
async fn a_login_whose_hash_another_login_has_just_replaced_goes_on() {
    let (before, mut hasher) = (house(), verifying(true));
    hasher.expect_hash().times(1).returning(|_, _| Ok(NEW.to_owned()));
    let user = User { password_hash: "$newer$".to_owned(), ..ada() };
    let house = House { user: Some(user), ..House::default() };
    assert_eq!(code(&log_in(&before, &Scripted::of([house.open()]), hasher, PASSWORD).await), "ok");
    assert!(!house.seen.calls().contains(&"users.renew_hash"));
}

#[tokio::test]
async fn a_login_whose_password_was_changed_meanwhile_is_refused() {
    let (before, mut hasher) = (house(), verifying(true));
    hasher.expect_hash().times(1).returning(|_, _| Ok(NEW.to_owned()));
    let mut house = house();
    house.user.as_mut().unwrap().change_password(OLD.to_owned(), skep_domain::shared::Timestamp::MIN);
    let refusal = log_in(&before, &Scripted::of([house.looking()]), hasher, PASSWORD).await;
    assert_eq!((code(&refusal), house.seen.endings()), ("invalid_credentials", vec![Ending::RolledBack]));
}
