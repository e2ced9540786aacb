use super::*;
use crate::identity::{SessionId, UserId};
use proptest::prelude::*;
use uuid::Uuid;

const LIMITS: SessionLimits = SessionLimits { idle_millis: 60_000, absolute_millis: 200_000 };
const EPOCH: AuthEpoch = AuthEpoch::FIRST;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// The hash of the token with this number in its chain.
fn token(number: usize) -> RefreshHash {
    RefreshHash([u8::try_from(number).unwrap(); 32])
}

/// A session that began at 0 with token 0.
fn session() -> Session {
    let lifetime = LIMITS.expires_at(at(0), at(0)).as_millis();
    let session = Session::start(SessionId::new(Uuid::nil()), UserId::new(Uuid::nil()), at(0), lifetime);
    Session { refresh: Some(RefreshChain { current: token(0), used: None }), ..session }
}

fn rotate(session: Session, number: usize, now: i64) -> Session {
    let decision = session.refresh(token(number), at(now), EPOCH, LIMITS);
    let RefreshDecision::Rotate { expires_at } = decision else { panic!("{decision:?}") };
    let origin = SessionOrigin::default();
    let (presented, successor, at) = (token(number), token(number + 1), at(now));
    session.rotated(&Rotation { presented, successor, at, expires_at, origin })
}

fn decide(session: &Session, number: usize, now: i64) -> RefreshDecision {
    session.refresh(token(number), at(now), EPOCH, LIMITS)
}

#[test]
fn a_used_token_repeats_its_successor_for_ten_seconds_and_then_ends_the_session() {
    let session = rotate(session(), 0, 1_000);
    assert_eq!(decide(&session, 0, 1_000), RefreshDecision::Repeat);
    assert_eq!(decide(&session, 0, 10_999), RefreshDecision::Repeat);
    assert_eq!(decide(&session, 0, 11_000), RefreshDecision::Revoke);
    assert_eq!(decide(&session, 0, 999), RefreshDecision::Repeat, "a clock that is behind");
}

#[test]
fn a_used_token_ends_the_session_once_its_successor_was_used() {
    let session = rotate(rotate(session(), 0, 1_000), 1, 1_001);
    assert_eq!(decide(&session, 0, 1_002), RefreshDecision::Revoke);
    assert_eq!(decide(&session, 1, 1_002), RefreshDecision::Repeat);
}

#[test]
fn a_session_that_does_not_hold_or_has_no_tokens_is_refused() {
    let ended = Session { revoked_at: Some(at(1)), ..session() };
    let without = Session { refresh: None, ..session() };
    for session in [ended, without] {
        assert_eq!(decide(&session, 0, 5), RefreshDecision::Refuse);
    }
    assert_eq!(decide(&session(), 0, 60_000), RefreshDecision::Refuse, "it was idle for too long");
    assert_eq!(session().refresh(token(0), at(5), EPOCH.next(), LIMITS), RefreshDecision::Refuse);
    let lowered = SessionLimits { absolute_millis: 1_000, ..LIMITS };
    assert_eq!(session().refresh(token(0), at(1_000), EPOCH, lowered), RefreshDecision::Refuse);
}

#[test]
fn a_refresh_moves_the_end_up_to_the_absolute_limit() {
    let mut session = session();
    let mut ends = vec![];
    for (number, now) in [50_000, 100_000, 150_000, 199_999].into_iter().enumerate() {
        session = rotate(session, number, now);
        ends.push(session.expires_at.as_millis());
        assert_eq!(session.last_used_at(), at(now));
    }
    assert_eq!(ends, [110_000, 160_000, 200_000, 200_000]);
    assert_eq!(decide(&session, 4, 200_000), RefreshDecision::Refuse);
}

proptest! {
    /// Any client, honest or not, presents tokens of one session in any order, at any pace.
    #[test]
    fn a_session_has_one_line_of_tokens(steps in proptest::collection::vec((0_i64..30_000, 0_usize..4), 1..40)) {
        let (mut session, mut now, mut newest, mut used_at) = (session(), 0, 0_usize, None::<i64>);
        for (pause, back) in steps {
            now += pause;
            let presented = newest.saturating_sub(back);
            let decision = decide(&session, presented, now);
            if !session.holds(at(now), EPOCH) {
                prop_assert_eq!(decision, RefreshDecision::Refuse);
                continue;
            }
            match decision {
                RefreshDecision::Rotate { expires_at } => {
                    prop_assert_eq!(presented, newest, "only the newest token rotates");
                    prop_assert!(expires_at > at(now) && expires_at <= at(now + 60_000) && expires_at <= at(200_000));
                    session = rotate(session, presented, now);
                    (newest, used_at) = (newest + 1, Some(now));
                }
                RefreshDecision::Repeat => {
                    prop_assert_eq!(presented + 1, newest, "the successor is the newest token");
                    prop_assert!(used_at.is_some_and(|used_at| now < used_at + REPEAT_MILLIS));
                }
                RefreshDecision::Revoke => {
                    let is_late = used_at.is_some_and(|used_at| now >= used_at + REPEAT_MILLIS);
                    prop_assert!(presented + 1 < newest || presented + 1 == newest && is_late);
                    session.revoked_at = Some(at(now));
                }
                RefreshDecision::Refuse => prop_assert!(false, "the session holds"),
            }
        }
    }
}
