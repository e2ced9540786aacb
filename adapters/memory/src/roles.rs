//! The roles that the deployment defines.

use crate::{Done, MemoryStore, MemoryUnit, Row, Rules};
use async_trait::async_trait;
use skep_application::identity::{
    RoleQueries, RoleRepository,
    constraints::{ROLE_ID, ROLE_NAME},
};
use skep_domain::{
    access::{OwnRole, Policy, PolicyVersion, RoleId, RoleName},
    shared::Version,
};

impl Row for OwnRole {
    type Key = RoleId;
    const RULES: Rules<Self> = Rules {
        unique: &[(ROLE_NAME, |one, other| one.name == other.name)],
        ..Rules::of(ROLE_ID, |role| role.id, |role| &mut role.version)
    };
}

#[async_trait]
impl RoleRepository for MemoryUnit {
    async fn find(&mut self, name: &RoleName) -> Done<Option<OwnRole>> {
        self.run(|state| Ok(state.roles.rows().find(|role| role.name == *name).cloned())).await
    }
    async fn hold(&mut self, names: &[RoleName]) -> Done<Vec<OwnRole>> {
        // No other unit writes before this one has ended.
        self.run(|state| Ok(state.roles.rows().filter(|role| names.contains(&role.name)).cloned().collect())).await
    }
    async fn count(&mut self) -> Done<u64> {
        self.run(|state| Ok(state.roles.len() as u64)).await
    }
    async fn insert(&mut self, role: &OwnRole) -> Done<()> {
        self.run(|state| {
            state.policy.0 += 1;
            state.roles.insert(role)
        })
        .await
    }
    async fn save(&mut self, role: &OwnRole) -> Done<Version> {
        self.run(|state| {
            state.policy.0 += 1;
            state.roles.save(role)
        })
        .await
    }
    async fn delete(&mut self, role: &OwnRole) -> Done<()> {
        self.run(|state| {
            state.policy.0 += 1;
            state.roles.delete(role)
        })
        .await
    }
}

#[async_trait]
impl RoleQueries for MemoryStore {
    async fn find_policy(&self) -> Done<Policy> {
        let state = self.state();
        let roles = state.roles.rows().cloned();
        Ok(Policy::new(PolicyVersion(state.policy.0), roles).with_groups(state.groups.rows().cloned()))
    }
}
