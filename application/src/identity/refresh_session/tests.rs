use super::*;
use crate::{
    identity::{IdentityHooks, MockAccessTokens, MockSessionRepository, MockTokenClaims},
    kernel::{AppError as _, ErrorKind, MockRateLimits, Verdict},
    testing::*,
};
use skep_domain::{
    identity::{AuthEpoch, RefreshChain, RefreshHash, SessionOrigin, UsedRefresh},
    shared::{Network, SessionId},
};
use std::time::Duration;

type Units = std::sync::Arc<Scripted<dyn IdentityTx>>;

const DAY: u64 = 24 * 60 * 60;

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

fn session_id() -> SessionId {
    SessionId::new(SeqIds::nth(50))
}

/// The ports of the use case, and the first token of a session of Ada.
struct Scene {
    tokens: SessionTokens,
    first: RefreshToken,
    counted: Seen,
    allowed: bool,
}

impl Scene {
    fn new() -> Self {
        let mut access = MockAccessTokens::new();
        access.expect_issue().returning(|claims, _| Ok(format!("token of {}", claims.session_id)));
        let tokens = session_tokens(access);
        let first = tokens.refresh.first(session_id());
        Self { tokens, first, counted: Seen::default(), allowed: true }
    }

    fn successor(&self) -> RefreshToken {
        self.tokens.refresh.successor(&self.first)
    }

    /// A session that began two days ago, whose current token is the first one.
    fn session(&self) -> Session {
        let began = now().plus_millis(-2 * 24 * 60 * 60 * 1_000);
        let session = Session::start(session_id(), user_id(1), began, 1_000);
        let refresh = Some(RefreshChain { current: self.first.hash, used: None });
        Session { refresh, expires_at: now().plus_millis(1), ..session }
    }

    /// The session after the first token was used so many milliseconds ago.
    fn rotated(&self, ago: i64) -> Session {
        let used = Some(UsedRefresh { hash: self.first.hash, at: now().plus_millis(-ago) });
        let refresh = Some(RefreshChain { current: self.successor().hash, used });
        Session { refresh, expires_at: now().plus_millis(9_000), ..self.session() }
    }

    async fn refresh(&self, units: &Units, token: &str) -> Result<LogInAnswer, RefreshSessionError> {
        let mut limits = MockRateLimits::new();
        let (seen, allowed) = (self.counted.clone(), self.allowed);
        limits.expect_take().returning(move |name, cost, limit| {
            assert_eq!((cost, limit), (1, SessionPolicy::default().refresh_attempts));
            seen.note("take", &[name.to_owned()]);
            let (retry_after, reset_after) = (Duration::from_secs(6), Duration::from_secs(60));
            Ok(Verdict { allowed, remaining: 0, retry_after, reset_after })
        });
        let seen = self.counted.clone();
        limits.expect_give_back().returning(move |name, _, _| {
            seen.note("give_back", &[name.to_owned()]);
            Ok(())
        });
        let (attempts, policy) = (LoginAttempts::new(Arc::new(limits), fingerprints()), SessionPolicy::default());
        let use_case = RefreshSession::new(units.clone(), self.tokens.clone(), attempts, policy, fixed_runtime().0);
        let actor = Actor { network: Network::of("192.0.2.1".parse().unwrap()), ..visitor() };
        let device = Device::of("curl/8.5.0");
        use_case.execute(&actor, RefreshSessionCommand { refresh_token: token.to_owned(), device }).await
    }

    fn taken(&self) -> (Vec<String>, Vec<String>) {
        (self.counted.all("take"), self.counted.all("give_back"))
    }
}

/// Ada has an account and this session.
fn house(session: Session) -> House {
    House { user: Some(ada()), sessions: vec![session], ..House::default() }
}

#[tokio::test]
async fn the_current_token_is_replaced_and_the_session_lasts_on() {
    let scene = Scene::new();
    let house = house(scene.session());
    let answer = scene.refresh(&Scripted::of([house.open()]), &scene.first.text).await.unwrap();
    assert_eq!(answer.access_token, format!("token of {}", session_id()));
    assert_eq!(
        (answer.expires_in, answer.refresh_expires_in),
        (Duration::from_secs(600), Duration::from_secs(14 * DAY))
    );
    assert_eq!(answer.refresh_token, scene.successor().text);
    let (id, rotation) = house.seen.one::<(SessionId, Rotation)>("sessions.rotate");
    let network = Some(Network::of("192.0.2.1".parse().unwrap()));
    let expected = Rotation {
        presented: scene.first.hash,
        successor: scene.successor().hash,
        at: now(),
        expires_at: now().plus_millis(14 * 24 * 60 * 60 * 1_000),
        origin: SessionOrigin { device: Device::of("curl/8.5.0"), network },
    };
    assert_eq!((id, rotation), (session_id(), expected));
    assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::Committed]));
    let (taken, given_back) = scene.taken();
    assert_eq!((&taken, taken.len()), (&given_back, 1));
    assert!(taken[0].starts_with("refresh:session:"), "{taken:?}");
}

#[tokio::test]
async fn an_access_token_never_outlives_the_session() {
    let scene = Scene::new();
    let created_at = now().plus_millis(-(60 * 24 * 60 * 60 - 5) * 1_000);
    let house = house(Session { created_at, ..scene.session() });
    let answer = scene.refresh(&Scripted::of([house.open()]), &scene.first.text).await.unwrap();
    assert_eq!((answer.expires_in, answer.refresh_expires_in), (Duration::from_secs(5), Duration::from_secs(5)));
}

#[tokio::test]
async fn a_token_that_was_used_a_moment_ago_gives_the_same_successor() {
    let scene = Scene::new();
    let house = house(scene.rotated(9_999));
    let answer = scene.refresh(&Scripted::of([house.open()]), &scene.first.text).await.unwrap();
    assert_eq!(answer.refresh_token, scene.successor().text);
    assert_eq!(answer.refresh_expires_in, Duration::from_secs(9));
    assert_eq!(house.seen.all::<(SessionId, Rotation)>("sessions.rotate"), vec![]);
    assert_eq!(scene.taken().0, scene.taken().1);
}

#[tokio::test]
async fn a_token_that_is_used_again_later_ends_the_session_and_one_event_reports_it() {
    let scene = Scene::new();
    let house = house(scene.rotated(10_000));
    let refusal = scene.refresh(&Scripted::of([house.open()]), &scene.first.text).await;
    assert!(was_reused(&refusal));
    assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("invalid_refresh_token", ErrorKind::Unauthenticated));
    assert_eq!(house.seen.one::<(SessionId, Timestamp)>("sessions.revoke"), (session_id(), now()));
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.refresh_token_reused.v1", session_id().uuid()));
    assert_eq!(house.seen.payload(), serde_json::json!({ "user_id": user_id(1), "session_id": session_id() }));
    assert_eq!(house.seen.endings(), [Ending::Committed]);
    assert_eq!((scene.taken().0.len(), scene.taken().1.len()), (1, 0));
}

fn was_reused(answer: &Result<LogInAnswer, RefreshSessionError>) -> bool {
    matches!(answer, Err(RefreshSessionError::InvalidRefreshToken(InvalidRefreshToken { was_reused: true })))
}

#[tokio::test]
async fn every_other_token_gets_the_same_refusal() {
    let scene = Scene::new();
    let expired = Session { expires_at: now(), ..scene.session() };
    let revoked = Session { revoked_at: Some(now()), ..scene.session() };
    let of_an_earlier_epoch = Session { auth_epoch: AuthEpoch::FIRST.next(), ..scene.session() };
    let of_an_earlier_version = Session { refresh: None, ..scene.session() };
    let of_another = Session { id: SessionId::new(SeqIds::nth(51)), ..scene.session() };
    let without_account = Session { user_id: user_id(2), ..scene.session() };
    let mut shown = vec![];
    for session in [expired, revoked, of_an_earlier_epoch, of_an_earlier_version, of_another, without_account] {
        let house = house(session);
        let refusal = scene.refresh(&Scripted::of([house.open()]), &scene.first.text).await;
        assert!(!was_reused(&refusal));
        shown.push((code(&refusal), refusal.unwrap_err().to_string()));
        assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::RolledBack]));
    }
    let reused = scene.refresh(&Scripted::of([house(scene.rotated(10_000)).open()]), &scene.first.text).await;
    shown.push((code(&reused), reused.unwrap_err().to_string()));
    assert!(shown.iter().all(|one| *one == shown[0] && one.0 == "invalid_refresh_token"), "{shown:?}");
    assert_eq!((scene.taken().0.len(), scene.taken().1.len()), (7, 0), "refused tokens cost an attempt");
}

#[tokio::test]
async fn a_text_that_is_no_token_counts_for_its_network_and_reads_nothing() {
    let scene = Scene::new();
    let mut forged = scene.first.text.clone();
    forged.replace_range(135.., if forged.ends_with('0') { "1" } else { "0" });
    for text in ["", "token", &forged] {
        assert_eq!(code(&scene.refresh(&Scripted::untouched(), text).await), "invalid_refresh_token");
    }
    assert_eq!(scene.taken(), (vec!["refresh:network:192.0.2.1".to_owned(); 3], vec![]));
}

#[tokio::test]
async fn too_many_attempts_are_refused_before_anything_is_read() {
    let scene = Scene { allowed: false, ..Scene::new() };
    for text in ["token", &scene.first.text] {
        let refusal = scene.refresh(&Scripted::untouched(), text).await;
        assert_eq!(code(&refusal), "rate_limited");
        assert_eq!(refusal.unwrap_err().retry_after(), Some(Duration::from_secs(6)));
    }
}

#[tokio::test]
async fn a_call_that_was_too_slow_gives_the_successor_that_the_other_one_has_stored() {
    let scene = Scene::new();
    let mut late = house(scene.session()).looking();
    late.sessions.expect_rotate().times(1).returning(|_, _| Ok(false));
    let units = Scripted::of([late, house(scene.rotated(0)).open()]);
    let answer = scene.refresh(&units, &scene.first.text).await.unwrap();
    assert_eq!(answer.refresh_token, scene.successor().text);
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_rotation_gives_its_successor() {
    let scene = Scene::new();
    let units = Scripted::of([house(scene.session()).failing(unknown()), house(scene.rotated(0)).after_a_miss()]);
    let answer = scene.refresh(&units, &scene.first.text).await.unwrap();
    assert_eq!(answer.refresh_token, scene.successor().text);
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_revocation_is_reported() {
    let scene = Scene::new();
    let house = house(scene.rotated(10_000));
    let units = Scripted::of([house.failing(unknown()), house.after_a_hit()]);
    assert!(was_reused(&scene.refresh(&units, &scene.first.text).await));
}

#[tokio::test]
async fn an_unavailable_store_says_nothing_about_the_token() {
    let scene = Scene::new();
    let mut unit = house(scene.session()).looking();
    unit.sessions = MockSessionRepository::new();
    unit.sessions.expect_find().times(1).returning(|_| Err(away()));
    assert_eq!(code(&scene.refresh(&Scripted::of([unit]), &scene.first.text).await), "store_unavailable");
    assert_eq!(scene.taken().0, scene.taken().1, "it was no verdict on the token");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let scene = Scene::new();
    let command = RefreshSessionCommand { refresh_token: scene.first.text.clone(), device: None };
    assert!(!format!("{command:?}").contains("skep_rt_"));
    assert_ne!(scene.first.hash, RefreshHash([0; 32]));
}

/// The scene with a hook that adds claims, and what it was asked for.
fn with_claims(hook: MockTokenClaims, extra: ExtraClaims) -> Scene {
    let mut access = MockAccessTokens::new();
    access.expect_issue().returning(move |_, issued| {
        assert_eq!(*issued, extra);
        Ok("token".to_owned())
    });
    let hooks = IdentityHooks { claims: Some(Arc::new(hook)), ..IdentityHooks::default() };
    Scene { tokens: session_tokens_with(access, hooks), ..Scene::new() }
}

#[tokio::test]
async fn a_refresh_asks_for_the_claims_before_the_token_is_used() {
    let extra = ExtraClaims::new([("tenant".to_owned(), serde_json::json!("north"))]).unwrap();
    let (mut hook, answer) = (MockTokenClaims::new(), extra.clone());
    hook.expect_claims().times(1).returning(move |user, session| {
        assert_eq!((user, session), (user_id(1), session_id()));
        Ok(answer.clone())
    });
    let mut scene = with_claims(hook, extra);
    scene.first = scene.tokens.refresh.first(session_id());
    let house = house(scene.session());
    scene.refresh(&Scripted::of([house.looking(), house.open()]), &scene.first.text).await.unwrap();

    let mut hook = MockTokenClaims::new();
    hook.expect_claims().times(1).returning(|_, _| Err("the directory is away".into()));
    let mut scene = with_claims(hook, ExtraClaims::default());
    scene.first = scene.tokens.refresh.first(session_id());
    let house = self::house(scene.session());
    let refused = scene.refresh(&Scripted::of([house.looking()]), &scene.first.text).await.unwrap_err();
    assert_eq!(refused.code(), "store_unavailable");
    assert!(!house.seen.calls().contains(&"sessions.rotate"), "the token can be used again");
    assert_eq!(scene.taken().0, scene.taken().1, "it was no guess");
}

#[tokio::test]
async fn a_session_that_does_not_exist_gets_no_claims() {
    let mut scene = with_claims(MockTokenClaims::new(), ExtraClaims::default());
    scene.first = scene.tokens.refresh.first(session_id());
    let house = House { sessions: vec![], ..house(scene.session()) };
    let refused = scene.refresh(&Scripted::of([house.looking(), house.looking()]), &scene.first.text).await;
    assert_eq!(refused.unwrap_err().code(), "invalid_refresh_token");
}
