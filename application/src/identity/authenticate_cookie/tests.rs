use super::*;
use crate::{
    identity::{MockRoleQueries, MockSessionQueries, SessionView, session_cookies::CookieValue},
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    access::{Permissions, Policy, PolicyVersion, Role},
    identity::{AuthEpoch, CookieHash, Renewal, Session, SessionCookie},
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const MINUTE: i64 = 60_000;

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

/// A session of user 1 with a cookie, and the value of the cookie.
struct Scene {
    cookies: SessionCookies,
    value: CookieValue,
    session: Session,
}

impl Scene {
    /// The session was used so many milliseconds ago.
    fn used(ago: i64) -> Self {
        let cookies = session_cookies();
        let value = cookies.make(SessionId::new(SeqIds::nth(1)));
        let cookie = Some(SessionCookie { hash: value.hash, used_at: now().plus_millis(-ago) });
        let started = now().plus_millis(-10 * MINUTE);
        let session = Session::start(value.session_id, user_id(1), started, 20 * MINUTE);
        Self { cookies, value, session: Session { cookie, ..session } }
    }

    fn use_case(&self, units: &Units, sessions: MockSessionQueries) -> AuthenticateCookie {
        let judge = SessionJudge::new(Arc::new(sessions), Arc::new(MockRoleQueries::new()), fixed_runtime().0);
        let policy = SessionPolicy::default();
        AuthenticateCookie::new(self.cookies.clone(), Arc::new(judge), units.clone(), policy)
    }

    async fn ask(&self, units: &Units, asked: CookieUse<'_>) -> Result<Option<Principal>, AuthenticateCookieError> {
        let mut sessions = MockSessionQueries::new();
        let stored = self.session.clone();
        sessions.expect_find_session().times(1).returning(move |id| {
            let view = SessionView {
                user_id: stored.user_id,
                term: stored.term(),
                cookie: stored.cookie,
                auth_epoch: AuthEpoch::FIRST,
                roles: vec![Role::USER],
                policy: PolicyVersion(7),
            };
            Ok(Some(view).filter(|_| id == stored.id))
        });
        self.use_case(units, sessions).execute(&self.value.text, asked).await
    }

    async fn read(&self) -> Option<Principal> {
        self.ask(&Scripted::untouched(), CookieUse::Read).await.unwrap()
    }

    fn house(&self) -> House {
        House { sessions: vec![self.session.clone()], ..House::default() }
    }
}

#[tokio::test]
async fn the_cookie_of_a_session_that_holds_gives_its_user() {
    let scene = Scene::used(0);
    let (session, permissions) = (scene.session.id, Permissions::of(&[Role::USER], &Policy::default()));
    let credential = SessionKind::Cookie;
    assert_eq!(scene.read().await, Some(Principal::User { id: user_id(1), session, credential, permissions }));
}

#[tokio::test]
async fn a_cookie_whose_session_has_ended_is_that_of_a_visitor() {
    let changes: [fn(&mut Session); 6] = [
        |session| session.expires_at = now(),
        |session| session.revoked_at = Some(now()),
        |session| session.auth_epoch = AuthEpoch::FIRST.next(),
        |session| session.id = SessionId::new(SeqIds::nth(2)),
        |session| session.cookie = None,
        |session| session.cookie = Some(SessionCookie { hash: CookieHash([9; 32]), used_at: now() }),
    ];
    for change in changes {
        let mut scene = Scene::used(0);
        change(&mut scene.session);
        assert_eq!(scene.read().await, None, "{:?}", scene.session);
    }
}

#[tokio::test]
async fn a_value_that_the_deployment_has_not_issued_is_not_looked_up() {
    let scene = Scene::used(0);
    let use_case = scene.use_case(&Scripted::untouched(), MockSessionQueries::new());
    let token = refresh_tokens().first(scene.session.id).text;
    for value in ["", "*", "rl:address", &"a".repeat(4096), &scene.value.text[1..], &token] {
        assert_eq!(use_case.execute(value, CookieUse::Read).await.unwrap(), None, "{value}");
    }
}

#[tokio::test]
async fn a_change_needs_the_token_of_its_session() {
    let scene = Scene::used(0);
    let units = Scripted::untouched();
    let change = |csrf_token| scene.ask(&units, CookieUse::Change { csrf_token });
    let right = scene.cookies.csrf_token(scene.session.id);
    let of_another = scene.cookies.csrf_token(SessionId::new(SeqIds::nth(2)));
    assert!(change(Some(&right)).await.unwrap().is_some());
    for wrong in [None, Some(""), Some(&*of_another), Some(&*scene.value.text)] {
        let refusal = change(wrong).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("csrf_token_invalid", ErrorKind::Denied));
    }
}

#[tokio::test]
async fn a_use_is_stored_once_a_minute() {
    assert!(Scene::used(MINUTE - 1).read().await.is_some(), "no unit of work is opened");
    let scene = Scene::used(MINUTE);
    let house = scene.house();
    assert!(scene.ask(&Scripted::of([house.open()]), CookieUse::Read).await.unwrap().is_some());
    let renewal = Renewal { at: now(), expires_at: now().plus_millis(30 * MINUTE) };
    assert_eq!(house.seen.one::<(SessionId, Renewal)>("sessions.renew"), (scene.session.id, renewal));
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_forged_change_does_not_renew_the_session() {
    let refusal = Scene::used(MINUTE).ask(&Scripted::untouched(), CookieUse::Change { csrf_token: None }).await;
    assert_eq!(code(&refusal), "csrf_token_invalid");
}

#[tokio::test]
async fn a_use_that_cannot_be_stored_is_lost_and_logs_no_user_out() {
    let scene = Scene::used(MINUTE);
    let units = Scripted::then_away([scene.house().failing(aborted())]);
    assert!(scene.ask(&units, CookieUse::Read).await.unwrap().is_some());
    assert!(units.left() > 0, "the request does not wait for the store");
}
