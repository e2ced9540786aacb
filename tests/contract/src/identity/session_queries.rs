//! `SessionQueries`.

use super::Sessions;
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    sample,
    units::commit,
};
use skep_application::identity::SessionView;
use skep_domain::{
    access::{PolicyVersion, Role},
    identity::{CookieHash, Session, SessionCookie},
};

clauses! { clauses of "session_queries" on dyn Sessions:
    a_session_is_shown_with_the_roles_of_its_user,
    an_unknown_id_is_not_found,
    a_revocation_shows_at_once_on_every_instance,
    a_change_of_roles_shows_at_once,
    a_new_epoch_shows_at_once_on_every_instance,
    the_sessions_that_hold_are_listed_the_newest_first ["SessionQueries 1"],
    sessions_of_an_earlier_epoch_are_not_listed ["SessionQueries 1"],
}

type Given = clause::Given<dyn Sessions>;

async fn a_session_is_shown_with_the_roles_of_its_user(given: &Given) -> Checked {
    for user in [sample::user()?, sample::admin()?] {
        let cookie = SessionCookie { hash: CookieHash([7; 32]), used_at: sample::at(5) };
        let cookie = Some(cookie).filter(|_| user.roles.len() > 1);
        let session = Session { cookie, ..sample::session(user.id) };
        sample::sign_up(&*given.store, &user).await?;
        commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
        let (user_id, term) = (user.id, session.term());
        let policy = PolicyVersion::default();
        let expected = SessionView { user_id, term, cookie, auth_epoch: user.auth_epoch, roles: user.roles, policy };
        equal(given.store.queries().find_session(session.id).await?, Some(expected))?;
    }
    Ok(())
}

async fn an_unknown_id_is_not_found(given: &Given) -> Checked {
    equal(given.store.queries().find_session(sample::session(sample::user_id()).id).await?, None)
}

async fn a_revocation_shows_at_once_on_every_instance(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let second = given.second().await?;
    for round in 0..20 {
        let session = sample::session(user.id);
        commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
        commit!(given.store, tx => tx.sessions().revoke(session.id, sample::at(round)).await?)?;
        let ended = Session { revoked_at: Some(sample::at(round)), ..session };
        for store in [&given.store, &second] {
            equal(store.queries().find_session(ended.id).await?.map(|view| view.term), Some(ended.term()))?;
        }
    }
    Ok(())
}

async fn a_change_of_roles_shows_at_once(given: &Given) -> Checked {
    let mut user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let session = sample::session(user.id);
    commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
    // The last one is not defined. It is kept anyway.
    for roles in [vec![Role::ADMIN, Role::USER], vec![Role::USER], vec![Role::USER, Role::stored("no-role")]] {
        user.roles = roles;
        user.version = commit!(given.store, tx => tx.users().save(&user).await?)?;
        let found = given.store.queries().find_session(session.id).await?;
        equal(found.map(|found| found.roles), Some(user.roles.clone()))?;
    }
    Ok(())
}

async fn a_new_epoch_shows_at_once_on_every_instance(given: &Given) -> Checked {
    let mut user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let second = given.second().await?;
    let session = sample::session(user.id);
    commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
    for _ in 0..20 {
        user.auth_epoch = user.auth_epoch.next();
        user.version = commit!(given.store, tx => tx.users().save(&user).await?)?;
        for store in [&given.store, &second] {
            let found = store.queries().find_session(session.id).await?;
            equal(found.map(|found| found.auth_epoch), Some(user.auth_epoch))?;
        }
    }
    Ok(())
}

async fn the_sessions_that_hold_are_listed_the_newest_first(given: &Given) -> Checked {
    let (user, other) = (sample::user()?, sample::user()?);
    sample::sign_up(&*given.store, &user).await?;
    sample::sign_up(&*given.store, &other).await?;
    let now = sample::at(100);
    let of = |start: i64| Session {
        created_at: sample::at(start),
        expires_at: now.plus_millis(1),
        ..sample::session(user.id)
    };
    // Two start at the same time; the one with the greater id comes first.
    let mut twins = [of(20), of(20)];
    twins.sort_by_key(|session| std::cmp::Reverse(session.id));
    let [first, second] = twins;
    let holding = [of(40), first, second, of(10)];
    let expired = Session { expires_at: now, ..of(50) };
    let revoked = Session { revoked_at: Some(now), ..of(60) };
    commit!(given.store, tx => {
        for session in [&holding[3], &holding[1], &expired, &holding[0], &holding[2], &revoked] {
            tx.sessions().insert(session).await?;
        }
        tx.sessions().insert(&sample::session(other.id)).await?;
    })?;
    for limit in [0, 1, 3, 4, 100] {
        let found = given.store.queries().list_sessions(user.id, now, limit).await?;
        equal(found, holding.iter().take(limit as usize).cloned().collect::<Vec<_>>())?;
    }
    equal(given.store.queries().list_sessions(sample::user_id(), now, 9).await?, vec![])
}

async fn sessions_of_an_earlier_epoch_are_not_listed(given: &Given) -> Checked {
    let mut user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let list = async |id| given.store.queries().list_sessions(id, sample::at(1), 9).await;
    let old = sample::session(user.id);
    commit!(given.store, tx => tx.sessions().insert(&old).await?)?;
    equal(list(user.id).await?, vec![old])?;
    user.auth_epoch = user.auth_epoch.next();
    commit!(given.store, tx => tx.users().save(&user).await?)?;
    let new = Session { auth_epoch: user.auth_epoch, ..sample::session(user.id) };
    commit!(given.store, tx => tx.sessions().insert(&new).await?)?;
    equal(list(user.id).await?, vec![new])
}
