//! A role, as shown to callers that may see it.

use skep_domain::{
    access::{BuiltInRole, OwnRole, RoleName},
    actions,
    shared::{Text, Timestamp, Version},
};

/// A role of the deployment, or one that comes with Skep.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RoleView {
    /// The name, unique among all roles.
    pub name: RoleName,
    /// Whether the role comes with Skep. It then cannot be changed or deleted.
    #[serde(rename = "built_in")]
    pub is_built_in: bool,
    /// What the role is for.
    pub description: Text,
    /// The names of the actions that the role allows, sorted. A role of the deployment may have names that no action of
    /// this build has; they allow nothing.
    pub permissions: Vec<String>,
    /// The time of creation; `None` for built-in roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The time of the last change; `None` for built-in roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The version, for preconditions.
    pub version: Version,
}

impl From<&OwnRole> for RoleView {
    fn from(role: &OwnRole) -> Self {
        Self {
            name: role.name.clone(),
            is_built_in: false,
            description: role.description.clone(),
            permissions: role.permissions.iter().cloned().collect(),
            created_at: Some(role.created_at),
            updated_at: Some(role.updated_at),
            version: role.version,
        }
    }
}

impl From<BuiltInRole> for RoleView {
    fn from(role: BuiltInRole) -> Self {
        let permissions = actions().filter(|action| action.is_given_to(role));
        let mut permissions: Vec<_> = permissions.map(|action| action.name().to_owned()).collect();
        permissions.sort_unstable();
        Self {
            name: RoleName::stored(role.name().to_owned()),
            is_built_in: true,
            description: Text::stored(role.description().to_owned()),
            permissions,
            created_at: None,
            updated_at: None,
            version: Version::FIRST,
        }
    }
}

/// A permission that roles can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionView {
    /// The name of the action that it allows.
    pub name: &'static str,
    /// The built-in roles that have it.
    pub roles: Vec<BuiltInRole>,
}
