//! `UserRepository` and `UserQueries`.

use super::{Users, UsersUnit};
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    laws::{Entity, Owned, Shown, Unique, Versioned, put, put_sample, save, saves, shows},
    sample,
    units::look,
};
use async_trait::async_trait;
use skep_application::{
    identity::{
        Credentials, UserView,
        constraints::{USER_EMAIL, USER_ID},
    },
    kernel::{Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::{KnownNetworks, User},
    shared::{Email, Text, Timestamp, UserId, Version},
};
use std::slice::from_ref;

clauses! { clauses of "users" on dyn Users, with [
        saves::clauses::<User>("users"),
        shows::clauses::<User>("user_queries"),
        shows::scoped::<User>("user_queries"),
    ]:
    a_user_is_found_by_its_address,
    addresses_are_compared_byte_by_byte,
    roles_can_be_looked_for,
    credentials_are_those_of_the_address,
    a_change_of_credentials_shows_at_once,
}

type Given = clause::Given<dyn Users>;

#[async_trait]
impl Entity for User {
    type Id = UserId;
    type Store = dyn Users;
    type Tx = dyn UsersUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: USER_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: USER_EMAIL, collide: |one, other| other.email.clone_from(&one.email), on_save: true },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        sample::user()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let domain = format!("{}.{}.example.com", "c".repeat(63), "d".repeat(63));
        let longest = format!("{}@{domain}", "b".repeat(64));
        let both = vec![Role::Admin, Role::User];
        let mut users = Vec::new();
        for (address, name, roles, time) in [
            (longest.as_str(), "N".repeat(100), vec![Role::User], sample::at(7)),
            ("bée@bücher.example", "🐝 Bée 'x' \"y\" \\ %_$1".to_owned(), both, Timestamp::MAX),
            ("παράδειγμα@δοκιμή.example", "\u{10FFFD}".repeat(100), vec![Role::User], Timestamp::MIN),
            ("plain@example.com", "Bea".to_owned(), vec![Role::User], Timestamp::from_millis(-1)?),
        ] {
            users.push(Self {
                email: Email::parse(address)?,
                display_name: Text::line(&name, 100)?,
                roles,
                created_at: time,
                updated_at: Timestamp::MAX,
                ..sample::user()?
            });
        }
        Ok(users)
    }

    fn id(&self) -> UserId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: UserId) -> Result<Option<Self>, StoreError> {
        tx.users().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.users().insert(self).await
    }
}

#[async_trait]
impl Versioned for User {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        self.email = Email::parse(&format!("round-{round}-{}@example.com", self.id.uuid().simple()))?;
        self.display_name = Text::line(&format!("Round {round}"), 100)?;
        self.roles = if round % 2 == 1 { vec![Role::Admin, Role::User] } else { vec![Role::User] };
        self.password_hash = format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$cm91bmQ{round}");
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.users().save(self).await
    }
}

#[async_trait]
impl Shown for User {
    type Row = UserView;

    fn row(&self) -> UserView {
        UserView::from(self)
    }

    async fn show(store: &Self::Store, scope: Scope, id: UserId) -> Result<Option<UserView>, StoreError> {
        store.queries().find_user(scope, id).await
    }
}

impl Owned for User {
    fn owner(&self) -> UserId {
        self.id
    }
}

async fn a_user_is_found_by_its_address(given: &Given) -> Checked {
    for user in User::extremes(&*given.store).await? {
        let before = look!(given.store, tx => tx.users().find_by_email(&user.email).await?)?;
        put(&*given.store, from_ref(&user)).await?;
        let after = look!(given.store, tx => tx.users().find_by_email(&user.email).await?)?;
        equal((before, after), (None, Some(user)))?;
    }
    Ok(())
}

/// The domain folds addresses; a store must not fold them again.
async fn addresses_are_compared_byte_by_byte(given: &Given) -> Checked {
    for address in ["strasse@example.com", "STRASSE@example.com", "straße@example.com", "strasse @example.com"] {
        let user = User { email: Email::stored(address.to_owned()), ..sample::user()? };
        put(&*given.store, from_ref(&user)).await?;
        let found = look!(given.store, tx => tx.users().find_by_email(&user.email).await?)?;
        equal(found.map(|found| found.id), Some(user.id))?;
    }
    Ok(())
}

async fn roles_can_be_looked_for(given: &Given) -> Checked {
    let mut seen = Vec::new();
    for user in [None, Some(sample::user()?), Some(sample::admin()?)] {
        if let Some(user) = user {
            put(&*given.store, from_ref(&user)).await?;
        }
        let found: Result<_, StoreError> = look!(given.store, tx => {
            (tx.users().any_with_role(Role::User).await?, tx.users().any_with_role(Role::Admin).await?)
        });
        seen.push(found?);
    }
    holds(seen == [(false, false), (true, false), (true, true)], format!("roles of stored users: {seen:?}"))
}

async fn credentials_are_those_of_the_address(given: &Given) -> Checked {
    let (one, other) = (sample::user()?, User { password_hash: "$argon2id$other".into(), ..sample::user()? });
    put(&*given.store, &[one.clone(), other.clone()]).await?;
    for user in [one, other] {
        let known_networks = KnownNetworks::none(user.id);
        let expected = Credentials { user_id: user.id, password_hash: user.password_hash, known_networks };
        equal(given.store.queries().find_credentials(&user.email).await?, Some(expected))?;
    }
    equal(given.store.queries().find_credentials(&sample::user()?.email).await?, None)
}

async fn a_change_of_credentials_shows_at_once(given: &Given) -> Checked {
    let mut user: User = put_sample(&*given.store).await?;
    let second = given.second().await?;
    for round in 0..20 {
        user.password_hash = format!("$argon2id$round-{round}");
        user.version = save(&*given.store, &user).await?;
        for store in [&given.store, &second] {
            let found = store.queries().find_credentials(&user.email).await?;
            equal(found.map(|found| found.password_hash), Some(user.password_hash.clone()))?;
        }
    }
    Ok(())
}
