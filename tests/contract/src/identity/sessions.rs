//! `SessionRepository`.

use crate::{
    check::{Checked, duplicate, equal},
    clause::{Given, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::Constraint;
use skep_domain::{identity::Session, shared::Timestamp};
use std::sync::Arc;

clauses! { "sessions":
    values_survive,
    an_id_is_taken_once,
    a_session_ends_once,
    a_session_that_is_not_there_does_not_end,
    racing_units_end_a_session_once,
}

async fn values_survive(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    for (expires_at, revoked_at) in [
        (Timestamp::MAX, None),
        (sample::at(1), Some(sample::at(2))),
        (Timestamp::MIN, Some(Timestamp::MAX)),
        (sample::at(999), Some(Timestamp::MIN)),
    ] {
        let session = Session { expires_at, revoked_at, ..sample::session(user.id) };
        let before = look!(given.store, identity, tx => tx.sessions().find(session.id).await?)?;
        equal(before, None)?;
        commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
        let found = look!(given.store, identity, tx => tx.sessions().find(session.id).await?)?;
        equal(found, Some(session))?;
    }
    Ok(())
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let session = sample::session(user.id);
    commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
    let mut tx = units::identity(&*given.store).await?;
    duplicate(tx.sessions().insert(&session).await, Constraint::SessionId)
}

async fn a_session_ends_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let (session, other) = (sample::session(user.id), sample::session(user.id));
    commit!(given.store, identity, tx => {
        tx.sessions().insert(&session).await?;
        tx.sessions().insert(&other).await?;
    })?;
    let first = commit!(given.store, identity, tx => tx.sessions().revoke(session.id, sample::at(10)).await?)?;
    let second = commit!(given.store, identity, tx => tx.sessions().revoke(session.id, sample::at(20)).await?)?;
    equal((first, second), (true, false))?;
    let found = look!(given.store, identity, tx => {
        (tx.sessions().find(session.id).await?, tx.sessions().find(other.id).await?)
    })?;
    equal(found, (Some(Session { revoked_at: Some(sample::at(10)), ..session }), Some(other)))
}

async fn a_session_that_is_not_there_does_not_end(given: &Given) -> Checked {
    let id = sample::session(sample::user_id()).id;
    let ended = commit!(given.store, identity, tx => tx.sessions().revoke(id, sample::at(0)).await?)?;
    equal(ended, false)
}

async fn racing_units_end_a_session_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let session = sample::session(user.id);
    commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let race = |number: i64| {
        let (store, start, id) = (given.store.clone(), start.clone(), session.id);
        tokio::spawn(async move {
            start.wait().await;
            commit!(store, identity, tx => tx.sessions().revoke(id, sample::at(number)).await?)
        })
    };
    let tasks: Vec<_> = (0..8).map(race).collect();
    let mut ended = 0;
    for task in tasks {
        ended += usize::from(task.await??);
    }
    equal(ended, 1)
}
