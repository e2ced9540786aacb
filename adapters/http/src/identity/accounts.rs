//! The accounts of all users, for admins.

use super::{
    api::Tag,
    dto::ChangeUserRequest,
    sessions::SessionBody,
    user_filters::{CreatedFrom, CreatedUntil, OfEmail, OfName, OfRole, OfState},
};
use crate::{
    body::{MergePatch, Strict},
    parts::{
        Created, Done, FilterOf, Id, IfMatch, List, Listed, RepeatKey, SelfLink, Sent, Shown, SignedIn, SortKey, patch,
        path_of,
    },
    problem::Problem,
};
use poem_openapi::{Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use skep_application::identity::{
    ChangeProfileCommand, ChangeUserCommand, EndUserSessionsCommand, InviteUserCommand, InvitedInput,
    SetUserRolesCommand, UserCommand, UserFilter, UserSort, UserSortKey, UserView,
};
use skep_domain::{access::GroupId, shared::UserId};

/// The path of the accounts.
const USERS: &str = "/api/v1/users";

#[derive(Default)]
pub(super) struct AccountApi;

impl SortKey for UserSortKey {
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// The roles of an account.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRolesRequest {
    /// All roles from now on, at most 20. Every account has `user`, which may be left out.
    roles: Vec<String>,
}

/// An account for another person, who sets the password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteUserRequest {
    /// The e-mail address to log in with, at most 254 bytes. The invitation is mailed to it.
    email: String,
    /// The name that others see: one line of 1 to 100 characters. It is trimmed and stored in NFC. Characters that
    /// show nothing are refused.
    display_name: String,
    /// The roles of the account, at most 20. Every account has `user`, which may be left out.
    roles: Vec<String>,
}

/// The account of a user, as admins see it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Account")]
pub(super) struct AccountBody {
    /// The id of the user.
    id: Id<UserId>,
    /// The e-mail address as its owner typed it.
    email: String,
    /// Whether the owner has shown that the mails to the address reach them.
    email_verified: bool,
    /// The name that others see.
    display_name: String,
    /// The names of its roles: `user` for every account, and other ones that it was given.
    roles: Vec<String>,
    /// The ids of its groups. The account has the `effective_roles` of each of them, too.
    groups: Vec<Id<GroupId>>,
    /// Whether the user can log in: `invited` until the first password is set, `deleting` until the account is erased.
    state: String,
    /// The time at which the account was disabled; absent if it is active.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    /// The time from which on the account is erased; absent unless it was deleted.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    erase_at: Option<String>,
    /// The time of the invitation that the owner has not accepted; absent if there is no invitation.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_at: Option<String>,
    /// The time of registration.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the account.
    links: SelfLink,
}

impl From<UserView> for AccountBody {
    fn from(user: UserView) -> Self {
        Self {
            id: Id(user.id),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            display_name: user.display_name.as_str().to_owned(),
            roles: user.roles.iter().map(|role| role.name().to_owned()).collect(),
            groups: user.groups.iter().copied().map(Id).collect(),
            state: user.state().name().to_owned(),
            disabled_at: user.disabled_at.map(|at| at.to_string()),
            erase_at: user.erase_at.map(|at| at.to_string()),
            invited_at: user.invited_at.map(|at| at.to_string()),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            links: SelfLink::to(path_of(USERS, user.id, "")),
        }
    }
}

pub(super) fn shown(user: UserView) -> Shown<AccountBody> {
    Shown::of(user.version, user)
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl AccountApi {
    /// List users
    ///
    /// Lists accounts. Needs the permission `identity.user.read`. A cursor belongs to the filters that it was made
    /// with. Names are sorted byte by byte.
    #[oai(path = "/users", method = "get", operation_id = "list_users")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the request")]
    async fn list(
        &self,
        caller: SignedIn,
        Sent(list): List<UserSortKey>,
        Sent(role): FilterOf<OfRole>,
        Sent(state): FilterOf<OfState>,
        Sent(email): FilterOf<OfEmail>,
        Sent(name): FilterOf<OfName>,
        Sent(from): FilterOf<CreatedFrom>,
        Sent(until): FilterOf<CreatedUntil>,
    ) -> Result<Listed<AccountBody>, Problem> {
        let filters = [role.query(), state.query(), email.query(), name.query(), from.query(), until.query()].concat();
        let list = list.open_narrowed(&caller, USERS, filters)?;
        let filter = UserFilter {
            role: role.0.map(|role| role.0),
            state: state.0.map(|state| state.0),
            email: email.0.map(|email| email.0),
            name: name.0.map(|name| name.0),
            created_from: from.0.map(|from| from.0),
            created_until: until.0.map(|until| until.0),
        };
        let sort = UserSort { key: list.key, direction: list.direction };
        let page = caller.app().identity.list_users.execute(&caller.actor, &filter, sort, &list.page).await?;
        Ok(list.answer(page))
    }

    /// Invite a user
    ///
    /// Creates an account without a password, and mails a link to set it (`POST /api/v1/auth/accept-invitation`). The link
    /// works once, by default for 72 hours. Until then, the `state` of the account is `invited`, and each login to it is
    /// answered like one with a wrong password. Needs the permission `identity.user.create`. The caller can give only
    /// roles whose every permission it has itself; otherwise the answer is 403 `role_not_held`. If the address has an
    /// account, the answer is 409 `email_taken`.
    #[oai(path = "/users", method = "post", operation_id = "invite_user")]
    async fn invite(
        &self,
        caller: SignedIn,
        Sent(key): RepeatKey,
        body: Strict<InviteUserRequest>,
    ) -> Result<Created<AccountBody>, Problem> {
        let InviteUserRequest { email, display_name, roles } = body.0;
        let command = InviteUserCommand { account: InvitedInput { email, display_name }, roles };
        let user = caller.app().identity.invite_user.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Created::at(path_of(USERS, user.id, ""), user.version, user))
    }

    /// Send another invitation
    ///
    /// Mails another link to the owner of an account that is `invited`. The earlier link then no longer works. Needs the
    /// permission `identity.user.manage`. If the account is not `invited`, the answer is 409 `not_invited`. The account
    /// is returned unchanged.
    #[oai(path = "/users/:id/invitation", method = "post", operation_id = "resend_invitation")]
    async fn resend_invitation(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = UserCommand { user_id: id.0, precondition };
        Ok(shown(caller.app().identity.resend_invitation.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Get a user
    ///
    /// Returns the account. Needs the permission `identity.user.read`.
    #[oai(path = "/users/:id", method = "get", operation_id = "get_user")]
    async fn get(&self, caller: SignedIn, Path(id): Path<Id<UserId>>) -> Result<Shown<AccountBody>, Problem> {
        Ok(shown(caller.app().identity.get_user.execute(&caller.actor, id.0).await?))
    }

    /// Change a user
    ///
    /// Sets the display name of any account (JSON merge patch, RFC 7396). Needs the permission `identity.user.manage`.
    /// An absent field keeps its value, and `null` is refused. If nothing is different afterwards, the `ETag` stays the
    /// same.
    #[oai(path = "/users/:id", method = "patch", operation_id = "change_user")]
    async fn change(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeUserRequest>,
    ) -> Result<Shown<AccountBody>, Problem> {
        let change = ChangeProfileCommand { precondition, display_name: patch(body.0.display_name) };
        let command = ChangeUserCommand { user_id: id.0, change };
        Ok(shown(caller.app().identity.change_user.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Disable a user
    ///
    /// Disables an account and ends every session: the tokens are refused from the next request on, by every instance.
    /// A login is then answered like one with a wrong password. Needs the permission `identity.user.manage`. If no
    /// other active account is an admin, the answer is 409 `last_admin`. An account that is disabled already is
    /// returned unchanged.
    #[oai(path = "/users/:id/disable", method = "post", operation_id = "disable_user")]
    async fn disable(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = UserCommand { user_id: id.0, precondition };
        Ok(shown(caller.app().identity.disable_user.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Delete a user
    ///
    /// Deletes an account and ends every session: the tokens are refused from the next request on, by every instance. A
    /// login is then answered like one with a wrong password. The account and what its user has stored are erased from the
    /// time `erase_at` on, by default 30 days later. Until then, an admin can take the deletion back (`POST
    /// /api/v1/users/{id}/enable`). The user gets a mail with that time. Needs the permission `identity.user.manage`. If no other active
    /// account is an admin, the answer is 409 `last_admin`. An account that is deleted already is returned unchanged.
    #[oai(path = "/users/:id", method = "delete", operation_id = "delete_user")]
    async fn delete(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = UserCommand { user_id: id.0, precondition };
        Ok(shown(caller.app().identity.delete_user.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Enable a user
    ///
    /// Lets the user of a disabled account log in again, and takes the deletion of an account back. The sessions from before
    /// stay ended. Needs the permission `identity.user.manage`. From the time `erase_at` on, the answer is 409
    /// `erasure_due`. An account that is active already is returned unchanged.
    #[oai(path = "/users/:id/enable", method = "post", operation_id = "enable_user")]
    async fn enable(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = UserCommand { user_id: id.0, precondition };
        Ok(shown(caller.app().identity.enable_user.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// Set the roles of a user
    ///
    /// Replaces the roles of an account itself. Its groups stay. Its sessions go on, and each next request is judged by the new roles. Needs
    /// the permission `identity.user.manage`. The caller can give and take only roles whose every permission it has itself; otherwise the
    /// answer is 403 `role_not_held`. If no other active account is an admin, the last one keeps the role, and the
    /// answer is 409 `last_admin`. If nothing is different afterwards, the `ETag` stays the same.
    #[oai(path = "/users/:id/roles", method = "put", operation_id = "set_user_roles")]
    async fn set_roles(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(precondition): IfMatch,
        Sent(key): RepeatKey,
        body: Strict<SetRolesRequest>,
    ) -> Result<Shown<AccountBody>, Problem> {
        let command = SetUserRolesCommand { user_id: id.0, precondition, roles: body.0.roles };
        Ok(shown(caller.app().identity.set_user_roles.execute_once(&caller.actor, key.as_ref(), command).await?))
    }

    /// List the sessions of a user
    ///
    /// Lists the sessions of the account that have not ended, the newest first, on one page of at most 100. Needs the
    /// permission `identity.user.read`.
    #[oai(path = "/users/:id/sessions", method = "get", operation_id = "list_user_sessions")]
    async fn list_sessions(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
    ) -> Result<Listed<SessionBody>, Problem> {
        let sessions = caller.app().identity.list_user_sessions.execute(&caller.actor, id.0).await?;
        let path = path_of(USERS, id.0, "/sessions");
        Ok(Listed::whole(&path, sessions.into_iter().map(Into::into).collect()))
    }

    /// End the sessions of a user
    ///
    /// Ends every session of the account. Their tokens are refused from the next request on, by every instance. The
    /// user can log in again. Needs the permission `identity.user.manage`.
    #[oai(path = "/users/:id/sessions", method = "delete", operation_id = "end_user_sessions")]
    async fn end_sessions(
        &self,
        caller: SignedIn,
        Path(id): Path<Id<UserId>>,
        Sent(key): RepeatKey,
    ) -> Result<Done, Problem> {
        let command = EndUserSessionsCommand { user_id: id.0 };
        caller.app().identity.end_user_sessions.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Done::Done)
    }
}
