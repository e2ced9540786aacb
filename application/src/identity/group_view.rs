//! A group, as shown to callers that may see it.

use skep_domain::{
    access::{Group, GroupId, Policy, PolicyVersion, Role},
    shared::{Text, Timestamp, Version},
};

/// A group of accounts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GroupView {
    /// The identifier.
    pub id: GroupId,
    /// The name, unique among all groups.
    pub name: Text,
    /// What the group is for.
    pub description: Text,
    /// The roles of the group itself, sorted.
    pub roles: Vec<Role>,
    /// The roles that members have: those of the group itself, and those of every group above it, sorted.
    pub effective_roles: Vec<Role>,
    /// The group that it is under; `None` at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<GroupId>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, for preconditions.
    pub version: Version,
}

impl GroupView {
    /// The group among the groups of the policy.
    #[must_use]
    pub fn of(group: &Group, policy: &Policy) -> Self {
        Self {
            id: group.id,
            name: group.name.clone(),
            description: group.description.clone(),
            roles: group.roles.iter().cloned().collect(),
            effective_roles: policy.roles_of_group(group.id).into_iter().cloned().collect(),
            parent_id: group.parent_id,
            created_at: group.created_at,
            updated_at: group.updated_at,
            version: group.version,
        }
    }

    /// The group after a change, among the groups before it.
    pub(super) fn among(group: &Group, groups: Vec<Group>) -> Self {
        let policy = Policy::new(PolicyVersion::default(), []).with_groups(groups).with_groups([group.clone()]);
        Self::of(group, &policy)
    }
}
