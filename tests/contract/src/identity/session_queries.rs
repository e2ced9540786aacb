//! `SessionQueries`.

use super::Sessions;
use crate::{
    check::{Checked, equal},
    clause::{self, clauses},
    sample,
    units::commit,
};
use skep_application::identity::SessionView;
use skep_domain::{access::Role, identity::Session};

clauses! { clauses of "session_queries" on dyn Sessions:
    a_session_is_shown_with_the_roles_of_its_user,
    an_unknown_id_is_not_found,
    a_revocation_shows_at_once_on_every_instance,
    a_change_of_roles_shows_at_once,
}

type Given = clause::Given<dyn Sessions>;

async fn a_session_is_shown_with_the_roles_of_its_user(given: &Given) -> Checked {
    for user in [sample::user()?, sample::admin()?] {
        let session = sample::session(user.id);
        sample::sign_up(&*given.store, &user).await?;
        commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
        let expected = SessionView { session: session.clone(), roles: user.roles };
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
            equal(store.queries().find_session(ended.id).await?.map(|view| view.session), Some(ended.clone()))?;
        }
    }
    Ok(())
}

async fn a_change_of_roles_shows_at_once(given: &Given) -> Checked {
    let mut user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let session = sample::session(user.id);
    commit!(given.store, tx => tx.sessions().insert(&session).await?)?;
    for roles in [vec![Role::Admin, Role::User], vec![Role::User]] {
        user.roles = roles;
        user.version = commit!(given.store, tx => tx.users().save(&user).await?)?;
        let found = given.store.queries().find_session(session.id).await?;
        equal(found.map(|found| found.roles), Some(user.roles.clone()))?;
    }
    Ok(())
}
