//! The list of sessions, and the ways to end them.

use super::*;
use crate::{
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    identity::Session,
    shared::{SessionId, Timestamp, UserId, Version},
};
use std::sync::Arc;

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

/// The session of `user(n)`.
fn session_of(n: u64) -> Session {
    let (_, id) = user(n).session(skep_domain::identity::actions::END_SESSION).unwrap();
    Session::start(id, user_id(n), now(), 1_000)
}

/// Another session of user 1.
fn other() -> Session {
    Session { id: SessionId::new(SeqIds::nth(77)), ..session_of(1) }
}

/// Users 1 and 2 have accounts and are logged in, user 1 twice.
fn house() -> House {
    House { user: Some(ada()), sessions: vec![session_of(1), other(), session_of(2)], ..House::default() }
}

fn end(session: &Session) -> EndSessionCommand {
    EndSessionCommand { session_id: session.id }
}

#[tokio::test]
async fn a_log_out_ends_the_session_of_the_token_and_one_event_reports_it() {
    let house = house();
    use_case(LogOut, &Scripted::of([house.open()])).execute(&user(1), ()).await.unwrap();
    assert_eq!(house.seen.one::<(SessionId, Timestamp)>("sessions.revoke"), (session_of(1).id, now()));
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("identity.session_ended.v1", Version::FIRST.next()));
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1), "session_id": session_of(1).id }));
}

#[tokio::test]
async fn a_log_out_of_a_session_that_has_ended_meanwhile_is_an_invalid_token() {
    for sessions in [vec![], vec![Session { revoked_at: Some(now()), ..session_of(1) }]] {
        let house = House { sessions, ..house() };
        let refusal = use_case(LogOut, &Scripted::of([house.open()])).execute(&user(1), ()).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("invalid_token", ErrorKind::Unauthenticated));
        assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::RolledBack]));
    }
}

#[tokio::test]
async fn a_user_ends_any_of_the_own_sessions() {
    for session in [session_of(1), other()] {
        let house = house();
        use_case(EndSession, &Scripted::of([house.open()])).execute(&user(1), end(&session)).await.unwrap();
        assert_eq!(house.seen.one::<(SessionId, Timestamp)>("sessions.revoke"), (session.id, now()));
        assert_eq!(house.seen.event().aggregate_id, session.id.uuid());
    }
}

#[tokio::test]
async fn a_session_of_another_user_or_one_that_has_ended_is_not_found() {
    let expired = Session { expires_at: now(), ..other() };
    let revoked = Session { revoked_at: Some(now()), ..other() };
    for (sessions, session) in
        [(vec![session_of(2)], session_of(2)), (vec![expired], other()), (vec![revoked], other()), (vec![], other())]
    {
        let house = House { sessions, ..house() };
        for actor in [user(1), admin()] {
            let refusal = use_case(EndSession, &Scripted::of([house.open()])).execute(&actor, end(&session)).await;
            assert_eq!(code(&refusal), "not_found");
        }
        assert!(house.seen.events().is_empty());
    }
}

#[tokio::test]
async fn all_other_sessions_end_or_all_and_one_event_reports_it() {
    for (include_current, kept) in [(false, Some(session_of(1).id)), (true, None)] {
        let house = house();
        let units = Scripted::of([house.open()]);
        use_case(EndSessions, &units).execute(&user(1), EndSessionsCommand { include_current }).await.unwrap();
        assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), kept));
        let event = house.seen.event();
        assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.sessions_ended.v1", user_id(1).uuid()));
        assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1), "kept_session_id": kept }));
    }
}

#[tokio::test]
async fn without_another_session_nothing_is_recorded() {
    let house = House { sessions: vec![session_of(1), session_of(2)], ..house() };
    let command = EndSessionsCommand { include_current: false };
    use_case(EndSessions, &Scripted::of([house.open()])).execute(&user(1), command).await.unwrap();
    assert!(house.seen.events().is_empty());
}

#[tokio::test]
async fn the_commands_obey_the_frame() {
    obeys_the_frame(&house(), || LogOut, &user(1), || ()).await;
    obeys_the_frame(&house(), || EndSession, &user(1), || end(&other())).await;
    obeys_the_frame(&house(), || EndSessions, &user(1), || EndSessionsCommand { include_current: true }).await;
}

#[tokio::test]
async fn only_a_user_with_a_session_has_sessions() {
    let system = crate::kernel::Actor::system("request-1");
    let refusal = use_case(LogOut, &Scripted::untouched()).execute(&system, ()).await;
    assert_eq!(code(&refusal), "unauthenticated");
    let listed = |actor| async move {
        ListSessions::new(Arc::new(MockSessionQueries::new()), fixed_runtime().0).execute(&actor).await
    };
    assert_eq!(code(&listed(system).await), "unauthenticated");
    assert_eq!(code(&listed(visitor()).await), "unauthenticated");
    assert_eq!(code(&listed(actor(1, &[])).await), "forbidden");
}

#[tokio::test]
async fn the_list_says_which_session_is_the_current_one() {
    let mut sessions = MockSessionQueries::new();
    sessions
        .expect_list_sessions()
        .times(1)
        .withf(|id, at, limit| (*id, *at, *limit) == (user_id(1), now(), 100))
        .returning(|_, _, _| Ok(vec![other(), session_of(1)]));
    let listed = ListSessions::new(Arc::new(sessions), fixed_runtime().0).execute(&user(1)).await.unwrap();
    let expected = [(other(), false), (session_of(1), true)];
    assert_eq!(listed, expected.map(|(session, is_current)| ListedSession { session, is_current }));
}
