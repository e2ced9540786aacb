//! The operations of identity.

use crate::{
    edge::BodyLimit,
    parts::{Cost, Operation},
};
use skep_application::{
    identity::{
        AddGroupMemberError, ChangeGroupError, ChangePasswordError, ChangeRoleError, ChangeUserError,
        ConfirmEmailError, CreateGroupError, CreateRoleError, DeleteAccountError, DeleteGroupError, DeleteRoleError,
        DeleteUserError, DisableUserError, EnableUserError, EndSessionError, EndSessionsError, EndUserSessionsError,
        GetCsrfTokenError, InviteUserError, LogInError, RefreshSessionError, RegisterUserError, RemoveGroupMemberError,
        RequestEmailChangeError, RequestExportError, RequestLinkError, ResendInvitationError, ResetPasswordError,
        RestoreEmailError, SetUpError, SetUserRolesError, VerifyEmailError,
    },
    kernel::{Denied, GetError, ListError},
};
use skep_domain::identity::actions::{
    CHANGE_EMAIL, CHANGE_PASSWORD, CHANGE_PROFILE, CREATE_USER, DELETE_ACCOUNT, END_SESSION, EXPORT_ACCOUNT,
    MANAGE_ROLE, MANAGE_USER, READ_PROFILE, READ_ROLE, READ_SESSION, READ_USER,
};

/// The limit of a body with an e-mail address and a password.
const CREDENTIALS: BodyLimit = BodyLimit::new(4, 10);
/// The limit of a body that also has a name, or another password.
const ACCOUNT: BodyLimit = BodyLimit::new(8, 10);
/// The limit of a body with a name or with roles.
const SHORT: BodyLimit = BodyLimit::new(4, 10);

/// The limit of a body with the permissions of a role.
const ROLE: BodyLimit = BodyLimit::new(16, 10);

/// Each operation with its action and the refusals of its use case.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_credentials("register_user", RegisterUserError::REFUSALS).body(ACCOUNT),
    Operation::with_credentials("log_in", LogInError::REFUSALS).body(CREDENTIALS),
    Operation::open("refresh_session", RefreshSessionError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("forgot_password", RequestLinkError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("reset_password", ResetPasswordError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("resend_verification", RequestLinkError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("verify_email", VerifyEmailError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("accept_invitation", ResetPasswordError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("confirm_email", ConfirmEmailError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("restore_email", RestoreEmailError::REFUSALS).body(CREDENTIALS),
    Operation::with_credentials("set_up", SetUpError::REFUSALS).body(ACCOUNT),
    Operation::new("get_profile", READ_PROFILE, GetError::REFUSALS),
    Operation::new("change_password", CHANGE_PASSWORD, ChangePasswordError::REFUSALS)
        .taking_credentials()
        .body(ACCOUNT),
    Operation::new("change_email", CHANGE_EMAIL, RequestEmailChangeError::REFUSALS)
        .taking_credentials()
        .body(CREDENTIALS),
    Operation::new("delete_account", DELETE_ACCOUNT, DeleteAccountError::REFUSALS)
        .taking_credentials()
        .body(CREDENTIALS),
    // Both attempts of a client have the same result, so it takes no key.
    Operation::new("request_export", EXPORT_ACCOUNT, RequestExportError::REFUSALS),
    Operation::new("get_export", EXPORT_ACCOUNT, GetError::REFUSALS),
    // It takes no key, so it cannot be refused because of one.
    Operation::new("log_out", END_SESSION, Denied::REFUSALS),
    Operation::new("get_csrf_token", READ_SESSION, GetCsrfTokenError::REFUSALS),
    Operation::new("list_sessions", READ_SESSION, ListError::REFUSALS),
    Operation::new("end_session", END_SESSION, EndSessionError::REFUSALS),
    Operation::new("end_sessions", END_SESSION, EndSessionsError::REFUSALS),
    Operation::new("change_profile", CHANGE_PROFILE, ChangeUserError::REFUSALS).body(SHORT),
    Operation::new("list_users", READ_USER, ListError::REFUSALS).cost(Cost::Page),
    Operation::new("invite_user", CREATE_USER, InviteUserError::REFUSALS).body(SHORT),
    Operation::new("resend_invitation", MANAGE_USER, ResendInvitationError::REFUSALS),
    Operation::new("get_user", READ_USER, GetError::REFUSALS),
    Operation::new("change_user", MANAGE_USER, ChangeUserError::REFUSALS).body(SHORT),
    Operation::new("disable_user", MANAGE_USER, DisableUserError::REFUSALS),
    Operation::new("delete_user", MANAGE_USER, DeleteUserError::REFUSALS),
    Operation::new("enable_user", MANAGE_USER, EnableUserError::REFUSALS),
    Operation::new("set_user_roles", MANAGE_USER, SetUserRolesError::REFUSALS).body(SHORT),
    Operation::new("list_user_sessions", READ_USER, GetError::REFUSALS),
    Operation::new("list_permissions", READ_ROLE, ListError::REFUSALS),
    Operation::new("list_roles", READ_ROLE, ListError::REFUSALS),
    Operation::new("get_role", READ_ROLE, GetError::REFUSALS),
    Operation::new("create_role", MANAGE_ROLE, CreateRoleError::REFUSALS).body(ROLE),
    Operation::new("change_role", MANAGE_ROLE, ChangeRoleError::REFUSALS).body(ROLE),
    Operation::new("delete_role", MANAGE_ROLE, DeleteRoleError::REFUSALS),
    Operation::new("list_groups", READ_ROLE, ListError::REFUSALS),
    Operation::new("get_group", READ_ROLE, GetError::REFUSALS),
    Operation::new("create_group", MANAGE_ROLE, CreateGroupError::REFUSALS).body(SHORT),
    Operation::new("change_group", MANAGE_ROLE, ChangeGroupError::REFUSALS).body(SHORT),
    Operation::new("delete_group", MANAGE_ROLE, DeleteGroupError::REFUSALS),
    Operation::new("list_group_members", READ_USER, GetError::REFUSALS).cost(Cost::Page),
    Operation::new("add_group_member", MANAGE_USER, AddGroupMemberError::REFUSALS),
    Operation::new("remove_group_member", MANAGE_USER, RemoveGroupMemberError::REFUSALS),
    Operation::new("end_user_sessions", MANAGE_USER, EndUserSessionsError::REFUSALS),
];
