//! What the roles of an account allow.

use super::{OwnRole, Policy, Role};
use crate::shared::{Action, BuiltInRole};
use std::sync::Arc;

/// The permissions that roles give. Roles and groups that the policy does not define give none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Whether the role of each place in [`BuiltInRole::ALL`] is there.
    built_in: [bool; BuiltInRole::ALL.len()],
    own: Vec<Arc<OwnRole>>,
}

impl Permissions {
    /// The permissions that these roles give together. The order of the roles does not matter.
    #[must_use]
    pub fn of<'a>(roles: impl IntoIterator<Item = &'a Role>, policy: &Policy) -> Self {
        let mut permissions = Self::default();
        for role in roles {
            permissions.add(role, policy);
        }
        permissions
    }

    fn add(&mut self, role: &Role, policy: &Policy) {
        match role {
            Role::BuiltIn(role) => self.built_in[*role as usize] = true,
            Role::Own(name) => self.own.extend(policy.role(name).cloned()),
            Role::Group(membership) => {
                for role in policy.roles_of_group(membership.group()) {
                    self.add(role, policy);
                }
            }
        }
    }

    /// The permissions of built-in roles.
    #[must_use]
    pub fn built_in(roles: &[BuiltInRole]) -> Self {
        let mut permissions = Self::default();
        for role in roles {
            permissions.built_in[*role as usize] = true;
        }
        permissions
    }

    /// Whether there is no role at all. An account without a role may do nothing.
    #[must_use]
    pub fn are_of_no_role(&self) -> bool {
        self.own.is_empty() && self.built_in.iter().all(|has| !has)
    }

    /// Whether a role gives the permission for the action.
    #[must_use]
    pub fn include(&self, action: Action) -> bool {
        let gives = |(role, has): (&BuiltInRole, &bool)| *has && action.is_given_to(*role);
        BuiltInRole::ALL.iter().zip(&self.built_in).any(gives)
            || action.is_permission() && self.own.iter().any(|role| role.permissions.contains(action.name()))
    }
}
