//! The use cases, queries and ports of identity.
//!
//! Uses `files`, which keep the archives of exports.
//! Uses `jobs`, which send the mails to the owners of accounts, and make exports.

mod account_export;
mod account_mails;
mod account_policy;
mod account_scopes;
mod add_email_keys;
mod authenticate;
mod authenticate_cookie;
mod change_group;
mod change_password;
mod change_role;
mod change_user;
mod confirm_email;
pub mod constraints;
mod create_group;
mod create_role;
mod create_user;
mod delete_account;
mod delete_group;
mod delete_role;
mod delete_user;
mod deletion;
mod device_tokens;
mod disable_user;
mod enable_user;
mod end_session;
mod end_sessions;
mod end_user_sessions;
mod erase_accounts;
pub(crate) mod erasures;
mod export_account;
mod export_sections;
mod extra_claims;
mod get_csrf_token;
mod get_profile;
mod group_fields;
mod group_members;
mod group_queries;
mod group_view;
mod hooks;
mod import_user;
mod invite_user;
mod issue_setup_token;
mod last_admin;
mod link_tokens;
mod linked_address;
mod log_in;
mod log_out;
mod login_attempts;
mod login_notices;
mod mail_attempts;
mod new_account;
mod new_session;
mod own_password;
mod password_check;
mod policy_cache;
mod ports;
mod read_account_mail;
mod redeem_link;
mod refresh_session;
mod refresh_tokens;
mod register_user;
mod request_email_change;
mod request_link;
mod resend_invitation;
mod reset_password;
mod restore_email;
mod role_fields;
mod role_queries;
mod role_view;
mod sealed_texts;
mod session_cookies;
mod session_judge;
mod session_policy;
mod session_queries;
mod session_tokens;
mod set_up;
mod set_user_roles;
mod stronger_account;
mod sweep_account_links;
mod sweep_known_networks;
mod sweep_sessions;
mod user_list;
mod user_queries;
mod verify_email;

pub use account_export::{AccountExport, ExportState, ExportView, GetExport, RequestExport, RequestExportError};
pub use account_mails::{AccountMail, AccountMailKind, AccountMails};
pub use account_policy::{AccountPolicy, Registration};
pub use account_scopes::AccountScopes;
pub use add_email_keys::AddEmailKeys;
pub use authenticate::{Authenticate, AuthenticateError, InvalidToken};
pub use authenticate_cookie::{AuthenticateCookie, AuthenticateCookieError, CookieUse, CsrfTokenInvalid};
pub use change_group::{ChangeGroup, ChangeGroupCommand, ChangeGroupError};
pub use change_password::{ChangePassword, ChangePasswordCommand, ChangePasswordError, WrongPassword};
pub use change_role::{ChangeRole, ChangeRoleCommand, ChangeRoleError};
pub use change_user::{
    ChangeProfile, ChangeProfileCommand, ChangeUser, ChangeUserCommand, ChangeUserError, UserChange,
};
pub use confirm_email::{ConfirmEmail, ConfirmEmailCommand, ConfirmEmailError};
pub use create_group::{CreateGroup, CreateGroupCommand, CreateGroupError};
pub use create_role::{CreateRole, CreateRoleCommand, CreateRoleError};
pub use create_user::{CreateUser, CreateUserCommand, CreateUserError};
pub use delete_account::{DeleteAccount, DeleteAccountCommand, DeleteAccountError};
pub use delete_group::{DeleteGroup, DeleteGroupCommand, DeleteGroupError};
pub use delete_role::{DeleteRole, DeleteRoleCommand, DeleteRoleError};
pub use delete_user::{DeleteUser, DeleteUserError};
pub use device_tokens::{DeviceToken, DeviceTokens};
pub use disable_user::{DisableUser, DisableUserError, UserCommand};
pub use enable_user::{EnableUser, EnableUserError, ErasureDue};
pub use end_session::{EndSession, EndSessionCommand, EndSessionError};
pub use end_sessions::{EndSessions, EndSessionsCommand, EndSessionsError};
pub use end_user_sessions::{EndUserSessions, EndUserSessionsCommand, EndUserSessionsError};
pub use erase_accounts::EraseAccounts;
pub use export_account::{ExportAccount, ExportAccountHandler};
pub use export_sections::{ExportKnownNetworks, ExportProfile, ExportSessions};
pub use extra_claims::{ExtraClaims, InvalidClaims};
pub use get_csrf_token::{GetCsrfToken, GetCsrfTokenError, NoCookieSession};
pub use get_profile::GetProfile;
pub use group_fields::{GroupCycle, GroupInUse, GroupNameTaken, GroupTooDeep, TooManyGroups, TooManyMemberships};
pub use group_members::{
    AddGroupMember, AddGroupMemberError, GroupMemberCommand, RemoveGroupMember, RemoveGroupMemberError,
};
pub use group_queries::{ListGroupMembers, ListGroups};
pub use group_view::GroupView;
pub use hooks::{
    AskedRegistration, DeviceObserver, HookReason, HookVerdict, IdentityHooks, NewDeviceLogin, NewPassword,
    PasswordRule, RegistrationGate, TokenClaims,
};
#[cfg(any(test, feature = "testing"))]
pub use hooks::{MockDeviceObserver, MockPasswordRule, MockRegistrationGate, MockTokenClaims};
pub use import_user::{CheckImport, ImportUser, ImportUserCommand, ImportUserError};
pub use invite_user::{InviteUser, InviteUserCommand, InviteUserError};
pub use issue_setup_token::{IssueSetupToken, IssueSetupTokenError};
pub use last_admin::LastAdmin;
pub use link_tokens::LinkTokens;
pub use log_in::{InvalidCredentials, LogIn, LogInCommand, LogInError};
pub use log_out::{LogOut, LogOutError};
pub use new_account::{AccountInput, Accounts, EmailTaken, HasherBusy, InvitedInput, NewAccountError};
pub use ports::*;
pub use read_account_mail::{AddressedMail, ReadAccountMail, ReadAccountMailError, SeenLogin};
pub use redeem_link::LinkInvalid;
pub use refresh_session::{InvalidRefreshToken, RefreshSession, RefreshSessionCommand, RefreshSessionError};
pub use refresh_tokens::RefreshTokens;
pub use register_user::{
    RegisterUser, RegisterUserCommand, RegisterUserError, Registered, RegistrationClosed, RegistrationRefused,
};
pub use request_email_change::{RequestEmailChange, RequestEmailChangeCommand, RequestEmailChangeError};
pub use request_link::{RequestLink, RequestLinkCommand, RequestLinkError};
pub use resend_invitation::{NotInvited, ResendInvitation, ResendInvitationError};
pub use reset_password::{ResetPassword, ResetPasswordCommand, ResetPasswordError};
pub use restore_email::{RestoreEmail, RestoreEmailCommand, RestoreEmailError};
pub use role_fields::{
    PermissionNotHeld, RoleInGroups, RoleInUse, RoleIsBuiltIn, RoleNameTaken, RolePolicy, TooManyRoles,
};
pub use role_queries::ListRoles;
pub use role_view::{PermissionView, RoleView};
pub use session_cookies::{CookieAnswer, SessionCookies};
pub use session_judge::SessionJudge;
pub use session_policy::SessionPolicy;
pub use session_queries::{ListSessions, ListedSession};
pub use session_tokens::{LogInAnswer, SessionSecrets, SessionTokens, StartedSession};
pub use set_up::{SetUp, SetUpCommand, SetUpError, SetupClosed, SetupTokenInvalid};
pub use set_user_roles::{RoleChange, RoleNotHeld, SetUserRoles, SetUserRolesCommand, SetUserRolesError};
pub use stronger_account::StrongerAccount;
pub use sweep_account_links::SweepAccountLinks;
pub use sweep_known_networks::SweepKnownNetworks;
pub use sweep_sessions::SweepSessions;
pub use user_list::{UserFilter, UserSort, UserSortKey};
pub use user_queries::{GetUser, ListUserSessions, ListUsers};
pub use verify_email::{VerifyEmail, VerifyEmailCommand, VerifyEmailError};

use self::{
    login_attempts::LoginAttempts, login_notices::LoginNotices, mail_attempts::MailAttempts, own_password::OwnPassword,
};
use crate::{
    app::{Policies, Ports},
    kernel::{Commands, UseCase},
};
use skep_domain::identity::LinkPurpose;
use std::sync::Arc;

/// The use cases of identity, for accounts and sessions.
pub struct Identity {
    /// Creates an account with a password, for anyone.
    pub register_user: RegisterUser,
    /// Mails a link to reset a password.
    pub forgot_password: RequestLink,
    /// Sets a new password through a link.
    pub reset_password: ResetPassword,
    /// Mails a link to verify an address.
    pub resend_verification: RequestLink,
    /// Verifies an address through a link.
    pub verify_email: VerifyEmail,
    /// Says what a mail to the owner of an account has in it.
    pub read_account_mail: ReadAccountMail,
    /// Starts a session and issues its tokens or its cookie.
    pub log_in: LogIn,
    /// Issues an access token for a refresh token.
    pub refresh_session: RefreshSession,
    /// Turns an access token into a user.
    pub authenticate: Authenticate,
    /// Turns a cookie into a user.
    pub authenticate_cookie: AuthenticateCookie,
    /// Shows the token against forged requests.
    pub get_csrf_token: GetCsrfToken,
    /// Ends the session of the actor.
    pub log_out: UseCase<LogOut>,
    /// Lists the sessions of the actor.
    pub list_sessions: ListSessions,
    /// Ends a session of the actor.
    pub end_session: UseCase<EndSession>,
    /// Ends several sessions of the actor.
    pub end_sessions: UseCase<EndSessions>,
    /// Changes the password of the actor.
    pub change_password: ChangePassword,
    /// Mails a link to the address that the actor's account is to get.
    pub request_email_change: RequestEmailChange,
    /// Gives an account its new address through a link.
    pub confirm_email: ConfirmEmail,
    /// Gives an account its earlier address back through a link.
    pub restore_email: RestoreEmail,
    /// Shows the profile of the actor.
    pub get_profile: GetProfile,
    /// Creates an account, with roles, for another user.
    pub create_user: CreateUser,
    /// Checks an account that is to be imported.
    pub check_import: CheckImport,
    /// Creates an account that comes from another system.
    pub import_user: UseCase<ImportUser>,
    /// Creates an account that waits for its owner, and mails an invitation.
    pub invite_user: UseCase<InviteUser>,
    /// Mails another invitation.
    pub resend_invitation: UseCase<ResendInvitation>,
    /// Sets the first password of an account through an invitation.
    pub accept_invitation: ResetPassword,
    /// Changes the profile of the actor.
    pub change_profile: UseCase<ChangeProfile>,
    /// Lists accounts.
    pub list_users: ListUsers,
    /// Shows an account.
    pub get_user: GetUser,
    /// Changes an account.
    pub change_user: UseCase<ChangeUser>,
    /// Disables an account.
    pub disable_user: UseCase<DisableUser>,
    /// Deletes the account of the actor.
    pub delete_account: DeleteAccount,
    /// Begins an export of the data of the actor.
    pub request_export: RequestExport,
    /// Shows an export of the actor.
    pub get_export: GetExport,
    /// Deletes an account.
    pub delete_user: UseCase<DeleteUser>,
    /// Enables an account, and takes a deletion back.
    pub enable_user: UseCase<EnableUser>,
    /// Replaces the roles of an account.
    pub set_user_roles: UseCase<SetUserRoles>,
    /// Lists the permissions and the roles.
    pub list_roles: ListRoles,
    /// Creates a role of the deployment.
    pub create_role: UseCase<CreateRole>,
    /// Changes a role of the deployment.
    pub change_role: UseCase<ChangeRole>,
    /// Deletes a role of the deployment.
    pub delete_role: UseCase<DeleteRole>,
    /// Lists the groups in the order of their names.
    pub list_groups: ListGroups,
    /// Creates a group, at the top or under another one.
    pub create_group: UseCase<CreateGroup>,
    /// Changes a group, and moves it under another one.
    pub change_group: UseCase<ChangeGroup>,
    /// Deletes a group without members and without groups under it.
    pub delete_group: UseCase<DeleteGroup>,
    /// Returns a page of the accounts in a group.
    pub list_group_members: ListGroupMembers,
    /// Puts an account into a group.
    pub add_group_member: UseCase<AddGroupMember>,
    /// Takes an account out of a group.
    pub remove_group_member: UseCase<RemoveGroupMember>,
    /// Lists the sessions of an account.
    pub list_user_sessions: ListUserSessions,
    /// Ends the sessions of an account.
    pub end_user_sessions: UseCase<EndUserSessions>,
    /// Creates the first admin.
    pub set_up: SetUp,
    /// Issues the token for creating the first admin.
    pub issue_setup_token: IssueSetupToken,
}

impl Identity {
    /// Builds the use cases on these ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        let Ports { store, runtime, hasher, tokens, fingerprints, secrets, limits, hooks, .. } = ports.clone();
        let (passwords, sessions) = (policies.passwords, policies.sessions);
        let accounts = Accounts { hasher, passwords, runtime: runtime.clone(), hooks: hooks.clone() };
        let commands =
            Commands::<dyn IdentityTx>::new(ports.store.clone(), ports.fingerprints.clone(), ports.runtime.clone());
        let refresh = RefreshTokens::new(secrets.clone(), fingerprints.clone());
        let session_tokens = SessionTokens::new(tokens.clone(), refresh, hooks);
        let cookies = SessionCookies::new(secrets.clone(), fingerprints.clone());
        let devices = DeviceTokens::new(secrets.clone(), fingerprints.clone());
        let session_secrets = SessionSecrets { tokens: session_tokens.clone(), cookies: cookies.clone(), devices };
        let judge = Arc::new(SessionJudge::new(store.clone(), store.clone(), runtime.clone()));
        let attempts = LoginAttempts::new(limits.clone(), fingerprints.clone());
        let links = LinkTokens::new(secrets.clone(), fingerprints.clone());
        let mails = AccountMails::new(links.clone(), policies.accounts, runtime.clone());
        let mail_attempts =
            MailAttempts::new(attempts.clone(), fingerprints.clone(), sessions.networks, policies.accounts);
        let request_link = |purpose| {
            let (mails, attempts) = (mails.clone(), mail_attempts.clone());
            RequestLink::new(purpose, store.clone(), mails, attempts, fingerprints.clone(), runtime.clone())
        };
        let own_password =
            || OwnPassword::new(store.clone(), &accounts, limits.clone(), fingerprints.clone(), sessions);
        let reset_password = |purpose| ResetPassword::new(purpose, store.clone(), accounts.clone(), mails.clone());
        let check_import = CheckImport::new(accounts.clone(), store.clone(), store.clone());
        let verified_only = policies.accounts.registration == Registration::Verified;
        Self {
            forgot_password: request_link(LinkPurpose::ResetPassword),
            resend_verification: request_link(LinkPurpose::VerifyEmail),
            reset_password: reset_password(LinkPurpose::ResetPassword),
            accept_invitation: reset_password(LinkPurpose::AcceptInvitation),
            verify_email: VerifyEmail::new(store.clone(), own_password(), mails.clone()),
            read_account_mail: ReadAccountMail::new(store.clone(), links, runtime.clone()),
            register_user: RegisterUser::new(store.clone(), accounts.clone(), mails.clone(), mail_attempts.clone()),
            log_in: LogIn::new(
                store.clone(),
                store.clone(),
                accounts.clone(),
                session_secrets.clone(),
                attempts.clone(),
                LoginNotices::new(mails.clone(), mail_attempts.clone()),
                SessionPolicy { verified_only, ..sessions },
            ),
            refresh_session: RefreshSession::new(store.clone(), session_tokens, attempts, sessions, runtime.clone()),
            log_out: UseCase::new(LogOut, &commands),
            list_sessions: ListSessions::new(store.clone(), runtime.clone()),
            end_session: UseCase::new(EndSession, &commands),
            end_sessions: UseCase::new(EndSessions, &commands),
            request_email_change: RequestEmailChange::new(
                store.clone(),
                own_password(),
                mails.clone(),
                mail_attempts.clone(),
            ),
            confirm_email: ConfirmEmail::new(store.clone(), own_password(), mails.clone()),
            delete_account: DeleteAccount::new(store.clone(), own_password(), mails.clone()),
            request_export: RequestExport::new(store.clone(), runtime.clone()),
            get_export: GetExport::new(store.clone(), store.clone()),
            restore_email: RestoreEmail::new(store.clone(), accounts.clone(), secrets.clone(), mails.clone()),
            change_password: ChangePassword::new(
                store.clone(),
                store.clone(),
                accounts.clone(),
                session_secrets,
                limits,
                fingerprints,
                sessions,
            ),
            authenticate: Authenticate::new(tokens, judge.clone()),
            authenticate_cookie: AuthenticateCookie::new(cookies.clone(), judge, store.clone(), sessions),
            get_csrf_token: GetCsrfToken::new(cookies),
            get_profile: GetProfile::new(store.clone()),
            create_user: CreateUser::new(store.clone(), accounts.clone()),
            check_import: check_import.clone(),
            import_user: UseCase::new(ImportUser::new(check_import, secrets.clone()), &commands),
            invite_user: UseCase::new(InviteUser::new(accounts.clone(), secrets.clone(), mails.clone()), &commands),
            resend_invitation: UseCase::new(ResendInvitation::new(mails.clone()), &commands),
            change_profile: UseCase::new(ChangeProfile, &commands),
            list_users: ListUsers::new(store.clone(), runtime.clock.clone()),
            get_user: GetUser::new(store.clone()),
            change_user: UseCase::new(ChangeUser, &commands),
            disable_user: UseCase::new(DisableUser, &commands),
            delete_user: UseCase::new(DeleteUser::new(mails), &commands),
            enable_user: UseCase::new(EnableUser, &commands),
            set_user_roles: UseCase::new(SetUserRoles, &commands),
            list_roles: ListRoles::new(store.clone()),
            create_role: UseCase::new(CreateRole::new(policies.roles), &commands),
            change_role: UseCase::new(ChangeRole, &commands),
            delete_role: UseCase::new(DeleteRole, &commands),
            list_groups: ListGroups::new(store.clone()),
            create_group: UseCase::new(CreateGroup::new(policies.roles), &commands),
            change_group: UseCase::new(ChangeGroup, &commands),
            delete_group: UseCase::new(DeleteGroup, &commands),
            list_group_members: ListGroupMembers::new(store.clone(), store.clone()),
            add_group_member: UseCase::new(AddGroupMember, &commands),
            remove_group_member: UseCase::new(RemoveGroupMember, &commands),
            list_user_sessions: ListUserSessions::new(store.clone(), store.clone(), runtime.clone()),
            end_user_sessions: UseCase::new(EndUserSessions, &commands),
            set_up: SetUp::new(store.clone(), secrets.clone(), accounts),
            issue_setup_token: IssueSetupToken::new(store, secrets, runtime),
        }
    }
}

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod role_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod user_tests;
