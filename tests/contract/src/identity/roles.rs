//! `RoleRepository` and `RoleQueries`.

use super::{Roles, RolesUnit};
use crate::{
    check::{Checked, equal, holds},
    clause::{self, clauses},
    laws::{Deleted, Entity, Unique, Versioned, deletes, put, put_sample, save, saves},
    sample,
    units::{commit, look, repeated, write},
    world,
};
use async_trait::async_trait;
use skep_application::{
    identity::{
        IdentityStore,
        constraints::{ROLE_ID, ROLE_NAME},
    },
    kernel::StoreError,
};
use skep_domain::{
    access::{OwnRole, Policy, Role, RoleId, RoleName},
    identity::User,
    shared::{Text, Timestamp, Version},
};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

clauses! { clauses of "roles" on dyn Roles, with [
        saves::clauses::<OwnRole>("roles"),
        deletes::clauses::<OwnRole>("roles"),
    ]:
    every_change_raises_the_version_at_once_on_every_instance ["RoleRepository 1", "RoleQueries 1"],
    an_undone_change_raises_nothing ["RoleRepository 1"],
    of_units_that_insert_at_once_each_sees_the_earlier_ones ["RoleRepository 1"],
    a_role_is_never_both_given_and_deleted ["RoleRepository 2"],
    held_roles_are_those_with_the_names ["RoleRepository 2"],
    accounts_with_a_role_are_counted,
}

clauses! { whole of "roles" on dyn IdentityStore:
    sessions_show_the_version_of_the_policy_on_every_instance,
}

type Given = clause::Given<dyn Roles>;

/// The name that the sample with this number has.
fn name(number: Uuid) -> RoleName {
    RoleName::stored(format!("r{}", number.simple()))
}

fn role() -> Checked<OwnRole> {
    let permissions = ["catalog.stock.manage", "from.a.newer_build"].map(str::to_owned).into();
    let (id, description) = (RoleId::new(world::uuid()), Text::line("A role", 200)?);
    Ok(OwnRole::create(id, name(world::uuid()), description, permissions, sample::at(0)))
}

/// Roles are found by their names, so their names are what the laws call an id.
#[async_trait]
impl Entity for OwnRole {
    type Id = Uuid;
    type Store = dyn Roles;
    type Tx = dyn RolesUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: ROLE_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: ROLE_NAME, collide: |one, other| other.name = one.name.clone(), on_save: false },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        role()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let many = (0..Self::MOST_PERMISSIONS).map(|number| format!("context.thing{number}.verb")).collect();
        let longest = Text::stored("\u{10FFFD}".repeat(Self::DESCRIPTION_MAX));
        let hostile = Text::stored("'; DROP TABLE roles; --".to_owned());
        let (created_at, updated_at) = (Timestamp::MAX, Timestamp::MAX);
        Ok(vec![
            Self { description: longest, permissions: many, created_at, updated_at, ..role()? },
            Self { description: hostile, permissions: BTreeSet::new(), created_at: Timestamp::MIN, ..role()? },
        ])
    }

    fn id(&self) -> Uuid {
        Uuid::parse_str(&self.name.as_str()[1..]).unwrap_or_default()
    }

    async fn find(tx: &mut Self::Tx, id: Uuid) -> Result<Option<Self>, StoreError> {
        tx.roles().find(&name(id)).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.roles().insert(self).await
    }
}

#[async_trait]
impl Versioned for OwnRole {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        self.description = Text::line(&format!("Round {round}"), 200)?;
        self.permissions = (0..round % 3).map(|number| format!("context.thing{number}.verb")).collect();
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.roles().save(self).await
    }
}

#[async_trait]
impl Deleted for OwnRole {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.roles().delete(self).await
    }
}

async fn every_change_raises_the_version_at_once_on_every_instance(given: &Given) -> Checked {
    let second = given.second().await?;
    let (mut role, other) = (role()?, role()?);
    let mut last = given.store.queries().find_policy().await?.version;
    let mut see = async |expected: &[&OwnRole]| -> Checked {
        let here = given.store.queries().find_policy().await?;
        equal(&second.queries().find_policy().await?, &here)?;
        holds(here.version > last, format!("{:?} after {last:?}", here.version))?;
        last = here.version;
        equal(here, Policy::new(last, expected.iter().map(|role| (*role).clone())))
    };
    put(&*given.store, &[role.clone()]).await?;
    see(&[&role]).await?;
    put(&*given.store, std::slice::from_ref(&other)).await?;
    see(&[&role, &other]).await?;
    role.alter(1)?;
    role.version = save(&*given.store, &role).await?;
    see(&[&role, &other]).await?;
    commit!(given.store, tx => tx.roles().delete(&other).await?)?;
    see(&[&role]).await
}

async fn sessions_show_the_version_of_the_policy_on_every_instance(
    given: &clause::Given<dyn IdentityStore>,
) -> Checked {
    let (user, second) = (sample::user()?, given.second().await?);
    let session = sample::session(user.id);
    commit!(given.store, tx => {
        tx.users().insert(&user).await?;
        tx.sessions().insert(&session).await?;
    })?;
    for _ in 0..3 {
        let role = role()?;
        let version = given.store.find_policy().await?.version;
        for store in [&given.store, &second] {
            equal(store.find_session(session.id).await?.map(|found| found.policy), Some(version))?;
        }
        commit!(given.store, tx => tx.roles().insert(&role).await?)?;
    }
    Ok(())
}

async fn an_undone_change_raises_nothing(given: &Given) -> Checked {
    put_sample::<OwnRole>(&*given.store).await?;
    let before = given.store.queries().find_policy().await?;
    let undone = role()?;
    look!(given.store, tx => tx.roles().insert(&undone).await?)?;
    equal(given.store.queries().find_policy().await?, before)
}

/// Inserts the role unless there are more than `most` afterwards. Returns whether it did.
async fn inserted_up_to(store: &dyn Roles, role: &OwnRole, most: u64) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.roles().insert(role).await?;
        if tx.roles().count().await? > most {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Each unit inserts and then counts, and is stored only if there is room. If a unit did not see the others, too many
/// would be stored.
async fn of_units_that_insert_at_once_each_sees_the_earlier_ones(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..3 {
        let start = Arc::new(tokio::sync::Barrier::new(6));
        let room = look!(given.store, tx => tx.roles().count().await?)? + 2;
        let race = |number: usize| {
            let (start, role) = (start.clone(), role());
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                let role = role?;
                start.wait().await;
                Checked::Ok(inserted_up_to(&*store, &role, room).await?)
            })
        };
        let mut stored = 0;
        for task in (0..6).map(race).collect::<Vec<_>>() {
            stored += u64::from(task.await??);
        }
        equal((stored, look!(given.store, tx => tx.roles().count().await?)?), (2, room))?;
    }
    Ok(())
}

/// Gives the role to the account if it exists. Returns whether it did.
async fn given(store: &dyn Roles, mut user: User, role: &RoleName) -> Result<bool, StoreError> {
    user.set_roles(&[Role::Own(role.clone())], sample::at(1));
    repeated(|| async {
        let mut tx = write(store).await?;
        if tx.roles().hold(std::slice::from_ref(role)).await?.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.users().save(&user).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Deletes the role if no account has it. Returns whether it did.
async fn deleted(store: &dyn Roles, role: &OwnRole) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.roles().delete(role).await?;
        if tx.users().count_with_role(Role::Own(role.name.clone())).await? > 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    })
    .await
}

async fn a_role_is_never_both_given_and_deleted(stores: &Given) -> Checked {
    let second = stores.second().await?;
    for _ in 0..6 {
        let (role, user) = (put_sample::<OwnRole>(&*stores.store).await?, sample::user()?);
        commit!(stores.store, tx => tx.users().insert(&user).await?)?;
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let giving = {
            let (store, start, name) = (second.clone(), start.clone(), role.name.clone());
            tokio::spawn(async move {
                start.wait().await;
                given(&*store, user, &name).await
            })
        };
        start.wait().await;
        let deleted = deleted(&*stores.store, &role).await?;
        equal(giving.await??, !deleted)?;
        let there = look!(stores.store, tx => tx.roles().find(&role.name).await?)?;
        equal(there.is_some(), !deleted)?;
    }
    Ok(())
}

async fn held_roles_are_those_with_the_names(given: &Given) -> Checked {
    let (one, other, missing) = (role()?, role()?, role()?);
    put(&*given.store, &[one.clone(), other.clone(), role()?]).await?;
    let names = [other.name.clone(), missing.name, one.name.clone(), one.name.clone()];
    let mut held = look!(given.store, tx => tx.roles().hold(&names).await?)?;
    held.sort_by_key(|role| role.id);
    let mut expected = vec![one, other];
    expected.sort_by_key(|role| role.id);
    equal(held, expected)?;
    equal(look!(given.store, tx => tx.roles().hold(&[]).await?)?, vec![])
}

async fn accounts_with_a_role_are_counted(given: &Given) -> Checked {
    let role = Role::Own(name(world::uuid()));
    for expected in 0..3 {
        equal(look!(given.store, tx => tx.users().count_with_role(role.clone()).await?)?, expected)?;
        let mut user = sample::user()?;
        user.set_roles(&[Role::ADMIN, role.clone()], sample::at(1));
        // Its state does not matter.
        user.disable(sample::at(2));
        commit!(given.store, tx => tx.users().insert(&user).await?)?;
    }
    Ok(())
}
