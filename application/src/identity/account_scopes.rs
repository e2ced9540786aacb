//! What accounts may do now, for work on their behalf.

use super::{RoleQueries, UserQueries, session_judge::needs_policy};
use crate::kernel::{Scope, StoreError, account_scope};
use skep_domain::{
    access::{Permissions, Policy},
    identity::AccountState,
    shared::{Action, UserId},
};
use std::sync::Arc;

/// Decides what an account may do at this moment, without a session of it.
#[derive(Clone)]
pub struct AccountScopes {
    users: Arc<dyn UserQueries>,
    roles: Arc<dyn RoleQueries>,
}

impl AccountScopes {
    /// Reads accounts from `users`, and the roles of the deployment from `roles`.
    #[must_use]
    pub fn new(users: Arc<dyn UserQueries>, roles: Arc<dyn RoleQueries>) -> Self {
        Self { users, roles }
    }

    /// The rows to which the account may do `action`. An account that cannot log in may do nothing. The roles of the
    /// deployment are read only if the account has one, or is in a group.
    ///
    /// # Errors
    /// The store's error.
    pub async fn find(&self, id: UserId, action: Action) -> Result<Scope, StoreError> {
        let user = self.users.find_user(Scope::OwnedBy(id), id).await?;
        let Some(user) = user.filter(|user| user.state() == AccountState::Active) else { return Ok(Scope::None) };
        let roles = user.all_roles();
        let policy = if needs_policy(&roles) { self.roles.find_policy().await? } else { Policy::default() };
        Ok(account_scope(id, &Permissions::of(&roles, &policy), action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{MockRoleQueries, MockUserQueries, UserView},
        testing::{ada, own_role},
    };
    use skep_domain::{
        access::{PolicyVersion, Role},
        files::actions::READ_FILE,
        identity::User,
        shared::Timestamp,
    };

    async fn found(user: Option<User>) -> Scope {
        let (mut users, mut roles) = (MockUserQueries::new(), MockRoleQueries::new());
        users.expect_find_user().returning(move |_, _| Ok(user.as_ref().map(UserView::from)));
        let readers = || Policy::new(PolicyVersion::default(), [own_role("reader", &[READ_FILE.name()])]);
        roles.expect_find_policy().returning(move || Ok(readers()));
        AccountScopes::new(Arc::new(users), Arc::new(roles)).find(ada().id, READ_FILE).await.unwrap()
    }

    #[tokio::test]
    async fn the_roles_of_an_active_account_decide_and_any_other_account_may_do_nothing() {
        let with = |role: Role| User { roles: vec![role], ..ada() };
        assert_eq!(found(Some(with(Role::USER))).await, Scope::OwnedBy(ada().id));
        assert_eq!(found(Some(with(Role::ADMIN))).await, Scope::All);
        assert_eq!(found(Some(with(Role::stored("reader")))).await, Scope::All);
        assert_eq!(found(Some(with(Role::stored("unknown")))).await, Scope::None);
        assert_eq!(found(None).await, Scope::None);
        let at = Some(Timestamp::MIN);
        for user in [
            User { disabled_at: at, ..with(Role::ADMIN) },
            User { erase_at: at, ..with(Role::ADMIN) },
            User { invited_at: at, ..with(Role::ADMIN) },
        ] {
            assert_eq!(found(Some(user)).await, Scope::None);
        }
    }
}
