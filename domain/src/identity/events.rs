//! The events of accounts.

use super::{Session, User};
use crate::{
    access::{Group, GroupId, OwnRole, Role, RoleId, RoleName},
    shared::{SessionId, Timestamp, UserId, events},
};

events! {
    /// An account was created by its owner, by an admin, or at setup.
    UserRegistered = "identity.user_registered.v1" of user_id {
        /// The new account.
        user_id: UserId,
        /// The roles of the account.
        roles: Vec<Role>,
    }

    /// A user logged in. The aggregate is the new session.
    UserLoggedIn = "identity.user_logged_in.v1" of session_id {
        /// The account that logged in.
        user_id: UserId,
        /// The new session.
        session_id: SessionId,
    }

    /// A user ended a session before it expired: by logging out, or in the list of sessions.
    SessionEnded = "identity.session_ended.v1" of session_id {
        /// The account that was logged in.
        user_id: UserId,
        /// The session that was ended.
        session_id: SessionId,
    }

    /// A user ended several sessions at once. The aggregate is the account, which keeps its version.
    SessionsEnded = "identity.sessions_ended.v1" of user_id {
        /// The account.
        user_id: UserId,
        /// The only session that goes on; `null` if all were ended.
        kept_session_id: Option<SessionId>,
    }

    /// A refresh token was presented again after its time, perhaps by a thief. This ended its session.
    RefreshTokenReused = "identity.refresh_token_reused.v1" of session_id {
        /// The account that was logged in.
        user_id: UserId,
        /// The session that was ended.
        session_id: SessionId,
    }

    /// A user changed the password. This ended every session and started one for the caller.
    PasswordChanged = "identity.password_changed.v1" of user_id {
        /// The account.
        user_id: UserId,
        /// The new session of the caller.
        session_id: SessionId,
    }

    /// The password of an account was replaced through a link that was mailed to its address. This ended every session.
    UserPasswordReset = "identity.user_password_reset.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// The owner of an account showed that the mails to its address reach them.
    UserEmailVerified = "identity.user_email_verified.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// An account that waits for its owner was sent another invitation.
    UserInvited = "identity.user_invited.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// The owner of an account that an admin has created set the first password.
    InvitationAccepted = "identity.invitation_accepted.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// The address of an account was replaced through a link that was mailed to the new one, or an earlier address was
    /// restored through a link that was mailed to it. This ended every session. A restored account has no password that
    /// works until its owner sets another one.
    UserEmailChanged = "identity.user_email_changed.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// The display name of an account was changed, by its owner or by an admin.
    ProfileChanged = "identity.profile_changed.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// An account was disabled. This ended every session.
    UserDisabled = "identity.user_disabled.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// An account was deleted, by its owner, an admin or an operator. This ended every session. Until the account is erased, an admin
    /// can take the deletion back, which `identity.user_enabled.v1` reports.
    UserDeletionRequested = "identity.user_deletion_requested.v1" of user_id {
        /// The account.
        user_id: UserId,
        /// The time from which on the account is erased.
        erase_at: Timestamp,
    }

    /// The grace of a deleted account is over, and its data is erased. The version of the event is the one after the
    /// account's last version.
    UserErased = "identity.user_erased.v1" of user_id {
        /// The account, which no longer exists.
        user_id: UserId,
    }

    /// An account that was disabled or deleted can be used again.
    UserEnabled = "identity.user_enabled.v1" of user_id {
        /// The account.
        user_id: UserId,
    }

    /// The roles of an account were changed. Its sessions go on with the new roles.
    UserRolesChanged = "identity.user_roles_changed.v1" of user_id {
        /// The account.
        user_id: UserId,
        /// All roles of the account from now on.
        roles: Vec<Role>,
    }

    /// A role of the deployment was created.
    RoleCreated = "identity.role_created.v1" of role_id {
        /// The new role.
        role_id: RoleId,
        /// The name of the role.
        name: RoleName,
        /// The permissions of the role, sorted.
        permissions: Vec<String>,
    }

    /// The description or the permissions of a role were changed. Every account that has the role is judged by the new
    /// permissions from its next request on.
    RoleChanged = "identity.role_changed.v1" of role_id {
        /// The role that was changed.
        role_id: RoleId,
        /// The name of the role, which stays.
        name: RoleName,
        /// All permissions of the role from now on, sorted.
        permissions: Vec<String>,
    }

    /// A role that no account had was deleted. The version of the event is the one after the role's last version.
    RoleDeleted = "identity.role_deleted.v1" of role_id {
        /// The role that was deleted.
        role_id: RoleId,
        /// The name of the role.
        name: RoleName,
    }

    /// An account was put into a group or taken out of one. Its sessions go on with the roles that it has then.
    UserGroupsChanged = "identity.user_groups_changed.v1" of user_id {
        /// The account.
        user_id: UserId,
        /// All groups of the account from now on.
        group_ids: Vec<GroupId>,
    }

    /// A group of accounts was created.
    GroupCreated = "identity.group_created.v1" of group_id {
        /// The new group.
        group_id: GroupId,
        /// The roles of the group itself, sorted.
        roles: Vec<Role>,
        /// The group that it is under; `null` at the top.
        parent_id: Option<GroupId>,
    }

    /// The name, the description, the roles or the place of a group were changed. Its members, and those of the groups
    /// under it, are judged by the new roles from their next request on.
    GroupChanged = "identity.group_changed.v1" of group_id {
        /// The group that was changed.
        group_id: GroupId,
        /// All roles of the group itself from now on, sorted.
        roles: Vec<Role>,
        /// The group that it is under from now on; `null` at the top.
        parent_id: Option<GroupId>,
    }

    /// A group without members was deleted. The version of the event is the one after the group's last version.
    GroupDeleted = "identity.group_deleted.v1" of group_id {
        /// The group that was deleted.
        group_id: GroupId,
    }
}

impl UserGroupsChanged {
    /// The event of this account after its change.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self { user_id: user.id, group_ids: user.groups().collect() }
    }
}

impl GroupCreated {
    /// The event of this new group.
    #[must_use]
    pub fn of(group: &Group) -> Self {
        Self { group_id: group.id, roles: group.roles.iter().cloned().collect(), parent_id: group.parent_id }
    }
}

impl GroupChanged {
    /// The event of this group after its change.
    #[must_use]
    pub fn of(group: &Group) -> Self {
        Self { group_id: group.id, roles: group.roles.iter().cloned().collect(), parent_id: group.parent_id }
    }
}

impl RoleCreated {
    /// The event of this new role.
    #[must_use]
    pub fn of(role: &OwnRole) -> Self {
        Self { role_id: role.id, name: role.name.clone(), permissions: role.permissions.iter().cloned().collect() }
    }
}

impl RoleChanged {
    /// The event of this role after its change.
    #[must_use]
    pub fn of(role: &OwnRole) -> Self {
        Self { role_id: role.id, name: role.name.clone(), permissions: role.permissions.iter().cloned().collect() }
    }
}

impl RoleDeleted {
    /// The event of this role, which no longer exists.
    #[must_use]
    pub fn of(role: &OwnRole) -> Self {
        Self { role_id: role.id, name: role.name.clone() }
    }
}

impl UserRegistered {
    /// The event of this new account.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self { user_id: user.id, roles: user.own_roles().cloned().collect() }
    }
}

impl UserLoggedIn {
    /// The event of this new session.
    #[must_use]
    pub const fn of(session: &Session) -> Self {
        Self { user_id: session.user_id, session_id: session.id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::{Email, Text, assert_payload};
    use serde_json::json;
    use uuid::Uuid;

    fn payload_with_roles() -> serde_json::Value {
        json!({ "user_id": "00000000-0000-0000-0000-000000000001", "roles": ["admin", "user"] })
    }

    #[test]
    fn published_payloads_do_not_change() {
        let (user_id, session_id) = (UserId::new(Uuid::from_u128(1)), SessionId::new(Uuid::from_u128(2)));
        let (email, name) = (Email::parse("bea@example.com").unwrap(), Text::line("Bea", 9).unwrap());
        let user = User::register(user_id, email, name, &[Role::ADMIN], String::new(), Timestamp::MIN);
        let event = UserRegistered::of(&user);
        assert_payload(&event, user_id.uuid(), &payload_with_roles());

        let event = UserLoggedIn::of(&Session::start(session_id, user_id, Timestamp::MIN, 1));
        let payload = json!({
            "user_id": "00000000-0000-0000-0000-000000000001",
            "session_id": "00000000-0000-0000-0000-000000000002",
        });
        assert_payload(&event, session_id.uuid(), &payload);
        assert_payload(&SessionEnded { user_id, session_id }, session_id.uuid(), &payload);
        assert_payload(&RefreshTokenReused { user_id, session_id }, session_id.uuid(), &payload);
        assert_payload(&PasswordChanged { user_id, session_id }, user_id.uuid(), &payload);

        let account = json!({ "user_id": "00000000-0000-0000-0000-000000000001" });
        assert_payload(&ProfileChanged { user_id }, user_id.uuid(), &account);
        assert_payload(&UserPasswordReset { user_id }, user_id.uuid(), &account);
        assert_payload(&UserEmailVerified { user_id }, user_id.uuid(), &account);
        assert_payload(&UserEmailChanged { user_id }, user_id.uuid(), &account);
        assert_payload(&UserInvited { user_id }, user_id.uuid(), &account);
        assert_payload(&InvitationAccepted { user_id }, user_id.uuid(), &account);
        assert_payload(&UserDisabled { user_id }, user_id.uuid(), &account);
        assert_payload(&UserEnabled { user_id }, user_id.uuid(), &account);
        assert_payload(&UserErased { user_id }, user_id.uuid(), &account);
        let payload = json!({
            "user_id": "00000000-0000-0000-0000-000000000001", "erase_at": "1970-01-01T00:00:01.000Z",
        });
        let erase_at = Timestamp::from_millis(1_000).unwrap();
        assert_payload(&UserDeletionRequested { user_id, erase_at }, user_id.uuid(), &payload);
        let event = UserRolesChanged { user_id, roles: vec![Role::ADMIN, Role::USER] };
        assert_payload(&event, user_id.uuid(), &payload_with_roles());

        let id = RoleId::new(Uuid::from_u128(3));
        let (name, text) = (RoleName::parse("baker").unwrap(), Text::line("Bakes", 9).unwrap());
        let permissions = ["shop.oven.heat", "shop.bread.bake"].map(str::to_owned).into();
        let role = OwnRole::create(id, name, text, permissions, Timestamp::MIN);
        let payload = json!({
            "role_id": id.uuid(), "name": "baker", "permissions": ["shop.bread.bake", "shop.oven.heat"],
        });
        assert_payload(&RoleCreated::of(&role), id.uuid(), &payload);
        assert_payload(&RoleChanged::of(&role), id.uuid(), &payload);
        assert_payload(&RoleDeleted::of(&role), id.uuid(), &json!({ "role_id": id.uuid(), "name": "baker" }));

        let group_id = GroupId::new(Uuid::from_u128(4));
        let mut member = user.clone();
        assert_eq!(member.join(group_id, Timestamp::MIN), Ok(true));
        let payload = json!({ "user_id": user_id.uuid(), "group_ids": [group_id.uuid()] });
        assert_payload(&UserGroupsChanged::of(&member), user_id.uuid(), &payload);
        let fields = crate::access::GroupFields {
            name: Text::line("Crew", 9).unwrap(),
            description: Text::line("Bakes", 9).unwrap(),
            roles: [Role::stored("baker")].into(),
            parent_id: Some(GroupId::new(Uuid::from_u128(5))),
        };
        let group = Group::create(group_id, fields, Timestamp::MIN);
        let payload = json!({ "group_id": group_id.uuid(), "roles": ["baker"], "parent_id": group.parent_id });
        assert_payload(&GroupCreated::of(&group), group_id.uuid(), &payload);
        assert_payload(&GroupChanged::of(&group), group_id.uuid(), &payload);
        assert_payload(&GroupDeleted { group_id }, group_id.uuid(), &json!({ "group_id": group_id.uuid() }));

        for kept in [Some(session_id), None] {
            let payload = json!({ "user_id": "00000000-0000-0000-0000-000000000001", "kept_session_id": kept });
            assert_payload(&SessionsEnded { user_id, kept_session_id: kept }, user_id.uuid(), &payload);
        }
    }
}
