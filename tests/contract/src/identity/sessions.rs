//! `SessionRepository`.

use super::{Sessions, SessionsUnit};
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    laws::{Entity, Unique, rows},
    part::Whole,
    sample,
    units::{commit, look},
};
use async_trait::async_trait;
use skep_application::{
    identity::{IdentityStore, SweepSessions, constraints::SESSION_ID},
    kernel::{StoreError, Swept},
    operations::SweepExpired,
};
use skep_domain::{
    identity::{
        AuthEpoch, CookieHash, Device, RefreshChain, RefreshHash, Renewal, Rotation, Session, SessionCookie,
        SessionOrigin, UsedRefresh,
    },
    shared::{Network, SessionId, Timestamp},
};
use std::sync::Arc;

clauses! { clauses of "sessions" on dyn Sessions, with [rows::clauses::<Session>("sessions")]:
    a_session_ends_once,
    a_session_that_is_not_there_does_not_end,
    racing_units_end_a_session_once,
    the_newest_sessions_of_a_user_stay ["SessionRepository 2"],
    revoked_sessions_go_before_the_others ["SessionRepository 2"],
    racing_units_each_keep_the_newest ["SessionRepository 2"],
    what_has_ended_is_swept_and_nothing_else ["SessionRepository 1"],
    a_sweep_forgets_no_more_than_its_limit ["SessionRepository 1"],
    all_sessions_of_a_user_end_except_one ["SessionRepository 3"],
    racing_units_end_all_sessions_once ["SessionRepository 3"],
    a_refresh_token_is_replaced_once ["SessionRepository 4"],
    a_rotation_may_know_nothing_about_its_origin ["SessionRepository 4"],
    a_session_that_was_revoked_keeps_its_refresh_token ["SessionRepository 4"],
    racing_units_replace_a_refresh_token_once ["SessionRepository 4"],
    a_renewal_moves_the_end_of_a_session_with_a_cookie ["SessionRepository 5"],
    a_session_that_has_ended_or_has_no_cookie_is_not_renewed ["SessionRepository 5"],
    racing_renewals_keep_the_last_use ["SessionRepository 5"],
}

type Given = clause::Given<dyn Sessions>;

#[async_trait]
impl Entity for Session {
    type Id = SessionId;
    type Store = dyn Sessions;
    type Tx = dyn SessionsUnit;
    const UNIQUE: &'static [Unique<Self>] =
        &[Unique { rule: SESSION_ID, collide: |one, other| other.id = one.id, on_save: false }];

    async fn sample(store: &Self::Store) -> Checked<Self> {
        let user = sample::user()?;
        sample::sign_up(store, &user).await?;
        Ok(sample::session(user.id))
    }

    async fn extremes(store: &Self::Store) -> Checked<Vec<Self>> {
        let session = Self::sample(store).await?;
        let of = |(expires_at, revoked_at)| Self { expires_at, revoked_at, ..sample::session(session.user_id) };
        let ends = [
            (Timestamp::MAX, None),
            (sample::at(1), Some(sample::at(2))),
            (Timestamp::MIN, Some(Timestamp::MAX)),
            (sample::at(999), Some(Timestamp::MIN)),
        ];
        let mut sessions: Vec<Self> = ends.into_iter().map(of).collect();
        for (session, device, address) in [
            (0, Some("x".repeat(Device::MAX)), Some("2001:db8:1:2::1")),
            (1, Some("Mozilla/5.0 (X11; Linux) \"%_'\\".to_owned()), Some("192.0.2.1")),
            (2, None, Some("::1")),
        ] {
            let network = address.map(str::parse).transpose()?.map(Network::of);
            let origin = SessionOrigin { device: device.map(Device::stored), network };
            let auth_epoch = AuthEpoch::new(i64::MAX >> session).unwrap_or(AuthEpoch::FIRST);
            sessions[session] = Self { origin, auth_epoch, ..sessions[session].clone() };
        }
        let used = UsedRefresh { hash: RefreshHash([0; 32]), at: Timestamp::MAX };
        sessions[0].refresh = Some(RefreshChain { current: RefreshHash([255; 32]), used: Some(used) });
        sessions[1].refresh = Some(RefreshChain { current: RefreshHash([0; 32]), used: None });
        let at_the_start = UsedRefresh { at: Timestamp::MIN, ..used };
        sessions[2].refresh = Some(RefreshChain { current: RefreshHash([127; 32]), used: Some(at_the_start) });
        sessions[2].cookie = Some(SessionCookie { hash: CookieHash([255; 32]), used_at: Timestamp::MIN });
        sessions[3].cookie = Some(SessionCookie { hash: CookieHash([0; 32]), used_at: Timestamp::MAX });
        Ok(sessions)
    }

    fn id(&self) -> SessionId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: SessionId) -> Result<Option<Self>, StoreError> {
        tx.sessions().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.sessions().insert(self).await
    }
}

async fn a_session_ends_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let (session, other) = (sample::session(user.id), sample::session(user.id));
    commit!(given.store, tx => {
        tx.sessions().insert(&session).await?;
        tx.sessions().insert(&other).await?;
    })?;
    let first = commit!(given.store, tx => tx.sessions().revoke(session.id, sample::at(10)).await?)?;
    let second = commit!(given.store, tx => tx.sessions().revoke(session.id, sample::at(20)).await?)?;
    equal((first, second), (true, false))?;
    let found = look!(given.store, tx => {
        (tx.sessions().find(session.id).await?, tx.sessions().find(other.id).await?)
    })?;
    equal(found, (Some(Session { revoked_at: Some(sample::at(10)), ..session }), Some(other)))
}

async fn a_session_that_is_not_there_does_not_end(given: &Given) -> Checked {
    let id = sample::session(sample::user_id()).id;
    let ended = commit!(given.store, tx => tx.sessions().revoke(id, sample::at(0)).await?)?;
    equal(ended, false)
}

async fn racing_units_end_a_session_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let session = sample::session(user.id);
    commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let race = |number: i64| {
        let (store, start, id) = (given.store.clone(), start.clone(), session.id);
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, tx => tx.sessions().revoke(id, sample::at(number)).await?)
        })
    };
    let tasks: Vec<_> = (0..8).map(race).collect();
    let mut ended = 0;
    for task in tasks {
        ended += usize::from(task.await??);
    }
    equal(ended, 1)
}

/// Stores a user with one session for each pair of expiry and revocation.
async fn start(store: &dyn Sessions, ends: &[(Timestamp, Option<Timestamp>)]) -> Checked<Vec<Session>> {
    let user = sample::user()?;
    sample::sign_up(store, &user).await?;
    let of = |(expires_at, revoked_at): &(Timestamp, Option<Timestamp>)| Session {
        expires_at: *expires_at,
        revoked_at: *revoked_at,
        ..sample::session(user.id)
    };
    let sessions: Vec<_> = ends.iter().map(of).collect();
    commit!(store, tx => {
        for session in &sessions {
            tx.sessions().insert(session).await?;
        }
    })?;
    Ok(sessions)
}

/// Stores a user with one session for each time at which one started.
async fn log_in(store: &dyn Sessions, starts: &[i64]) -> Checked<Vec<Session>> {
    let user = sample::user()?;
    sample::sign_up(store, &user).await?;
    let of = |start: &i64| Session { created_at: sample::at(*start), ..sample::session(user.id) };
    let sessions: Vec<_> = starts.iter().map(of).collect();
    commit!(store, tx => {
        for session in &sessions {
            tx.sessions().insert(session).await?;
        }
    })?;
    Ok(sessions)
}

async fn the_newest_sessions_of_a_user_stay(given: &Given) -> Checked {
    let store = &*given.store;
    let (sessions, others) = (log_in(store, &[40, 10, 50, 20, 30]).await?, log_in(store, &[1, 2, 3]).await?);
    let user_id = sessions[0].user_id;
    let keep = async |keep: u32, limit: u32| -> Checked<u64> {
        Ok(commit!(given.store, tx => tx.sessions().keep_newest(user_id, keep, limit).await?)?)
    };
    equal(keep(5, 100).await?, 0)?;
    equal(keep(2, 0).await?, 0)?;
    equal((keep(2, 1).await?, left(store, &sessions).await?.len()), (1, 4))?;
    equal((keep(2, 100).await?, left(store, &sessions).await?), (2, vec![0, 2]))?;
    equal((keep(0, 100).await?, left(store, &sessions).await?), (2, vec![]))?;
    equal(left(store, &others).await?, vec![0, 1, 2])
}

async fn revoked_sessions_go_before_the_others(given: &Given) -> Checked {
    let store = &*given.store;
    let sessions = log_in(store, &[40, 10, 50, 20]).await?;
    let user_id = sessions[0].user_id;
    let deleted = commit!(store, tx => {
        tx.sessions().revoke(sessions[2].id, sample::at(70)).await?;
        tx.sessions().revoke(sessions[1].id, sample::at(60)).await?;
        tx.sessions().keep_newest(user_id, 2, 100).await?
    })?;
    equal((deleted, left(store, &sessions).await?), (2, vec![0, 3]))
}

async fn racing_units_each_keep_the_newest(given: &Given) -> Checked {
    let sessions = log_in(&*given.store, &[10, 20, 30, 40, 50]).await?;
    let start = Arc::new(tokio::sync::Barrier::new(4));
    let race = |_| {
        let (store, start, user_id) = (given.store.clone(), start.clone(), sessions[0].user_id);
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, tx => tx.sessions().keep_newest(user_id, 2, 100).await?)
        })
    };
    let tasks: Vec<_> = (0..4).map(race).collect();
    let mut deleted = 0;
    for task in tasks {
        deleted += task.await??;
    }
    equal((deleted, left(&*given.store, &sessions).await?), (3, vec![3, 4]))
}

async fn sweep(given: &Given, until: Timestamp, limit: u32) -> Checked<u64> {
    Ok(commit!(given.store, tx => tx.sessions().sweep(until, limit).await?)?)
}

/// The indexes of the sessions that are still stored. A session that was changed is an error.
async fn left(store: &dyn Sessions, sessions: &[Session]) -> Checked<Vec<usize>> {
    Ok(look!(store, tx => {
        let mut left = Vec::new();
        for (place, session) in sessions.iter().enumerate() {
            match tx.sessions().find(session.id).await? {
                Some(found) if found == *session => left.push(place),
                Some(found) => return Err(StoreError::corrupt("sessions", found.id, "was changed")),
                None => {}
            }
        }
        left
    })?)
}

async fn what_has_ended_is_swept_and_nothing_else(given: &Given) -> Checked {
    let (early, late) = (sample::at(100), sample::at(1_000_000));
    let sessions = start(
        &*given.store,
        &[
            (early, None),
            (early.plus_millis(1), None),
            (late, None),
            (late, Some(early)),
            (late, Some(early.plus_millis(1))),
            (early, Some(late)),
            (early, Some(early.plus_millis(-1))),
        ],
    )
    .await?;
    equal(sweep(given, early.plus_millis(-2), 100).await?, 0)?;
    equal(left(&*given.store, &sessions).await?.len(), sessions.len())?;
    equal(sweep(given, early, 100).await?, 4)?;
    equal(left(&*given.store, &sessions).await?, vec![1, 2, 4])?;
    equal(sweep(given, early, 100).await?, 0)?;
    equal(sweep(given, late, 100).await?, 3)
}

async fn a_sweep_forgets_no_more_than_its_limit(given: &Given) -> Checked {
    let ends: Vec<_> = (0..10).map(|n| (sample::at(n), (n % 2 == 0).then(|| sample::at(n)))).collect();
    start(&*given.store, &ends).await?;
    let mut swept = Vec::new();
    for limit in [3, 3, 0, 3, 3, 3] {
        swept.push(sweep(given, sample::at(1_000), limit).await?);
    }
    equal(swept, vec![3, 3, 0, 3, 1, 0])
}

async fn all_sessions_of_a_user_end_except_one(given: &Given) -> Checked {
    let (now, late) = (sample::at(100), sample::at(1_000_000));
    let ended = (late, Some(sample::at(50)));
    let sessions = start(&*given.store, &[(late, None), (late, None), (now, None), ended, (late, None)]).await?;
    let others = start(&*given.store, &[(late, None)]).await?;
    let user_id = sessions[0].user_id;
    let end = async |except: Option<SessionId>| -> Checked<u64> {
        Ok(commit!(given.store, tx => tx.sessions().revoke_all(user_id, except, now).await?)?)
    };
    equal(end(Some(sessions[1].id)).await?, 2)?;
    let found = async |session: &Session| -> Checked<Option<Timestamp>> {
        let found = look!(given.store, tx => tx.sessions().find(session.id).await?)?;
        Ok(found.and_then(|session| session.revoked_at))
    };
    let mut revoked = Vec::new();
    for session in sessions.iter().chain(&others) {
        revoked.push(found(session).await?);
    }
    equal(revoked, vec![Some(now), None, None, Some(sample::at(50)), Some(now), None])?;
    equal(end(Some(others[0].id)).await?, 1)?;
    equal(end(None).await?, 0)?;
    equal(found(&sessions[1]).await?, Some(now))?;
    equal(found(&others[0]).await?, None)
}

async fn racing_units_end_all_sessions_once(given: &Given) -> Checked {
    let sessions = start(&*given.store, &[(sample::at(1_000_000), None); 6]).await?;
    let start = Arc::new(tokio::sync::Barrier::new(4));
    let race = |number: i64| {
        let (store, start, user_id) = (given.store.clone(), start.clone(), sessions[0].user_id);
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, tx => tx.sessions().revoke_all(user_id, None, sample::at(number)).await?)
        })
    };
    let tasks: Vec<_> = (0..4).map(race).collect();
    let mut ended = 0;
    for task in tasks {
        ended += task.await??;
    }
    equal(ended, 6)
}

/// Stores two sessions of one user, both with the refresh token 1.
async fn refreshable(store: &dyn Sessions) -> Checked<[Session; 2]> {
    let user = sample::user()?;
    sample::sign_up(store, &user).await?;
    let refresh = Some(RefreshChain { current: RefreshHash([1; 32]), used: None });
    let origin = SessionOrigin { device: Some(Device::stored("app/1".to_owned())), network: None };
    let sessions = [(); 2].map(|()| Session { refresh, origin: origin.clone(), ..sample::session(user.id) });
    commit!(store, tx => {
        for session in &sessions {
            tx.sessions().insert(session).await?;
        }
    })?;
    Ok(sessions)
}

/// The replacement of one refresh token by another, from another place.
fn rotation(from: u8, to: u8) -> Checked<Rotation> {
    let network = Some(Network::of("192.0.2.7".parse()?));
    let origin = SessionOrigin { device: Some(Device::stored("app/2".to_owned())), network };
    let (presented, successor) = (RefreshHash([from; 32]), RefreshHash([to; 32]));
    Ok(Rotation { presented, successor, at: sample::at(50), expires_at: sample::at(9_999_999), origin })
}

async fn rotate(store: &dyn Sessions, id: SessionId, rotation: &Rotation) -> Checked<bool> {
    Ok(commit!(store, tx => tx.sessions().rotate(id, rotation).await?)?)
}

async fn found(store: &dyn Sessions, id: SessionId) -> Checked<Option<Session>> {
    Ok(look!(store, tx => tx.sessions().find(id).await?)?)
}

async fn a_refresh_token_is_replaced_once(given: &Given) -> Checked {
    let store = &*given.store;
    let [session, other] = refreshable(store).await?;
    let (first, second) = (rotation(1, 2)?, rotation(2, 3)?);
    equal(rotate(store, session.id, &second).await?, false)?;
    equal(found(store, session.id).await?.as_ref(), Some(&session))?;
    equal(rotate(store, session.id, &first).await?, true)?;
    let rotated = session.clone().rotated(&first);
    equal(found(store, session.id).await?.as_ref(), Some(&rotated))?;
    equal(rotate(store, session.id, &first).await?, false)?;
    equal(found(store, session.id).await?.as_ref(), Some(&rotated))?;
    equal(rotate(store, session.id, &second).await?, true)?;
    equal(found(store, session.id).await?, Some(rotated.rotated(&second)))?;
    equal(found(store, other.id).await?, Some(other))?;
    equal(rotate(store, sample::session(session.user_id).id, &first).await?, false)
}

async fn a_rotation_may_know_nothing_about_its_origin(given: &Given) -> Checked {
    let store = &*given.store;
    let [session, _] = refreshable(store).await?;
    let unknown = Rotation { origin: SessionOrigin::default(), ..rotation(1, 2)? };
    equal(rotate(store, session.id, &unknown).await?, true)?;
    equal(found(store, session.id).await?, Some(session.rotated(&unknown)))
}

async fn a_session_that_was_revoked_keeps_its_refresh_token(given: &Given) -> Checked {
    let store = &*given.store;
    let [session, _] = refreshable(store).await?;
    commit!(store, tx => tx.sessions().revoke(session.id, sample::at(40)).await?)?;
    equal(rotate(store, session.id, &rotation(1, 2)?).await?, false)?;
    equal(found(store, session.id).await?, Some(Session { revoked_at: Some(sample::at(40)), ..session }))
}

async fn racing_units_replace_a_refresh_token_once(given: &Given) -> Checked {
    let [session, _] = refreshable(&*given.store).await?;
    let start = Arc::new(tokio::sync::Barrier::new(50));
    let rotation = rotation(1, 2)?;
    let race = |_| {
        let (store, start, id, rotation) = (given.store.clone(), start.clone(), session.id, rotation.clone());
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, tx => tx.sessions().rotate(id, &rotation).await?)
        })
    };
    let tasks: Vec<_> = (0..50).map(race).collect();
    let mut rotated = 0;
    for task in tasks {
        rotated += usize::from(task.await??);
    }
    equal(rotated, 1)
}

/// Stores two sessions of one user with cookies, which were used at 1 and end at 1000.
async fn renewable(store: &dyn Sessions) -> Checked<[Session; 2]> {
    let user = sample::user()?;
    sample::sign_up(store, &user).await?;
    let cookie = Some(SessionCookie { hash: CookieHash([1; 32]), used_at: sample::at(1) });
    let sessions = [(); 2].map(|()| Session { cookie, expires_at: sample::at(1_000), ..sample::session(user.id) });
    commit!(store, tx => {
        for session in &sessions {
            tx.sessions().insert(session).await?;
        }
    })?;
    Ok(sessions)
}

fn renewal(used_at: i64) -> Renewal {
    Renewal { at: sample::at(used_at), expires_at: sample::at(used_at + 1_000) }
}

async fn renew(store: &dyn Sessions, id: SessionId, renewal: Renewal) -> Checked<bool> {
    Ok(commit!(store, tx => tx.sessions().renew(id, renewal).await?)?)
}

async fn a_renewal_moves_the_end_of_a_session_with_a_cookie(given: &Given) -> Checked {
    let store = &*given.store;
    let [session, other] = renewable(store).await?;
    equal(renew(store, session.id, renewal(500)).await?, true)?;
    let renewed = session.clone().renewed(renewal(500));
    equal((renewed.expires_at, renewed.last_used_at()), (sample::at(1_500), sample::at(500)))?;
    equal(found(store, session.id).await?.as_ref(), Some(&renewed))?;
    for earlier in [500, 499] {
        equal(renew(store, session.id, renewal(earlier)).await?, false)?;
        equal(found(store, session.id).await?.as_ref(), Some(&renewed))?;
    }
    equal(found(store, other.id).await?, Some(other))
}

async fn a_session_that_has_ended_or_has_no_cookie_is_not_renewed(given: &Given) -> Checked {
    let store = &*given.store;
    let [session, other] = renewable(store).await?;
    equal(renew(store, session.id, renewal(1_000)).await?, false)?;
    equal(found(store, session.id).await?.as_ref(), Some(&session))?;
    commit!(store, tx => tx.sessions().revoke(other.id, sample::at(40)).await?)?;
    equal(renew(store, other.id, renewal(500)).await?, false)?;
    equal(found(store, other.id).await?, Some(Session { revoked_at: Some(sample::at(40)), ..other }))?;
    let [with_tokens, _] = refreshable(store).await?;
    equal(renew(store, with_tokens.id, renewal(500)).await?, false)?;
    equal(found(store, with_tokens.id).await?, Some(with_tokens))?;
    equal(renew(store, sample::session(session.user_id).id, renewal(500)).await?, false)
}

async fn racing_renewals_keep_the_last_use(given: &Given) -> Checked {
    let [session, _] = renewable(&*given.store).await?;
    let start = Arc::new(tokio::sync::Barrier::new(20));
    let race = |number: i64| {
        let (store, start, id) = (given.store.clone(), start.clone(), session.id);
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, tx => tx.sessions().renew(id, renewal(100 + number)).await?)
        })
    };
    let tasks: Vec<_> = (0..20).map(race).collect();
    for task in tasks {
        task.await??;
    }
    equal(found(&*given.store, session.id).await?, Some(session.renewed(renewal(119))))
}

clauses! { whole of "sessions" on dyn IdentityStore:
    the_sweeper_forgets_every_session_that_ended_long_ago,
}

async fn the_sweeper_forgets_every_session_that_ended_long_ago(given: &clause::Given<dyn IdentityStore>) -> Checked {
    let sessions: &dyn Sessions = &Whole(given.store.clone());
    let runtime = crate::world::runtime();
    let day = 24 * 60 * 60 * 1000;
    let now = runtime.clock.now();
    let ended: Vec<_> = (0..600).map(|n| (now.plus_millis(-8 * day - n), None)).collect();
    start(sessions, &ended).await?;
    let kept = start(sessions, &[(now.plus_millis(day), None), (now.plus_millis(-day), None)]).await?;
    let sweeper = SweepExpired::new(vec![Arc::new(SweepSessions::new(given.store.clone()))], runtime);
    equal(sweeper.execute().await?, Swept::from([("sessions", 600)]))?;
    equal(sweeper.execute().await?, Swept::default())?;
    equal(left(sessions, &kept).await?, vec![0, 1])
}
