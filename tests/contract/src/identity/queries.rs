//! `UserQueries` and `SessionQueries`.

pub(crate) use sessions::clauses as sessions;
pub(crate) use users::clauses as users;

mod users {
    use crate::{
        check::{Checked, equal},
        clause::{Given, clauses},
        sample,
        units::commit,
    };
    use skep_application::{
        identity::{Credentials, UserView},
        kernel::Scope,
    };
    use skep_domain::identity::User;

    clauses! { "user_queries":
        a_user_is_shown_as_stored,
        a_scope_hides_others,
        credentials_are_those_of_the_address,
        a_change_shows_at_once,
    }

    async fn a_user_is_shown_as_stored(given: &Given) -> Checked {
        for user in [sample::user()?, sample::admin()?] {
            equal(given.store.find_user(Scope::All, user.id).await?, None)?;
            sample::sign_up(&*given.store, &user).await?;
            equal(given.store.find_user(Scope::All, user.id).await?, Some(UserView::from(&user)))?;
        }
        Ok(())
    }

    async fn a_scope_hides_others(given: &Given) -> Checked {
        let (one, other) = (sample::user()?, sample::user()?);
        sample::sign_up(&*given.store, &one).await?;
        sample::sign_up(&*given.store, &other).await?;
        let store = &given.store;
        equal(store.find_user(Scope::OwnedBy(one.id), one.id).await?, Some(UserView::from(&one)))?;
        equal(store.find_user(Scope::OwnedBy(one.id), other.id).await?, None)?;
        equal(store.find_user(Scope::None, one.id).await?, None)
    }

    async fn credentials_are_those_of_the_address(given: &Given) -> Checked {
        let (one, other) = (sample::user()?, User { password_hash: "$argon2id$other".into(), ..sample::user()? });
        sample::sign_up(&*given.store, &one).await?;
        sample::sign_up(&*given.store, &other).await?;
        for user in [one, other] {
            let expected = Credentials { user_id: user.id, password_hash: user.password_hash };
            equal(given.store.find_credentials(&user.email).await?, Some(expected))?;
        }
        equal(given.store.find_credentials(&sample::user()?.email).await?, None)
    }

    async fn a_change_shows_at_once(given: &Given) -> Checked {
        let mut user = sample::user()?;
        sample::sign_up(&*given.store, &user).await?;
        let second = given.second().await?;
        for round in 0..20 {
            user.password_hash = format!("$argon2id$round-{round}");
            user.updated_at = sample::at(round);
            user.version = commit!(given.store, identity, tx => tx.users().save(&user).await?)?;
            for store in [&given.store, &second] {
                equal(store.find_user(Scope::All, user.id).await?, Some(UserView::from(&user)))?;
                let found = store.find_credentials(&user.email).await?;
                equal(found.map(|found| found.password_hash), Some(user.password_hash.clone()))?;
            }
        }
        Ok(())
    }
}

mod sessions {
    use crate::{
        check::{Checked, equal},
        clause::{Given, clauses},
        sample,
        units::commit,
    };
    use skep_application::identity::SessionView;
    use skep_domain::{access::Role, identity::Session};

    clauses! { "session_queries":
        a_session_is_shown_with_the_roles_of_its_user,
        what_is_not_there_is_none,
        a_revocation_shows_at_once_on_every_instance,
        a_change_of_roles_shows_at_once,
    }

    async fn a_session_is_shown_with_the_roles_of_its_user(given: &Given) -> Checked {
        for user in [sample::user()?, sample::admin()?] {
            let session = sample::session(user.id);
            sample::sign_up(&*given.store, &user).await?;
            commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
            let expected = SessionView { session: session.clone(), roles: user.roles };
            equal(given.store.find_session(session.id).await?, Some(expected))?;
        }
        Ok(())
    }

    async fn what_is_not_there_is_none(given: &Given) -> Checked {
        equal(given.store.find_session(sample::session(sample::user_id()).id).await?, None)
    }

    async fn a_revocation_shows_at_once_on_every_instance(given: &Given) -> Checked {
        let user = sample::user()?;
        sample::sign_up(&*given.store, &user).await?;
        let second = given.second().await?;
        for round in 0..20 {
            let session = sample::session(user.id);
            commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
            commit!(given.store, identity, tx => tx.sessions().revoke(session.id, sample::at(round)).await?)?;
            let ended = Session { revoked_at: Some(sample::at(round)), ..session };
            for store in [&given.store, &second] {
                equal(store.find_session(ended.id).await?.map(|view| view.session), Some(ended.clone()))?;
            }
        }
        Ok(())
    }

    async fn a_change_of_roles_shows_at_once(given: &Given) -> Checked {
        let mut user = sample::user()?;
        sample::sign_up(&*given.store, &user).await?;
        let session = sample::session(user.id);
        commit!(given.store, identity, tx => tx.sessions().insert(&session).await?)?;
        for roles in [vec![Role::Admin, Role::User], vec![Role::User]] {
            user.roles = roles;
            user.version = commit!(given.store, identity, tx => tx.users().save(&user).await?)?;
            let found = given.store.find_session(session.id).await?;
            equal(found.map(|found| found.roles), Some(user.roles.clone()))?;
        }
        Ok(())
    }
}
