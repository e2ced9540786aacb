//! The list of accounts, and the rule that an admin stays.

use super::Users;
use crate::{
    check::{Checked, equal, some},
    clause::{self, clauses},
    laws::{Listed, lists, put, put_sample, save},
    sample,
    units::{commit, look},
};
use async_trait::async_trait;
use skep_application::{
    identity::{UserFilter, UserSort, UserSortKey, UserView},
    kernel::{Page, PageRequest, Position, Scope, StoreError},
};
use skep_domain::{
    access::Role,
    identity::{AccountGrace, AccountState, EmailPrefix, NamePrefix, User},
    shared::{Direction, Email, Text, UserId},
};
use std::sync::Arc;

clauses! { clauses of "users" on dyn Users, with [
        lists::clauses::<User>("user_queries"),
    ]:
    a_list_has_the_accounts_that_its_filter_admits ["UserQueries 3"],
    another_account_with_a_role_is_active_and_has_it ["UserRepository 2"],
    of_admins_that_go_at_once_one_stays ["UserRepository 2"],
}

type Given = clause::Given<dyn Users>;

#[async_trait]
impl Listed for User {
    type Sort = UserSortKey;
    const SORTS: &'static [UserSortKey] = UserSortKey::ALL;

    async fn common(_: &Self::Store, number: i64) -> Checked<Self> {
        let roles = if number % 3 == 0 { vec![Role::ADMIN, Role::USER] } else { vec![Role::USER] };
        let display_name = Text::line(&format!("Bea {}", number % 4), 100)?;
        Ok(Self { display_name, roles, created_at: sample::at(number % 5 * 10), ..sample::user()? })
    }

    async fn edges(_: &Self::Store) -> Checked<Vec<Self>> {
        let mut users = Vec::new();
        for name in ["a", "B", "b", "ä", "zz", "é", "🐝", "\u{FFFD}", "a b", "a-b", "ab", "ss", "ß", "10", "9", "_"]
        {
            users.push(Self { display_name: Text::line(name, 100)?, ..sample::user()? });
        }
        for created_at in sample::edges_of_time()? {
            users.push(Self { created_at, ..sample::user()? });
        }
        Ok(users)
    }

    fn place(sort: UserSortKey, row: &UserView) -> Position {
        sort.position(row)
    }

    async fn list(
        store: &Self::Store,
        _: Scope,
        key: UserSortKey,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<UserView>, StoreError> {
        store.queries().list_users(&UserFilter::default(), UserSort { key, direction }, page).await
    }
}

/// Accounts that differ in everything that a filter can name.
fn various() -> Checked<Vec<User>> {
    let mut users = Vec::new();
    let addresses = ["ada", "Adam", "a%da", "a_da", "bée", "b\\ea"];
    for (number, name) in (0..).zip(["Ada", "ada", "Bée", "Be", "B%", "B_", "$B", "Ada"]) {
        let local = addresses[number % addresses.len()];
        let roles = if number % 2 == 0 { vec![Role::ADMIN, Role::USER] } else { vec![Role::USER] };
        let address = format!("{}.{number}@example.com", local.to_lowercase());
        users.push(User {
            email: Email::stored(address.clone(), Some(address.clone()), Some(address)),
            display_name: Text::stored(name.to_owned()),
            roles,
            disabled_at: (number % 3 == 0).then_some(sample::at(5)),
            erase_at: (number % 5 == 0).then_some(sample::at(7)),
            invited_at: (number % 4 < 2).then_some(sample::at(6)),
            created_at: sample::at(i64::try_from(number)?),
            ..sample::user()?
        });
    }
    Ok(users)
}

async fn a_list_has_the_accounts_that_its_filter_admits(given: &Given) -> Checked {
    let users = various()?;
    put(&*given.store, &users).await?;
    let mut filters = vec![UserFilter::default()];
    for role in [None, Some(Role::ADMIN), Some(Role::USER)] {
        for state in [None].into_iter().chain(AccountState::ALL.iter().copied().map(Some)) {
            filters.push(UserFilter { role: role.clone(), state, ..UserFilter::default() });
        }
    }
    for start in ["a", "AD", "ada.0@example.com", "a%", "a_", "b", "bé", "b\\", "$", "z", "ada.0@example.comb"] {
        let email = Some(EmailPrefix::parse(start)?);
        filters.push(UserFilter { email: email.clone(), ..UserFilter::default() });
        filters.push(UserFilter { email, role: Some(Role::ADMIN), ..UserFilter::default() });
    }
    for start in ["A", "a", "Ada", "Adam", "B", "Bé", "B%", "B_", "$B", "🐝"] {
        let name = Some(NamePrefix::parse(start)?);
        filters.push(UserFilter { name, ..UserFilter::default() });
    }
    for (from, until) in [(None, Some(4)), (Some(4), None), (Some(2), Some(5)), (Some(6), Some(6)), (Some(5), Some(2))]
    {
        let (created_from, created_until) = (from.map(sample::at), until.map(sample::at));
        filters.push(UserFilter { created_from, created_until, ..UserFilter::default() });
    }
    let request = PageRequest { count_up_to: Some(1_000), ..PageRequest::default() };
    for filter in filters {
        let mut expected: Vec<_> = users.iter().filter(|user| filter.admits(user)).map(UserView::from).collect();
        for direction in [Direction::Ascending, Direction::Descending] {
            let sort = UserSort { key: UserSortKey::CreatedAt, direction };
            let found = given.store.queries().list_users(&filter, sort, &request).await?;
            equal(some(found.total, "the total")?.count, expected.len() as u64)?;
            equal((&filter, found.items), (&filter, expected.clone()))?;
            expected.reverse();
        }
        // The later pages have the filter, too.
        let sort = UserSort { key: UserSortKey::CreatedAt, direction: Direction::Ascending };
        let after = expected.first().map(|first| UserSortKey::CreatedAt.position(first));
        let next = PageRequest { after: after.clone(), ..PageRequest::default() };
        if after.is_some() {
            let found = given.store.queries().list_users(&filter, sort, &next).await?;
            equal((&filter, found.items), (&filter, expected.split_off(1)))?;
        }
    }
    Ok(())
}

async fn another(given: &Given, other: UserId) -> Checked<Option<UserId>> {
    Ok(look!(given.store, tx => tx.users().hold_another_with_role(Role::ADMIN, other).await?)?)
}

async fn another_account_with_a_role_is_active_and_has_it(given: &Given) -> Checked {
    let one = sample::admin()?;
    let disabled = User { disabled_at: Some(sample::at(1)), ..sample::admin()? };
    let invited = sample::admin()?.invited();
    let deleted = User { erase_at: Some(sample::at(1)), ..sample::admin()? };
    put(&*given.store, &[one.clone(), disabled, invited, deleted, sample::user()?]).await?;
    equal(another(given, one.id).await?, None)?;
    equal(another(given, sample::user_id()).await?, Some(one.id))?;
    let mut second: User = put_sample(&*given.store).await?;
    equal(another(given, one.id).await?, None)?;
    second.set_roles(&[Role::ADMIN], sample::at(2));
    second.version = save(&*given.store, &second).await?;
    equal(another(given, one.id).await?, Some(second.id))?;
    equal(another(given, second.id).await?, Some(one.id))?;
    second.set_roles(&[], sample::at(3));
    save(&*given.store, &second).await?;
    equal(another(given, one.id).await?, None)
}

/// Takes an admin away if another one stays: by disabling or deleting the account, or by the role. Returns whether it did.
async fn taken(store: &dyn Users, id: UserId, by: usize) -> Result<bool, StoreError> {
    commit!(store, tx => {
        let other = tx.users().hold_another_with_role(Role::ADMIN, id).await?;
        match tx.users().find(id).await? {
            Some(mut user) if other.is_some() => {
                match by {
                    0 => drop(user.disable(sample::at(1))),
                    1 => drop(user.delete(sample::at(1), AccountGrace::USUAL)),
                    _ => drop(user.set_roles(&[], sample::at(1))),
                }
                tx.users().save(&user).await?;
                true
            }
            _ => false,
        }
    })
}

/// Several admins take each other away, all at once. If every change were stored, no admin would be left.
async fn of_admins_that_go_at_once_one_stays(given: &Given) -> Checked {
    for count in [2, 3, 2, 3, 2, 3] {
        let mut admins = Vec::new();
        for _ in 0..count {
            admins.push(sample::admin()?);
        }
        put(&*given.store, &admins).await?;
        let start = Arc::new(tokio::sync::Barrier::new(count));
        let tasks = (0..count).map(|at| {
            let (store, start, id) = (given.store.clone(), start.clone(), admins[(at + 1) % count].id);
            tokio::spawn(async move {
                start.wait().await;
                taken(&*store, id, at % 3).await
            })
        });
        let mut done = 0;
        for task in tasks.collect::<Vec<_>>() {
            done += usize::from(task.await??);
        }
        let mut left = Vec::new();
        for admin in &admins {
            let user = look!(given.store, tx => tx.users().find(admin.id).await?)?;
            left.extend(user.filter(User::is_active_admin));
        }
        equal((done, left.len()), (count - 1, 1))?;
        // Makes room for the next round.
        for mut user in left {
            user.set_roles(&[], sample::at(2));
            save(&*given.store, &user).await?;
        }
    }
    Ok(())
}
