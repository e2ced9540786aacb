//! The groups of accounts.

use crate::{Done, MemoryUnit, Row, Rules};
use async_trait::async_trait;
use skep_application::identity::{
    GroupRepository,
    constraints::{GROUP_ID, GROUP_NAME},
};
use skep_domain::{
    access::{Group, GroupId},
    shared::Version,
};

impl Row for Group {
    type Key = GroupId;
    const RULES: Rules<Self> = Rules {
        unique: &[(GROUP_NAME, |one, other| one.name == other.name)],
        ..Rules::of(GROUP_ID, |group| group.id, |group| &mut group.version)
    };
}

#[async_trait]
impl GroupRepository for MemoryUnit {
    async fn find(&mut self, id: GroupId) -> Done<Option<Group>> {
        self.run(|state| Ok(state.groups.get(id).cloned())).await
    }
    async fn hold(&mut self) -> Done<Vec<Group>> {
        // No other unit writes before this one has ended.
        self.run(|state| Ok(state.groups.rows().cloned().collect())).await
    }
    async fn insert(&mut self, group: &Group) -> Done<()> {
        self.run(|state| {
            state.policy.0 += 1;
            state.groups.insert(group)
        })
        .await
    }
    async fn save(&mut self, group: &Group) -> Done<Version> {
        self.run(|state| {
            state.policy.0 += 1;
            state.groups.save(group)
        })
        .await
    }
    async fn delete(&mut self, group: &Group) -> Done<()> {
        self.run(|state| {
            state.policy.0 += 1;
            state.groups.delete(group)
        })
        .await
    }
}
