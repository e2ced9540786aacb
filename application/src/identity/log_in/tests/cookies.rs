//! Logins that start a session with a cookie.

use super::*;
use skep_domain::{
    identity::{CookieHash, RefreshChain, RefreshHash, SessionCookie},
    shared::SessionId,
};

async fn log_in(house: &House, password: &str, replaced: Option<&str>) -> Result<CookieAnswer, LogInError> {
    let command =
        LogInCommand { email: ADDRESS.to_owned(), password: password.to_owned(), device: None, device_token: None };
    let log_in = Parts::verifying_once().build(&Scripted::of([house.open()]));
    log_in.execute_with_cookie(&visitor(), command, replaced).await
}

/// A session of another user, and the value of its cookie.
fn other() -> (Session, String) {
    let now = fixed_runtime().0.clock.now();
    let value = session_cookies().make(SessionId::new(SeqIds::nth(50)));
    let session = Session::start(value.session_id, user_id(2), now.plus_millis(-1_000), 2_000);
    let cookie = Some(SessionCookie { hash: value.hash, used_at: session.created_at });
    (Session { cookie, ..session }, value.text)
}

#[tokio::test]
async fn a_session_with_a_cookie_has_no_tokens_and_its_own_limits() {
    let house = house();
    let answer = log_in(&house, PASSWORD, None).await.unwrap();
    let session = house.seen.one::<Session>("sessions.insert");
    let value = session_cookies().read(&answer.cookie).unwrap();
    let cookie = SessionCookie { hash: value.hash, used_at: session.created_at };
    assert_eq!((value.session_id, session.cookie, session.refresh), (session.id, Some(cookie), None));
    assert_eq!(session.expires_at, session.created_at.plus_millis(30 * 60 * 1_000));
    assert!(session_cookies().is_csrf_token(session.id, &answer.csrf_token));
    let times = (answer.expires_in, answer.lifetime);
    assert_eq!(times, (Duration::from_secs(30 * 60), Duration::from_secs(12 * 60 * 60)));
    assert_eq!(house.seen.event().name.as_str(), "identity.user_logged_in.v1");
}

#[tokio::test]
async fn the_session_of_the_cookie_that_the_browser_sent_ends() {
    let (session, value) = other();
    let house = House { sessions: vec![session.clone()], ..house() };
    let answer = log_in(&house, PASSWORD, Some(&value)).await.unwrap();
    assert_ne!(answer.cookie, value);
    assert_eq!(house.seen.one::<(SessionId, Timestamp)>("sessions.revoke").0, session.id);
    let names: Vec<_> = house.seen.events().iter().map(|event| event.name.as_str().to_owned()).collect();
    assert_eq!(names, ["identity.session_ended.v1", "identity.user_logged_in.v1"]);
}

#[tokio::test]
async fn a_cookie_that_is_no_secret_of_a_session_that_goes_on_ends_nothing() {
    let (session, value) = other();
    let now = fixed_runtime().0.clock.now();
    let expired = Session { expires_at: now, ..session.clone() };
    let of_another = SessionCookie { hash: CookieHash([9; 32]), used_at: now };
    let with_another_secret = Session { cookie: Some(of_another), ..session.clone() };
    let refresh = Some(RefreshChain { current: RefreshHash([9; 32]), used: None });
    let with_tokens = Session { cookie: None, refresh, ..session.clone() };
    for (stored, sent) in
        [(session, "skep_cs_forged"), (expired, &*value), (with_another_secret, &*value), (with_tokens, &*value)]
    {
        let house = House { sessions: vec![stored], ..house() };
        log_in(&house, PASSWORD, Some(sent)).await.unwrap();
        assert!(!house.seen.calls().contains(&"sessions.revoke"), "{sent}");
    }
}

#[tokio::test]
async fn a_refused_login_ends_nothing() {
    let (session, value) = other();
    let house = House { sessions: vec![session], ..house() };
    let command =
        LogInCommand { email: ADDRESS.to_owned(), password: "wrong".to_owned(), device: None, device_token: None };
    let log_in = Parts::verifying_once().build(&Scripted::untouched());
    let refusal = log_in.execute_with_cookie(&visitor(), command, Some(&value)).await;
    assert_eq!((code(&refusal), house.seen.calls().len()), ("invalid_credentials", 0));
}
