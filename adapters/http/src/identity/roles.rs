//! The endpoints of permissions and roles, and their bodies.

use super::api::Tag;
use crate::{
    body::{MergePatch, Strict},
    parts::{Created, Done, IfMatch, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, patch, path_of},
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::identity::{ChangeRoleCommand, CreateRoleCommand, DeleteRoleCommand, PermissionView, RoleView};
use skep_domain::access::RoleName;

/// The path of the roles.
const ROLES: &str = "/api/v1/roles";
/// The path of the permissions.
const PERMISSIONS: &str = "/api/v1/permissions";

#[derive(Default)]
pub(super) struct RoleApi;

/// A permission that roles can have.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Permission")]
struct PermissionBody {
    /// The name of the permission: the context, the thing and the verb.
    name: String,
    /// The built-in roles that have it.
    roles: Vec<String>,
}

impl From<PermissionView> for PermissionBody {
    fn from(PermissionView { name, roles }: PermissionView) -> Self {
        Self { name: name.to_owned(), roles: roles.iter().map(|role| role.name().to_owned()).collect() }
    }
}

/// A new role.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRoleRequest {
    /// The name of the role, unique: 1 to 40 lowercase letters, digits, `_` and `-`, the first one a letter. It stays.
    name: String,
    /// What the role is for: one line of 1 to 200 characters.
    description: String,
    /// The names of its permissions, at most 200.
    permissions: Vec<String>,
}

impl From<CreateRoleRequest> for CreateRoleCommand {
    fn from(CreateRoleRequest { name, description, permissions }: CreateRoleRequest) -> Self {
        Self { name, description, permissions }
    }
}

/// A change of a role. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeRoleRequest {
    /// What the role is for: one line of 1 to 200 characters.
    description: MaybeUndefined<String>,
    /// The names of all its permissions from now on, at most 200.
    permissions: MaybeUndefined<Vec<String>>,
}

/// A role: what the accounts that have it may do.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Role")]
struct RoleBody {
    /// The name of the role, unique.
    name: String,
    /// Whether the role comes with Skep. It then cannot be changed or deleted.
    built_in: bool,
    /// What the role is for.
    description: String,
    /// The names of its permissions, sorted. A name that this version of Skep does not know allows nothing.
    permissions: Vec<String>,
    /// The time of creation; absent for built-in roles.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// The time of the last change; absent for built-in roles.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// The path of the role.
    links: SelfLink,
}

impl From<RoleView> for RoleBody {
    fn from(role: RoleView) -> Self {
        let links = SelfLink::to(path_of(ROLES, &role.name, ""));
        Self {
            name: role.name.into_string(),
            built_in: role.is_built_in,
            description: role.description.into_string(),
            permissions: role.permissions,
            created_at: role.created_at.map(|at| at.to_string()),
            updated_at: role.updated_at.map(|at| at.to_string()),
            links,
        }
    }
}

fn shown(role: RoleView) -> Shown<RoleBody> {
    Shown::of(role.version, role)
}

/// The name in a path. A text that is not a name becomes the empty name, which no role has, so that it gets the same
/// authorization check and the same answer as an unknown name.
fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap_or_else(|_| RoleName::stored(String::new()))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl RoleApi {
    /// List permissions
    ///
    /// Lists the permissions that roles can have, in the order of their names, on one page. Needs the permission
    /// `identity.role.read`. What every account may do to its own things is not a permission.
    #[oai(path = "/permissions", method = "get", operation_id = "list_permissions")]
    async fn permissions(&self, caller: SignedIn) -> Result<Listed<PermissionBody>, Problem> {
        let permissions = caller.app().identity.list_roles.permissions(&caller.actor)?;
        Ok(Listed::whole(PERMISSIONS, permissions.into_iter().map(Into::into).collect()))
    }

    /// List roles
    ///
    /// Lists the built-in roles, and then those of the deployment in the order of their names, on one page. Needs the
    /// permission `identity.role.read`.
    #[oai(path = "/roles", method = "get", operation_id = "list_roles")]
    async fn list(&self, caller: SignedIn) -> Result<Listed<RoleBody>, Problem> {
        let roles = caller.app().identity.list_roles.execute(&caller.actor).await?;
        Ok(Listed::whole(ROLES, roles.into_iter().map(Into::into).collect()))
    }

    /// Get a role
    ///
    /// Returns the role with its permissions. Needs the permission `identity.role.read`.
    #[oai(path = "/roles/:name", method = "get", operation_id = "get_role")]
    async fn get(
        &self,
        caller: SignedIn,
        /// The name of the role. A name that does not exist is answered 404.
        Path(name): Path<String>,
    ) -> Result<Shown<RoleBody>, Problem> {
        Ok(shown(caller.app().identity.list_roles.get(&caller.actor, &role_name(&name)).await?))
    }

    /// Create a role
    ///
    /// Creates a role of the deployment. Needs the permission `identity.role.manage`. The caller can put only permissions
    /// into it that it has itself; otherwise the answer is 403 `permission_not_held`. If another role has the name, also a
    /// built-in one, the answer is 409 `role_name_taken`.
    #[oai(path = "/roles", method = "post", operation_id = "create_role")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateRoleRequest>,
    ) -> Result<Created<RoleBody>, Problem> {
        let create = &caller.app().identity.create_role;
        let role = create.execute_once(&caller.actor, key.as_ref(), body.0.into()).await?;
        Ok(Created::at(path_of(ROLES, &role.name, ""), role.version, role))
    }

    /// Change a role
    ///
    /// Sets the description or the permissions of a role of the deployment (JSON merge patch, RFC 7396). Needs the
    /// permission `identity.role.manage`. Absent fields keep their values. Every account that has the role is judged by the
    /// new permissions from its next request on, by every instance. The caller must have every permission that the role
    /// has before and afterwards; otherwise the answer is 403 `permission_not_held`. If nothing is different afterwards,
    /// the `ETag` stays the same.
    #[oai(path = "/roles/:name", method = "patch", operation_id = "change_role")]
    async fn change(
        &self,
        caller: SignedIn,
        /// The name of the role. A name that does not exist is answered 404.
        Path(name): Path<String>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeRoleRequest>,
    ) -> Result<Shown<RoleBody>, Problem> {
        let (description, permissions) = (patch(body.0.description), patch(body.0.permissions));
        let command = ChangeRoleCommand { name: role_name(&name), precondition, description, permissions };
        Ok(shown(caller.app().identity.change_role.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a role
    ///
    /// Deletes a role of the deployment permanently. Needs the permission `identity.role.manage`, and every permission of
    /// the role. If accounts have the role, the answer is 409 `role_in_use`, and says how many.
    #[oai(path = "/roles/:name", method = "delete", operation_id = "delete_role")]
    async fn delete(
        &self,
        caller: SignedIn,
        /// The name of the role. A name that does not exist is answered 404.
        Path(name): Path<String>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteRoleCommand { name: role_name(&name), precondition };
        caller.app().identity.delete_role.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
