//! Reading groups and their members.

use super::{GroupView, RoleQueries, UserFilter, UserQueries, UserSort, UserView};
use crate::kernel::{Actor, GetError, ListError, NotFound, Page, PageRequest, Reader};
use skep_domain::{
    access::{GroupId, Membership, Role},
    identity::actions,
};
use std::sync::Arc;

/// Reads the groups.
pub struct ListGroups(Reader<dyn RoleQueries>);

impl ListGroups {
    /// Makes the use case. It reads the groups through `roles`.
    #[must_use]
    pub fn new(roles: Arc<dyn RoleQueries>) -> Self {
        Self(Reader::new(actions::READ_ROLE, roles))
    }

    /// Lists the groups in the order of their names.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn execute(&self, actor: &Actor) -> Result<Vec<GroupView>, ListError> {
        let policy = self.0.open(actor)?.find_policy().await?;
        let mut groups: Vec<_> = policy.groups().map(|group| GroupView::of(group, &policy)).collect();
        groups.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
        Ok(groups)
    }

    /// Finds the group with this id.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn get(&self, actor: &Actor, id: GroupId) -> Result<GroupView, GetError> {
        let policy = self.0.open(actor)?.find_policy().await?;
        Ok(policy.group(id).map(|group| GroupView::of(group, &policy)).ok_or(NotFound("group"))?)
    }
}

/// Returns pages of the accounts in a group.
pub struct ListGroupMembers {
    users: Reader<dyn UserQueries>,
    roles: Arc<dyn RoleQueries>,
}

impl ListGroupMembers {
    /// Makes the use case. It reads accounts through `users`, and groups through `roles`.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>, roles: Arc<dyn RoleQueries>) -> Self {
        Self { users: Reader::new(actions::READ_USER, users), roles }
    }

    /// Reads a page of the accounts that are in the group itself.
    ///
    /// # Errors
    /// [`GetError`].
    pub async fn execute(
        &self,
        actor: &Actor,
        id: GroupId,
        sort: UserSort,
        page: &PageRequest,
    ) -> Result<Page<UserView>, GetError> {
        let users = self.users.open(actor)?;
        if self.roles.find_policy().await?.group(id).is_none() {
            return Err(NotFound("group").into());
        }
        let filter = UserFilter { role: Some(Role::Group(Membership::of(id))), ..UserFilter::default() };
        Ok(users.list_users(&filter, sort, page).await?)
    }
}
