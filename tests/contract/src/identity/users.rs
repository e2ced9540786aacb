//! `UserRepository` and `UserQueries`.

use super::{Users, UsersUnit};
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    laws::{Entity, Owned, Shown, Unique, Versioned, put, put_sample, save, saves, shows},
    sample,
    units::{commit, look},
};
use async_trait::async_trait;
use skep_application::{
    identity::{
        Credentials, UserView,
        constraints::{USER_EMAIL, USER_EMAIL_KEY, USER_ID},
    },
    kernel::{Scope, StoreError},
};
use skep_domain::{
    access::{BuiltInRole, Role, RoleName},
    identity::{AuthEpoch, KnownNetworks, PasswordForm, User},
    shared::{Email, EmailLookup, Text, Timestamp, UserId, Version},
};
use std::{slice::from_ref, sync::Arc};

clauses! { clauses of "users" on dyn Users, with [
        saves::clauses::<User>("users"),
        shows::clauses::<User>("user_queries"),
        shows::scoped::<User>("user_queries"),
    ]:
    a_user_is_found_by_its_address,
    addresses_are_compared_byte_by_byte,
    each_key_finds_its_accounts_and_no_others ["UserRepository 1", "UserQueries 1"],
    of_two_accounts_the_one_with_the_old_key_is_found ["UserRepository 1", "UserQueries 1"],
    an_account_without_a_key_does_not_shadow_the_owner_of_the_spelling ["UserRepository 1", "UserQueries 1"],
    any_number_of_accounts_may_be_without_a_key,
    accounts_without_a_key_are_listed ["UserQueries 2"],
    accounts_to_erase_are_listed ["UserQueries 4"],
    roles_can_be_looked_for,
    credentials_are_those_of_the_address,
    a_change_of_credentials_shows_at_once,
    a_hash_is_renewed_only_in_place_of_the_old_one ["UserRepository 3"],
    of_fifty_that_renew_a_hash_at_once_one_does ["UserRepository 3"],
}

type Given = clause::Given<dyn Users>;

/// This address with the stored address of one and the key of another.
fn with(email: &Email, address: Option<&Email>, key: Option<&Email>) -> Email {
    let address = address.unwrap_or(email).address().to_owned();
    let key = key.unwrap_or(email).key().map(str::to_owned);
    Email::stored(address, key, email.typed().map(str::to_owned))
}

/// The address of an account that an earlier version has stored.
fn old(address: &str, key: Option<&str>) -> Email {
    Email::stored(address.to_owned(), key.map(str::to_owned), None)
}

fn lookup(user: &User) -> Checked<EmailLookup> {
    Ok(EmailLookup::parse(user.email.shown().as_str())?)
}

/// The accounts that the unit of work and the query find.
async fn found(given: &Given, lookup: &EmailLookup) -> Checked<[Option<UserId>; 2]> {
    let user = look!(given.store, tx => tx.users().find_by_email(lookup).await?)?;
    let credentials = given.store.queries().find_credentials(lookup).await?;
    Ok([user.map(|user| user.id), credentials.map(|credentials| credentials.user_id)])
}

#[async_trait]
impl Entity for User {
    type Id = UserId;
    type Store = dyn Users;
    type Tx = dyn UsersUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: USER_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique {
            rule: USER_EMAIL,
            collide: |one, other| other.email = with(&other.email, Some(&one.email), None),
            on_save: true,
        },
        Unique {
            rule: USER_EMAIL_KEY,
            collide: |one, other| other.email = with(&other.email, None, Some(&one.email)),
            on_save: true,
        },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        sample::user()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let domain = format!("{}.{}.example.com", "c".repeat(63), "d".repeat(63));
        let longest = format!("{}@{domain}", "b".repeat(64));
        // The last one is not defined. It is kept anyway.
        let longest_role = format!("z{}", "-".repeat(RoleName::MAX - 1));
        let both: Vec<_> =
            BuiltInRole::NAMES.iter().copied().chain([longest_role.as_str()]).map(Role::stored).collect();
        let mut users = Vec::new();
        for (address, name, roles, time) in [
            (longest.as_str(), "N".repeat(100), vec![Role::USER], sample::at(7)),
            ("bée@bücher.example", "🐝 Bée 'x' \"y\" \\ %_$1".to_owned(), both, Timestamp::MAX),
            ("Παράδειγμα@xn--jxalpdlp.example", "\u{10FFFD}".repeat(100), vec![Role::USER], Timestamp::MIN),
            ("Plain@Example.com", "Bea".to_owned(), vec![Role::USER], Timestamp::from_millis(-1)?),
        ] {
            users.push(Self {
                email: Email::parse(address)?,
                display_name: Text::stored(name),
                roles,
                email_verified_at: (time == Timestamp::MIN).then_some(Timestamp::MIN),
                disabled_at: (time == Timestamp::MAX).then_some(Timestamp::MAX),
                erase_at: (time == Timestamp::MAX).then_some(Timestamp::MAX),
                invited_at: (time == Timestamp::MIN).then_some(Timestamp::MAX),
                created_at: time,
                updated_at: Timestamp::MAX,
                ..sample::user()?
            });
        }
        // Earlier versions have stored neither a key nor what was typed, and names that show nothing.
        for (key, name) in [(Some("old@xn--bcher-kva.example"), "\u{3164}"), (None, "\u{301}")] {
            let email = old(&format!("old-{}@bücher.example", users.len()), key);
            let (display_name, password_form) = (Text::stored(name.to_owned()), PasswordForm::AsTyped);
            users.push(Self { email, display_name, password_form, ..sample::user()? });
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
        self.roles = if round % 2 == 1 { vec![Role::ADMIN, Role::USER] } else { vec![Role::USER] };
        self.password_hash = format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$cm91bmQ{round}");
        self.password_form = if round % 2 == 1 { PasswordForm::AsTyped } else { PasswordForm::Opaque };
        self.auth_epoch = self.auth_epoch.next();
        self.email_verified_at = (round % 2 == 0).then_some(sample::at(10 * round));
        self.disabled_at = (round % 2 == 1).then_some(sample::at(100 * round));
        self.erase_at = (round % 2 == 1).then_some(sample::at(500 * round));
        self.invited_at = (round % 2 == 0).then_some(sample::at(1_000 * round));
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
        let lookup = lookup(&user)?;
        let before = look!(given.store, tx => tx.users().find_by_email(&lookup).await?)?;
        put(&*given.store, from_ref(&user)).await?;
        let after = look!(given.store, tx => tx.users().find_by_email(&lookup).await?)?;
        equal((before, after), (None, Some(user)))?;
    }
    Ok(())
}

/// The domain folds addresses; a store must not fold them again.
async fn addresses_are_compared_byte_by_byte(given: &Given) -> Checked {
    for address in ["strasse@example.com", "STRASSE@example.com", "straße@example.com", "strasse @example.com"] {
        for email in [old(address, None), old(&format!("old {address}"), Some(address))] {
            let user = User { email, ..sample::user()? };
            put(&*given.store, from_ref(&user)).await?;
            let (key, legacy) = (user.email.key().unwrap_or("none"), user.email.legacy().unwrap_or("none"));
            let lookup = EmailLookup::of(key.to_owned(), legacy.to_owned());
            equal(found(given, &lookup).await?, [Some(user.id); 2])?;
        }
    }
    Ok(())
}

async fn each_key_finds_its_accounts_and_no_others(given: &Given) -> Checked {
    let mut users = Vec::new();
    for email in [
        Email::parse("x@strasse.example")?,
        old("y@strasse.example", Some("y@strasse.example")),
        old("z@müller.example", Some("z@xn--mller-kva.example")),
    ] {
        users.push(User { email, ..sample::user()? });
    }
    put(&*given.store, &users).await?;
    let [new, folded, old] = [0, 1, 2].map(|number| Some(users[number].id));
    for (typed, user) in [
        ("x@strasse.example", new),
        // An old key is compared with those of old accounts alone.
        ("x@straße.example", None),
        ("y@strasse.example", folded),
        ("y@straße.example", folded),
        ("z@müller.example", old),
        ("z@xn--mller-kva.example", old),
    ] {
        equal(found(given, &EmailLookup::parse(typed)?).await?, [user; 2])?;
    }
    Ok(())
}

async fn of_two_accounts_the_one_with_the_old_key_is_found(given: &Given) -> Checked {
    let key = "x@xn--mller-kva.example";
    let older = User { email: old("x@müller.example", Some(key)), ..sample::user()? };
    let younger = User { email: old(key, None), ..sample::user()? };
    put(&*given.store, &[older.clone(), younger.clone()]).await?;
    for (typed, user) in [("x@MÜLLER.example", &older), ("x@XN--mller-kva.example", &younger)] {
        equal(found(given, &EmailLookup::parse(typed)?).await?, [Some(user.id); 2])?;
    }
    Ok(())
}

/// An instance of an earlier version, beside this one, stores an account whose address this version has stored before.
async fn an_account_without_a_key_does_not_shadow_the_owner_of_the_spelling(given: &Given) -> Checked {
    for (typed, address) in [("x@Müller.example", "x@müller.example"), ("x@straße.example", "x@strasse.example")] {
        let owner = User { email: Email::parse(typed)?, ..sample::user()? };
        let later = User { email: old(address, None), ..sample::user()? };
        put(&*given.store, &[later, owner.clone()]).await?;
        equal(found(given, &EmailLookup::parse(typed)?).await?, [Some(owner.id); 2])?;
    }
    Ok(())
}

async fn any_number_of_accounts_may_be_without_a_key(given: &Given) -> Checked {
    for number in 0..3 {
        let user = User { email: old(&format!("{number}@example.com"), None), ..sample::user()? };
        put(&*given.store, from_ref(&user)).await?;
        equal(found(given, &lookup(&user)?).await?, [Some(user.id); 2])?;
    }
    Ok(())
}

async fn accounts_without_a_key_are_listed(given: &Given) -> Checked {
    let mut without = Vec::new();
    for number in 0..5 {
        let user = User { email: old(&format!("{number}@example.com"), None), ..sample::user()? };
        put(&*given.store, &[user.clone(), sample::user()?]).await?;
        without.push((user.id, user.email));
    }
    without.sort_by_key(|(id, _)| *id);
    for limit in [0, 1, 4, 5, 9] {
        let expected: Vec<_> = without.iter().take(limit as usize).cloned().collect();
        equal(given.store.queries().list_without_key(None, limit).await?, expected)?;
    }
    let after = Some(without[1].0);
    equal(given.store.queries().list_without_key(after, 2).await?, without[2..4].to_vec())?;
    equal(given.store.queries().list_without_key(Some(without[4].0), 2).await?, vec![])
}

async fn roles_can_be_looked_for(given: &Given) -> Checked {
    let mut seen = Vec::new();
    for user in [None, Some(sample::user()?), Some(sample::admin()?)] {
        if let Some(user) = user {
            put(&*given.store, from_ref(&user)).await?;
        }
        let found: Result<_, StoreError> = look!(given.store, tx => {
            (tx.users().any_with_role(Role::USER).await?, tx.users().any_with_role(Role::ADMIN).await?)
        });
        seen.push(found?);
    }
    holds(seen == [(false, false), (true, false), (true, true)], format!("roles of stored users: {seen:?}"))
}

async fn credentials_are_those_of_the_address(given: &Given) -> Checked {
    let (one, other) = (
        sample::user()?,
        User { password_hash: "$argon2id$other".into(), password_form: PasswordForm::AsTyped, ..sample::user()? },
    );
    let disabled = User { disabled_at: Some(sample::at(9)), auth_epoch: AuthEpoch::FIRST.next(), ..sample::user()? };
    let verified = User { email_verified_at: Some(sample::at(9)), ..sample::user()? };
    let invited = User { invited_at: Some(sample::at(9)), ..sample::user()? };
    let deleted = User { erase_at: Some(sample::at(9)), ..sample::user()? };
    let users = [one, other, disabled, invited, verified, deleted];
    put(&*given.store, &users).await?;
    for user in users {
        let known_networks = KnownNetworks::none(user.id);
        let lookup = lookup(&user)?;
        let (is_active, is_verified) = (user.is_active(), user.email_verified_at.is_some());
        let User { id: user_id, password_hash, password_form, auth_epoch, .. } = user;
        let expected =
            Credentials { user_id, password_hash, password_form, auth_epoch, known_networks, is_active, is_verified };
        equal(given.store.queries().find_credentials(&lookup).await?, Some(expected))?;
    }
    equal(given.store.queries().find_credentials(&lookup(&sample::user()?)?).await?, None)
}

async fn accounts_to_erase_are_listed(given: &Given) -> Checked {
    let mut users = Vec::new();
    for erase_at in [None, Some(8), Some(9), Some(10), Some(-1), Some(9)] {
        users.push(User { erase_at: erase_at.map(sample::at), ..sample::user()? });
    }
    put(&*given.store, &users).await?;
    let mut due: Vec<_> = [1, 2, 4, 5].map(|at: usize| users[at].id).to_vec();
    due.sort();
    let list = async |after, limit| given.store.queries().list_erasures(sample::at(9), after, limit).await;
    equal(list(None, 9).await?, due.clone())?;
    equal(list(None, 3).await?, due[..3].to_vec())?;
    equal(list(Some(due[1]), 9).await?, due[2..].to_vec())?;
    equal(list(Some(due[3]), 9).await?, vec![])
}

async fn a_change_of_credentials_shows_at_once(given: &Given) -> Checked {
    let mut user: User = put_sample(&*given.store).await?;
    let second = given.second().await?;
    for round in 0..20 {
        user.password_hash = format!("$argon2id$round-{round}");
        user.version = save(&*given.store, &user).await?;
        for store in [&given.store, &second] {
            let found = store.queries().find_credentials(&lookup(&user)?).await?;
            equal(found.map(|found| found.password_hash), Some(user.password_hash.clone()))?;
        }
    }
    Ok(())
}

async fn renew(store: &dyn Users, user: &User, old: &str, new: &str) -> Result<bool, StoreError> {
    commit!(store, tx => tx.users().renew_hash(user.id, old, new).await?)
}

async fn a_hash_is_renewed_only_in_place_of_the_old_one(given: &Given) -> Checked {
    let user = User { password_form: PasswordForm::AsTyped, ..sample::user()? };
    let other = User { password_hash: user.password_hash.clone(), ..sample::user()? };
    put(&*given.store, &[user.clone(), other.clone()]).await?;
    equal(renew(&*given.store, &user, "$argon2id$another", "$argon2id$new").await?, false)?;
    equal(renew(&*given.store, &sample::user()?, &user.password_hash, "$argon2id$new").await?, false)?;
    let now = |user: &User| {
        let id = user.id;
        async move { look!(given.store, tx => tx.users().find(id).await?) }
    };
    equal(now(&user).await?, Some(user.clone()))?;
    equal(renew(&*given.store, &user, &user.password_hash, "$argon2id$new").await?, true)?;
    let renewed = User { password_hash: "$argon2id$new".to_owned(), password_form: PasswordForm::NEW, ..user.clone() };
    equal(now(&user).await?, Some(renewed.clone()))?;
    equal(renew(&*given.store, &user, &user.password_hash, "$argon2id$newer").await?, false)?;
    equal(now(&user).await?, Some(renewed))?;
    equal(now(&other).await?, Some(other))
}

async fn of_fifty_that_renew_a_hash_at_once_one_does(given: &Given) -> Checked {
    let (user, second) = (put_sample::<User>(&*given.store).await?, given.second().await?);
    let start = Arc::new(tokio::sync::Barrier::new(50));
    let race = |number: usize| {
        let (start, user) = (start.clone(), user.clone());
        let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
        tokio::spawn(async move {
            start.wait().await;
            renew(&*store, &user, &user.password_hash, &format!("$argon2id$new-{number}")).await
        })
    };
    let mut winners = vec![];
    for (number, task) in (0..50).map(race).collect::<Vec<_>>().into_iter().enumerate() {
        if task.await?? {
            winners.push(format!("$argon2id$new-{number}"));
        }
    }
    let stored = look!(given.store, tx => tx.users().find(user.id).await?)?;
    equal(winners, Vec::from_iter(stored.map(|user| user.password_hash)))
}
