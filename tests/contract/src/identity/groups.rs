//! `GroupRepository`, and the memberships that accounts have.

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
        IdentityStore, UserFilter, UserSort, UserSortKey,
        constraints::{GROUP_ID, GROUP_NAME},
    },
    kernel::{PageRequest, StoreError},
};
use skep_domain::{
    access::{Group, GroupFields, GroupId, Membership, OwnRole, Policy, PolicyVersion, Role, RoleId, RoleName},
    identity::User,
    shared::{Direction, PageLimit, Text, Timestamp, Version},
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Barrier;
use uuid::Uuid;

clauses! { clauses of "groups" on dyn Roles, with [
        saves::clauses::<Group>("groups"),
        deletes::clauses::<Group>("groups"),
    ]:
    every_change_of_a_group_raises_the_version_on_every_instance ["GroupRepository 1", "RoleQueries 1"],
    an_undone_change_of_a_group_raises_nothing ["GroupRepository 1"],
    of_units_that_insert_groups_at_once_each_sees_the_earlier_ones ["GroupRepository 1"],
    held_groups_are_all_groups ["GroupRepository 2"],
    crossing_moves_are_never_both_stored ["GroupRepository 2"],
    a_group_is_never_both_joined_and_deleted ["GroupRepository 2"],
    a_role_is_never_both_put_into_a_group_and_deleted ["GroupRepository 2"],
}

clauses! { whole of "groups" on dyn IdentityStore:
    a_membership_is_seen_until_the_account_is_erased,
}

type Given = clause::Given<dyn Roles>;

fn group() -> Checked<Group> {
    let (name, description) = (Text::line(&format!("Group {}", world::uuid()), 100)?, Text::line("A group", 200)?);
    let roles = ["editor", "from-a-newer-build"].map(Role::stored).into();
    let fields = GroupFields { name, description, roles, parent_id: Some(GroupId::new(world::uuid())) };
    Ok(Group::create(GroupId::new(world::uuid()), fields, sample::at(0)))
}

#[async_trait]
impl Entity for Group {
    type Id = GroupId;
    type Store = dyn Roles;
    type Tx = dyn RolesUnit;
    const UNIQUE: &'static [Unique<Self>] = &[
        Unique { rule: GROUP_ID, collide: |one, other| other.id = one.id, on_save: false },
        Unique { rule: GROUP_NAME, collide: |one, other| other.name = one.name.clone(), on_save: true },
    ];

    async fn sample(_: &Self::Store) -> Checked<Self> {
        group()
    }

    async fn extremes(_: &Self::Store) -> Checked<Vec<Self>> {
        let most = (0..Self::MOST_ROLES).map(|number| Role::stored(&format!("{number:r>40}"))).collect();
        let longest = |max: usize| Text::stored("\u{10FFFD}".repeat(max));
        let hostile = Text::stored("'; DROP TABLE user_groups; --".to_owned());
        let (created_at, updated_at) = (Timestamp::MAX, Timestamp::MAX);
        let (name, description) = (longest(Self::NAME_MAX), longest(Self::DESCRIPTION_MAX));
        Ok(vec![
            Self { name, description, roles: most, created_at, updated_at, ..group()? },
            Self { name: hostile, roles: BTreeSet::new(), parent_id: None, created_at: Timestamp::MIN, ..group()? },
        ])
    }

    fn id(&self) -> GroupId {
        self.id
    }

    async fn find(tx: &mut Self::Tx, id: GroupId) -> Result<Option<Self>, StoreError> {
        tx.groups().find(id).await
    }

    async fn insert(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.groups().insert(self).await
    }
}

#[async_trait]
impl Versioned for Group {
    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn alter(&mut self, round: i64) -> Checked {
        self.name = Text::line(&format!("Round {round} of {}", self.id), 100)?;
        self.description = Text::line(&format!("Round {round}"), 200)?;
        self.roles = (0..round % 3).map(|number| Role::stored(&format!("role-{number}"))).collect();
        self.parent_id = (round % 2 == 1).then(|| GroupId::new(Uuid::from_u128(round.unsigned_abs().into())));
        self.updated_at = sample::at(100 * round);
        Ok(())
    }

    async fn save(&self, tx: &mut Self::Tx) -> Result<Version, StoreError> {
        tx.groups().save(self).await
    }
}

#[async_trait]
impl Deleted for Group {
    async fn delete(&self, tx: &mut Self::Tx) -> Result<(), StoreError> {
        tx.groups().delete(self).await
    }
}

fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| group.id);
    groups
}

async fn every_change_of_a_group_raises_the_version_on_every_instance(given: &Given) -> Checked {
    let second = given.second().await?;
    let (mut one, other) = (group()?, group()?);
    let mut last = given.store.queries().find_policy().await?.version;
    let mut see = async |expected: &[&Group]| -> Checked {
        let here = given.store.queries().find_policy().await?;
        equal(&second.queries().find_policy().await?, &here)?;
        holds(here.version > last, format!("{:?} after {last:?}", here.version))?;
        last = here.version;
        equal(here, Policy::new(last, []).with_groups(expected.iter().map(|group| (*group).clone())))
    };
    put(&*given.store, &[one.clone()]).await?;
    see(&[&one]).await?;
    put(&*given.store, std::slice::from_ref(&other)).await?;
    see(&[&one, &other]).await?;
    one.alter(1)?;
    one.version = save(&*given.store, &one).await?;
    see(&[&one, &other]).await?;
    commit!(given.store, tx => tx.groups().delete(&other).await?)?;
    see(&[&one]).await
}

async fn an_undone_change_of_a_group_raises_nothing(given: &Given) -> Checked {
    put_sample::<Group>(&*given.store).await?;
    let before = given.store.queries().find_policy().await?;
    let undone = group()?;
    look!(given.store, tx => tx.groups().insert(&undone).await?)?;
    equal(given.store.queries().find_policy().await?, before)
}

async fn held_groups_are_all_groups(given: &Given) -> Checked {
    equal(look!(given.store, tx => tx.groups().hold().await?)?, vec![])?;
    let groups = [group()?, group()?, group()?];
    put(&*given.store, &groups).await?;
    equal(sorted(look!(given.store, tx => tx.groups().hold().await?)?), sorted(groups.to_vec()))
}

/// Inserts the group unless there are more than `most` afterwards. Returns whether it did.
async fn inserted_up_to(store: &dyn Roles, group: &Group, most: usize) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.groups().insert(group).await?;
        if tx.groups().hold().await?.len() > most {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Each unit inserts and then counts. If a unit did not see the others, too many groups would be stored.
async fn of_units_that_insert_groups_at_once_each_sees_the_earlier_ones(given: &Given) -> Checked {
    let second = given.second().await?;
    for round in 1..=3 {
        let start = Arc::new(Barrier::new(6));
        let race = |number: usize| {
            let (start, group) = (start.clone(), group());
            let store = if number.is_multiple_of(2) { given.store.clone() } else { second.clone() };
            tokio::spawn(async move {
                let group = group?;
                start.wait().await;
                Checked::Ok(inserted_up_to(&*store, &group, 2 * round).await?)
            })
        };
        let mut stored = 0;
        for task in (0..6).map(race).collect::<Vec<_>>() {
            stored += usize::from(task.await??);
        }
        equal((stored, look!(given.store, tx => tx.groups().hold().await?)?.len()), (2, 2 * round))?;
    }
    Ok(())
}

/// Puts the group under `parent`, unless it would be under itself. Returns whether it did.
async fn moved(store: &dyn Roles, id: GroupId, parent: GroupId) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        let groups = tx.groups().hold().await?;
        let policy = Policy::new(PolicyVersion::default(), []).with_groups(groups);
        let Some(group) = policy.group(id).filter(|_| policy.place(id, parent).is_ok()) else {
            tx.rollback().await?;
            return Ok(false);
        };
        let changed = Group { parent_id: Some(parent), ..(**group).clone() };
        tx.groups().save(&changed).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

async fn crossing_moves_are_never_both_stored(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..6 {
        let top = || Checked::Ok(Group { parent_id: None, ..group()? });
        // Each moves under the group below the other one, so no unit saves what the other one saves.
        let (one, other) = (top()?, top()?);
        let under_one = Group { parent_id: Some(one.id), ..group()? };
        let under_other = Group { parent_id: Some(other.id), ..group()? };
        put(&*given.store, &[one.clone(), other.clone(), under_one.clone(), under_other.clone()]).await?;
        let start = Arc::new(Barrier::new(2));
        let crossing = {
            let (store, start, id, parent) = (second.clone(), start.clone(), one.id, under_other.id);
            tokio::spawn(async move {
                start.wait().await;
                moved(&*store, id, parent).await
            })
        };
        start.wait().await;
        let moved = moved(&*given.store, other.id, under_one.id).await?;
        equal(crossing.await??, !moved)?;
        let groups = look!(given.store, tx => tx.groups().hold().await?)?;
        let policy = Policy::new(PolicyVersion::default(), []).with_groups(groups);
        for id in [one.id, other.id] {
            let top = policy.lineage(id).last().is_some_and(|top| top.parent_id.is_none());
            holds(top, format!("{id} is under itself"))?;
        }
    }
    Ok(())
}

/// Puts the account into the group if it exists. Returns whether it did.
async fn joined(store: &dyn Roles, mut user: User, id: GroupId) -> Result<bool, StoreError> {
    let joins = user.join(id, sample::at(1));
    debug_assert_eq!(joins, Ok(true));
    repeated(|| async {
        let mut tx = write(store).await?;
        if !tx.groups().hold().await?.iter().any(|group| group.id == id) {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.users().save(&user).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Deletes the group if it has no member. Returns whether it did.
async fn deleted(store: &dyn Roles, group: &Group) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.groups().hold().await?;
        tx.groups().delete(group).await?;
        if tx.users().count_with_role(Role::Group(Membership::of(group.id))).await? > 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    })
    .await
}

async fn a_group_is_never_both_joined_and_deleted(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..6 {
        let (group, user) = (put_sample::<Group>(&*given.store).await?, sample::user()?);
        commit!(given.store, tx => tx.users().insert(&user).await?)?;
        let start = Arc::new(Barrier::new(2));
        let joining = {
            let (store, start, id) = (second.clone(), start.clone(), group.id);
            tokio::spawn(async move {
                start.wait().await;
                joined(&*store, user, id).await
            })
        };
        start.wait().await;
        let deleted = deleted(&*given.store, &group).await?;
        equal(joining.await??, !deleted)?;
        equal(look!(given.store, tx => tx.groups().find(group.id).await?)?.is_some(), !deleted)?;
    }
    Ok(())
}

/// Puts the role into the group if the role exists. Returns whether it did.
async fn put_into(store: &dyn Roles, mut group: Group, role: &RoleName) -> Result<bool, StoreError> {
    group.roles.insert(Role::Own(role.clone()));
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.groups().hold().await?;
        if tx.roles().hold(std::slice::from_ref(role)).await?.is_empty() {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.groups().save(&group).await?;
        tx.commit().await?;
        Ok(true)
    })
    .await
}

/// Deletes the role if no group has it. Returns whether it did.
async fn role_deleted(store: &dyn Roles, role: &OwnRole) -> Result<bool, StoreError> {
    repeated(|| async {
        let mut tx = write(store).await?;
        tx.roles().delete(role).await?;
        let held = Role::Own(role.name.clone());
        if tx.groups().hold().await?.iter().any(|group| group.roles.contains(&held)) {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    })
    .await
}

async fn a_role_is_never_both_put_into_a_group_and_deleted(given: &Given) -> Checked {
    let second = given.second().await?;
    for _ in 0..6 {
        let group = put_sample::<Group>(&*given.store).await?;
        let name = RoleName::stored(format!("r{}", world::uuid().simple()));
        let (id, text) = (RoleId::new(world::uuid()), Text::line("A role", 200)?);
        let role = OwnRole::create(id, name, text, BTreeSet::new(), sample::at(0));
        commit!(given.store, tx => tx.roles().insert(&role).await?)?;
        let start = Arc::new(Barrier::new(2));
        let putting = {
            let (store, start, name) = (second.clone(), start.clone(), role.name.clone());
            tokio::spawn(async move {
                start.wait().await;
                put_into(&*store, group, &name).await
            })
        };
        start.wait().await;
        let deleted = role_deleted(&*given.store, &role).await?;
        equal(putting.await??, !deleted)?;
        equal(look!(given.store, tx => tx.roles().find(&role.name).await?)?.is_some(), !deleted)?;
    }
    Ok(())
}

async fn a_membership_is_seen_until_the_account_is_erased(given: &clause::Given<dyn IdentityStore>) -> Checked {
    let second = given.second().await?;
    let (mut user, other, id) = (sample::user()?, sample::user()?, GroupId::new(world::uuid()));
    let session = sample::session(user.id);
    commit!(given.store, tx => {
        tx.users().insert(&user).await?;
        tx.users().insert(&other).await?;
        tx.sessions().insert(&session).await?;
    })?;
    for number in 0..Group::MOST_OF_AN_ACCOUNT {
        let joined = if number == 7 { id } else { GroupId::new(world::uuid()) };
        equal(user.join(joined, sample::at(1)), Ok(true))?;
    }
    user.version = commit!(given.store, tx => tx.users().save(&user).await?)?;
    let membership = Role::Group(Membership::of(id));
    let filter = UserFilter { role: Some(membership.clone()), ..UserFilter::default() };
    let sort = UserSort { key: UserSortKey::CreatedAt, direction: Direction::Descending };
    let page = PageRequest { limit: PageLimit::new(5)?, after: None, count_up_to: None };
    for store in [&given.store, &second] {
        let found = store.find_session(session.id).await?.map(|found| found.roles);
        equal(found, Some(user.roles.clone()))?;
        let members = store.list_users(&filter, sort, &page).await?.items;
        equal(members.iter().map(|member| member.id).collect::<Vec<_>>(), vec![user.id])?;
        equal(&members[0].groups, &user.groups().collect::<Vec<_>>())?;
    }
    equal(look!(given.store, tx => tx.users().count_with_role(membership.clone()).await?)?, 1)?;
    commit!(given.store, tx => tx.users().erase(&user).await?)?;
    equal(look!(given.store, tx => tx.users().count_with_role(membership.clone()).await?)?, 0)
}
