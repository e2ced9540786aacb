//! The endpoints of groups and their members, and their bodies.

use super::{
    accounts::{self, AccountBody},
    api::Tag,
};
use crate::{
    body::{MergePatch, Strict},
    parts::{Created, Done, Id, IfMatch, List, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, patch, path_of},
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::identity::{
    ChangeGroupCommand, CreateGroupCommand, DeleteGroupCommand, GroupMemberCommand, GroupView, UserSort, UserSortKey,
};
use skep_domain::{
    access::{GroupId, Role},
    shared::{Patch, UserId},
};

/// The path of the groups.
const GROUPS: &str = "/api/v1/groups";

#[derive(Default)]
pub(super) struct GroupApi;

/// A new group.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateGroupRequest {
    /// The name of the group, unique: one line of 1 to 100 characters.
    name: String,
    /// What the group is for: one line of 1 to 200 characters.
    description: String,
    /// The names of its roles, at most 20. A group cannot have `admin` or `user`.
    roles: Vec<String>,
    /// The id of the group that it is under. The group is at the top if it is absent or `null`.
    #[oai(nullable)]
    #[serde(default)]
    parent_id: Option<Id<GroupId>>,
}

/// A change of a group. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeGroupRequest {
    /// The name of the group, unique: one line of 1 to 100 characters.
    name: MaybeUndefined<String>,
    /// What the group is for: one line of 1 to 200 characters.
    description: MaybeUndefined<String>,
    /// The names of all its roles from now on, at most 20. A group cannot have `admin` or `user`.
    roles: MaybeUndefined<Vec<String>>,
    /// The id of the group that it is under from now on; `null` for the top.
    parent_id: MaybeUndefined<Id<GroupId>>,
}

/// A group of accounts. Its members have its roles, and the roles of every group above it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Group")]
struct GroupBody {
    /// The id of the group.
    id: Id<GroupId>,
    /// The name of the group, unique.
    name: String,
    /// What the group is for.
    description: String,
    /// The names of the roles of the group itself, sorted.
    roles: Vec<String>,
    /// The names of the roles that members have: those of the group itself, and those of every group above it, sorted.
    effective_roles: Vec<String>,
    /// The id of the group that it is under; absent at the top.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<Id<GroupId>>,
    /// The time of creation.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the group.
    links: SelfLink,
}

impl From<GroupView> for GroupBody {
    fn from(group: GroupView) -> Self {
        let names = |roles: &[Role]| roles.iter().map(|role| role.name().to_owned()).collect();
        Self {
            id: Id(group.id),
            name: group.name.into_string(),
            description: group.description.into_string(),
            roles: names(&group.roles),
            effective_roles: names(&group.effective_roles),
            parent_id: group.parent_id.map(Id),
            created_at: group.created_at.to_string(),
            updated_at: group.updated_at.to_string(),
            links: SelfLink::to(path_of(GROUPS, group.id, "")),
        }
    }
}

fn shown(group: GroupView) -> Shown<GroupBody> {
    Shown::of(group.version, group)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl GroupApi {
    /// List groups
    ///
    /// Lists all groups in the order of their names, on one page; `parent_id` names the group above each. Needs the
    /// permission `identity.role.read`.
    #[oai(path = "/groups", method = "get", operation_id = "list_groups")]
    async fn list(&self, caller: SignedIn) -> Result<Listed<GroupBody>, Problem> {
        let groups = caller.app().identity.list_groups.execute(&caller.actor).await?;
        Ok(Listed::whole(GROUPS, groups.into_iter().map(Into::into).collect()))
    }

    /// Get a group
    ///
    /// Returns the group with the roles that its members have. Needs the permission `identity.role.read`.
    #[oai(path = "/groups/:id", method = "get", operation_id = "get_group")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<GroupId>>) -> Result<Shown<GroupBody>, Problem> {
        Ok(shown(caller.app().identity.list_groups.get(&caller.actor, id.0).await?))
    }

    /// Create a group
    ///
    /// Creates a group at the top or under another one. Needs the permission `identity.role.manage`. The group can get only
    /// roles whose every permission the caller has itself, also from the groups above it; otherwise the answer is 403
    /// `role_not_held`. If another group has the name, the answer is 409 `group_name_taken`. Groups have at most 8 levels;
    /// otherwise the answer is 409 `group_too_deep`.
    #[oai(path = "/groups", method = "post", operation_id = "create_group")]
    async fn create(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<CreateGroupRequest>,
    ) -> Result<Created<GroupBody>, Problem> {
        let CreateGroupRequest { name, description, roles, parent_id } = body.0;
        let command = CreateGroupCommand { name, description, roles, parent_id: parent_id.map(|id| id.0) };
        let group = caller.app().identity.create_group.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Created::at(path_of(GROUPS, group.id, ""), group.version, group))
    }

    /// Change a group
    ///
    /// Sets the name, the description, the roles or the place of a group (JSON merge patch, RFC 7396). Needs the permission
    /// `identity.role.manage`. Absent fields keep their values. Every member of the group and of the groups under it is
    /// judged by the new roles from its next request on, by every instance. The caller must have every permission that they
    /// get or lose; otherwise the answer is 403 `role_not_held`. If the group would be under itself, the answer is 409
    /// `group_cycle`. If nothing is different afterwards, the `ETag` stays the same.
    #[oai(path = "/groups/:id", method = "patch", operation_id = "change_group")]
    async fn change(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<GroupId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeGroupRequest>,
    ) -> Result<Shown<GroupBody>, Problem> {
        let ChangeGroupRequest { name, description, roles, parent_id } = body.0;
        let parent_id = match parent_id {
            MaybeUndefined::Undefined => Patch::Keep,
            MaybeUndefined::Null => Patch::Clear,
            MaybeUndefined::Value(id) => Patch::Set(id.0),
        };
        let (name, description, roles) = (patch(name), patch(description), patch(roles));
        let command = ChangeGroupCommand { group_id: id.0, precondition, name, description, roles, parent_id };
        Ok(shown(caller.app().identity.change_group.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a group
    ///
    /// Deletes a group permanently. Needs the permission `identity.role.manage`, and every permission that members would
    /// have. If the group has members or groups under it, the answer is 409 `group_in_use`, and says how many.
    #[oai(path = "/groups/:id", method = "delete", operation_id = "delete_group")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<GroupId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = DeleteGroupCommand { group_id: id.0, precondition };
        caller.app().identity.delete_group.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }

    /// List the members of a group
    ///
    /// Lists the accounts that are in the group itself, and not those in groups under it. Needs the permission
    /// `identity.user.read`.
    #[oai(path = "/groups/:id/members", method = "get", operation_id = "list_group_members")]
    async fn members(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<GroupId>>,
        Sent(list): List<UserSortKey>,
    ) -> Result<Listed<AccountBody>, Problem> {
        let list = list.open(&caller, path_of(GROUPS, id.0, "/members"))?;
        let sort = UserSort { key: list.key, direction: list.direction };
        let page = caller.app().identity.list_group_members.execute(&caller.actor, id.0, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Add a member to a group
    ///
    /// Puts an account into the group. Its sessions go on, and each next request is judged by the new roles. Needs the
    /// permission `identity.user.manage`, and every permission that members have; otherwise the answer is 403
    /// `role_not_held`. An account can be in 32 groups. The `ETag` and `If-Match` are those of the account. A member is
    /// returned unchanged.
    #[oai(path = "/groups/:id/members/:user_id", method = "put", operation_id = "add_group_member")]
    async fn add(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<GroupId>>,
        Path(user_id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = GroupMemberCommand { group_id: id.0, user_id: user_id.0, precondition };
        let add = &caller.app().identity.add_group_member;
        Ok(accounts::shown(add.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Take a member out of a group
    ///
    /// Takes an account out of the group. Its sessions go on, and each next request is judged by the roles that are left.
    /// Needs the permission `identity.user.manage`, and every permission that members have; otherwise the answer is 403
    /// `role_not_held`. The `ETag` and `If-Match` are those of the account. An account that is no member is returned
    /// unchanged.
    #[oai(path = "/groups/:id/members/:user_id", method = "delete", operation_id = "remove_group_member")]
    async fn remove(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<GroupId>>,
        Path(user_id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = GroupMemberCommand { group_id: id.0, user_id: user_id.0, precondition };
        let remove = &caller.app().identity.remove_group_member;
        Ok(accounts::shown(remove.execute_once(&caller.actor, key.as_ref(), command).await?))
    }
}
