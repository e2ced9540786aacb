//! Reading permissions and roles.

use super::{PermissionView, RoleQueries, RoleView};
use crate::kernel::{Actor, GetError, ListError, NotFound, Reader};
use skep_domain::{
    access::{BuiltInRole, Role, RoleName},
    actions as all_actions,
    identity::actions,
};
use std::sync::Arc;

/// Reads the permissions and the roles.
pub struct ListRoles(Reader<dyn RoleQueries>);

impl ListRoles {
    /// Makes the use case. It reads the roles of the deployment through `roles`.
    #[must_use]
    pub fn new(roles: Arc<dyn RoleQueries>) -> Self {
        Self(Reader::new(actions::READ_ROLE, roles))
    }

    /// Lists the built-in roles, and then those of the deployment in the order of their names.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<RoleView>, ListError> {
        let policy = self.0.open(actor)?.find_policy().await?;
        let built_in = BuiltInRole::ALL.iter().copied().map(RoleView::from);
        Ok(built_in.chain(policy.roles().map(RoleView::from)).collect())
    }

    /// Finds the role with this name.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, name: &RoleName) -> Result<RoleView, GetError> {
        let roles = self.0.open(actor)?;
        if let Role::BuiltIn(role) = Role::stored(name.as_str()) {
            return Ok(role.into());
        }
        let policy = roles.find_policy().await?;
        Ok(policy.role(name).map(|role| RoleView::from(&**role)).ok_or(NotFound("role"))?)
    }

    /// Lists the permissions that roles can have, in the order of their names.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn permissions(&self, actor: &Actor) -> Result<Vec<PermissionView>, ListError> {
        self.0.open(actor)?;
        let mut permissions: Vec<_> = all_actions()
            .filter(|action| action.is_permission())
            .map(|action| PermissionView {
                name: action.name(),
                roles: BuiltInRole::ALL.iter().copied().filter(|role| action.is_given_to(*role)).collect(),
            })
            .collect();
        permissions.sort_unstable_by_key(|permission| permission.name);
        Ok(permissions)
    }
}
