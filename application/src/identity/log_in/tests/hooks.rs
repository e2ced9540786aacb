//! Logins with hooks of the program.

use super::*;
use crate::identity::{
    DeviceObserver, ExtraClaims, IdentityHooks, MockDeviceObserver, MockTokenClaims, NewDeviceLogin,
};
use async_trait::async_trait;
use serde_json::json;
use std::{
    future::pending,
    sync::{Arc, Mutex},
};

fn claims(claims: MockTokenClaims) -> IdentityHooks {
    IdentityHooks { claims: Some(Arc::new(claims)), ..IdentityHooks::default() }
}

fn tenant() -> ExtraClaims {
    ExtraClaims::new([("tenant".to_owned(), json!("north"))]).unwrap()
}

#[tokio::test]
async fn a_token_has_the_claims_of_the_program() {
    let (house, mut parts, mut hook) = (house(), Parts::verifying_once(), MockTokenClaims::new());
    let asked = Arc::new(Mutex::new(vec![]));
    let noted = asked.clone();
    hook.expect_claims().times(1).returning(move |user_id, session_id| {
        noted.lock().unwrap().push((user_id, session_id));
        Ok(tenant())
    });
    parts.hooks = claims(hook);
    parts.tokens = MockAccessTokens::new();
    parts.tokens.expect_issue().times(1).returning(|_, extra| {
        assert_eq!(*extra, tenant());
        Ok("token".to_owned())
    });
    parts.log_in(&Scripted::of([house.open()]), ADDRESS, PASSWORD).await.unwrap();
    let session = house.seen.one::<Session>("sessions.insert");
    assert_eq!(*asked.lock().unwrap(), [(session.user_id, session.id)]);
}

#[tokio::test]
async fn a_login_without_its_claims_stores_nothing_and_a_wrong_password_asks_for_none() {
    let (house, mut parts, mut hook) = (house(), Parts::verifying_once(), MockTokenClaims::new());
    hook.expect_claims().times(1).returning(|_, _| Err("the directory is away".into()));
    parts.hooks = claims(hook);
    let refused = parts
        .log_in(&Scripted::of(Vec::<crate::identity::MockIdentityTx>::new()), ADDRESS, PASSWORD)
        .await
        .unwrap_err();
    assert_eq!((refused.code(), house.seen.calls().len()), ("store_unavailable", 0));

    let mut parts = Parts::verifying_once();
    parts.hooks = claims(MockTokenClaims::new());
    let refused =
        parts.log_in(&Scripted::of(Vec::<crate::identity::MockIdentityTx>::new()), ADDRESS, "wrong").await.unwrap_err();
    assert_eq!(refused.code(), "invalid_credentials");
}

/// An account that has logged in from another network, so that the next login is a surprise.
fn traveled(house: House) -> House {
    let mut user = ada();
    user.created_at = Timestamp::MIN;
    House { user: Some(user), ..house }
}

#[tokio::test]
async fn the_program_learns_of_a_new_device_once_after_the_login_is_stored() {
    let reported = Arc::new(Mutex::new(vec![]));
    let (house, mut parts, mut hook) = (traveled(house()), Parts::verifying_once(), MockDeviceObserver::new());
    let (noted, seen) = (reported.clone(), house.seen.clone());
    hook.expect_logged_in().times(1).returning(move |login| {
        assert_eq!(seen.endings(), [Ending::Committed]);
        noted.lock().unwrap().push(login.clone());
        Err("the observer is away".into())
    });
    parts.hooks.devices = Some(Arc::new(hook));
    parts.log_in(&Scripted::of([house.open()]), ADDRESS, PASSWORD).await.unwrap();
    let session = house.seen.one::<Session>("sessions.insert");
    let reported = reported.lock().unwrap();
    let [NewDeviceLogin { user_id, session_id, at, .. }] = &reported[..] else { panic!("{reported:?}") };
    assert_eq!((*user_id, *session_id, *at), (session.user_id, session.id, session.created_at));
}

/// Never returns.
struct Slow;

#[async_trait]
impl DeviceObserver for Slow {
    async fn logged_in(&self, _: &NewDeviceLogin) -> Result<(), crate::kernel::BoxError> {
        pending().await
    }
}

#[tokio::test]
async fn an_observer_that_does_not_return_delays_a_login_and_does_not_stop_it() {
    let (house, mut parts) = (traveled(house()), Parts::verifying_once());
    parts.hooks.devices = Some(Arc::new(Slow));
    parts.log_in(&Scripted::of([house.open()]), ADDRESS, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_program_does_not_learn_of_a_login_that_is_refused_or_expected() {
    let mut parts = Parts::verifying_once();
    parts.hooks.devices = Some(Arc::new(MockDeviceObserver::new()));
    parts.log_in(&Scripted::of(Vec::<crate::identity::MockIdentityTx>::new()), ADDRESS, "wrong").await.unwrap_err();

    // The first login of a new account.
    let (mut house, mut parts) = (house(), Parts::verifying_once());
    house.user = Some(User { created_at: fixed_runtime().0.clock.now(), ..ada() });
    parts.hooks.devices = Some(Arc::new(MockDeviceObserver::new()));
    parts.log_in(&Scripted::of([house.open()]), ADDRESS, PASSWORD).await.unwrap();
}
