//! `UserRepository`.

use crate::{
    check::{Checked, duplicate, equal, holds, stale},
    clause::{Given, clauses},
    sample,
    units::{self, commit, look},
};
use skep_application::kernel::StoreError;
use skep_domain::{
    access::Role,
    identity::User,
    shared::{Email, Text, Timestamp, Version},
};
use std::sync::Arc;

clauses! { "users":
    values_survive,
    what_is_not_there_is_none,
    an_id_is_taken_once,
    an_address_is_taken_once,
    an_address_is_taken_once_by_racing_units,
    addresses_are_compared_byte_by_byte,
    a_save_stores_every_field_and_answers_the_next_version,
    a_stale_save_is_rejected,
    a_save_of_nobody_is_rejected,
    a_save_cannot_take_a_taken_address,
    roles_can_be_looked_for,
}

async fn values_survive(given: &Given) -> Checked {
    let local = "b".repeat(64);
    let domain = format!("{}.{}.example.com", "c".repeat(63), "d".repeat(63));
    let longest = format!("{local}@{domain}");
    for (address, name, roles, time) in [
        (longest.as_str(), "N".repeat(100), vec![Role::User], sample::at(7)),
        ("bée@bücher.example", "🐝 Bée 'x' \"y\" \\ %_$1".to_owned(), vec![Role::Admin, Role::User], Timestamp::MAX),
        ("παράδειγμα@δοκιμή.example", "\u{10FFFD}".repeat(100), vec![Role::User], Timestamp::MIN),
        ("plain@example.com", "Bea".to_owned(), vec![Role::User], Timestamp::from_millis(-1)?),
    ] {
        let user = User {
            email: Email::parse(address)?,
            display_name: Text::line(&name, 100)?,
            roles,
            created_at: time,
            updated_at: Timestamp::MAX,
            ..sample::user()?
        };
        sample::sign_up(&*given.store, &user).await?;
        let (by_id, by_email) = look!(given.store, identity, tx => {
            (tx.users().find(user.id).await?, tx.users().find_by_email(&user.email).await?)
        })?;
        equal(by_id, Some(user.clone()))?;
        equal(by_email, Some(user))?;
    }
    Ok(())
}

async fn what_is_not_there_is_none(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &sample::user()?).await?;
    let (by_id, by_email) = look!(given.store, identity, tx => {
        (tx.users().find(user.id).await?, tx.users().find_by_email(&user.email).await?)
    })?;
    equal((by_id, by_email), (None, None))
}

async fn an_id_is_taken_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let again = User { id: user.id, ..sample::user()? };
    let mut tx = units::identity(&*given.store).await?;
    duplicate(tx.users().insert(&again).await, skep_application::identity::constraints::USER_ID)
}

async fn an_address_is_taken_once(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    let again = User { email: user.email.clone(), ..sample::user()? };
    let mut tx = units::identity(&*given.store).await?;
    duplicate(tx.users().insert(&again).await, skep_application::identity::constraints::USER_EMAIL)?;
    drop(tx);
    let found = look!(given.store, identity, tx => tx.users().find(again.id).await?)?;
    equal(found, None)
}

async fn an_address_is_taken_once_by_racing_units(given: &Given) -> Checked {
    let email = sample::user()?.email;
    let start = Arc::new(tokio::sync::Barrier::new(12));
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let user = User { email: email.clone(), ..sample::user()? };
        let (store, start) = (given.store.clone(), start.clone());
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            commit!(store, identity, tx => tx.users().insert(&user).await?)
        }));
    }
    let mut winners = 0;
    for task in tasks {
        match task.await? {
            Ok(()) => winners += 1,
            error => duplicate(error, skep_application::identity::constraints::USER_EMAIL)?,
        }
    }
    equal(winners, 1)
}

/// Folding is the domain's business; a store must not fold once more.
async fn addresses_are_compared_byte_by_byte(given: &Given) -> Checked {
    for address in ["strasse@example.com", "STRASSE@example.com", "straße@example.com", "strasse @example.com"] {
        let user = User { email: Email::stored(address.to_owned()), ..sample::user()? };
        sample::sign_up(&*given.store, &user).await?;
        let found = look!(given.store, identity, tx => tx.users().find_by_email(&user.email).await?)?;
        equal(found.map(|found| found.id), Some(user.id))?;
    }
    Ok(())
}

async fn a_save_stores_every_field_and_answers_the_next_version(given: &Given) -> Checked {
    let mut user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    for round in 1..=3_i64 {
        user.email = Email::parse(&format!("round-{round}@example.com"))?;
        user.display_name = Text::line(&format!("Round {round}"), 100)?;
        user.roles = if round % 2 == 1 { vec![Role::Admin, Role::User] } else { vec![Role::User] };
        user.password_hash = format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$cm91bmQ{round}");
        user.updated_at = sample::at(100 * round);
        let version = commit!(given.store, identity, tx => tx.users().save(&user).await?)?;
        equal(version, Version::new(round + 1).unwrap_or(Version::FIRST))?;
        user.version = version;
        let found = look!(given.store, identity, tx => tx.users().find(user.id).await?)?;
        equal(found, Some(user.clone()))?;
    }
    Ok(())
}

async fn a_stale_save_is_rejected(given: &Given) -> Checked {
    let user = sample::user()?;
    sample::sign_up(&*given.store, &user).await?;
    commit!(given.store, identity, tx => tx.users().save(&user).await?)?;
    let late = User { display_name: Text::line("Late", 100)?, ..user.clone() };
    let mut tx = units::identity(&*given.store).await?;
    stale(tx.users().save(&late).await)?;
    drop(tx);
    let found = look!(given.store, identity, tx => tx.users().find(user.id).await?)?;
    equal(found, Some(User { version: user.version.next(), ..user }))
}

async fn a_save_of_nobody_is_rejected(given: &Given) -> Checked {
    let user = sample::user()?;
    let mut tx = units::identity(&*given.store).await?;
    stale(tx.users().save(&user).await)?;
    drop(tx);
    let found = look!(given.store, identity, tx => tx.users().find(user.id).await?)?;
    equal(found, None)
}

async fn a_save_cannot_take_a_taken_address(given: &Given) -> Checked {
    let (one, other) = (sample::user()?, sample::user()?);
    sample::sign_up(&*given.store, &one).await?;
    sample::sign_up(&*given.store, &other).await?;
    let mut tx = units::identity(&*given.store).await?;
    let result = tx.users().save(&User { email: one.email.clone(), ..other.clone() }).await;
    duplicate(result, skep_application::identity::constraints::USER_EMAIL)?;
    drop(tx);
    let found = look!(given.store, identity, tx => tx.users().find(other.id).await?)?;
    equal(found, Some(other))
}

async fn roles_can_be_looked_for(given: &Given) -> Checked {
    let mut seen = Vec::new();
    for user in [None, Some(sample::user()?), Some(sample::admin()?)] {
        if let Some(user) = user {
            sample::sign_up(&*given.store, &user).await?;
        }
        let found: Result<_, StoreError> = look!(given.store, identity, tx => {
            (tx.users().any_with_role(Role::User).await?, tx.users().any_with_role(Role::Admin).await?)
        });
        seen.push(found?);
    }
    holds(seen == [(false, false), (true, false), (true, true)], format!("roles as they come: {seen:?}"))
}
