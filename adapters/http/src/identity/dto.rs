//! The bodies of identity. A body with a secret has no `Debug`.

use crate::{
    parts::{Id, SelfLink},
    problem::{FieldError, Problem},
};
use poem_openapi::{Object, Union, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use skep_application::identity::{
    AccountInput, ChangePasswordCommand, ConfirmEmailCommand, CookieAnswer, DeleteAccountCommand, LogInAnswer,
    LogInCommand, RefreshSessionCommand, RegisterUserCommand, RequestEmailChangeCommand, RequestLinkCommand,
    ResetPasswordCommand, RestoreEmailCommand, SetUpCommand, UserView, VerifyEmailCommand,
};
use skep_domain::{
    access::GroupId,
    identity::{Device, SessionKind},
    shared::{Timestamp, UserId},
};

/// A new account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRequest {
    /// The e-mail address to log in with, at most 254 bytes. It is shown as typed, without spaces around it and in NFC.
    /// Upper and lower case are the same, and so are a domain in letters and in A-labels (`xn--…`).
    email: String,
    /// At least 15 characters (unless the server is configured otherwise), at most 128 characters and 512 bytes. It is
    /// not trimmed; its spaces and its encoding are normalized (RFC 8265, NFC), and then its length counts. Passwords
    /// made of a few common words, walks over the keyboard, sequences or repetitions, of the e-mail address or of the
    /// name are refused.
    password: String,
    /// The name that others see: one line of 1 to 100 characters. It is trimmed and stored in NFC. Characters that show
    /// nothing are refused.
    display_name: String,
}

impl From<RegisterRequest> for RegisterUserCommand {
    fn from(RegisterRequest { email, password, display_name }: RegisterRequest) -> Self {
        Self { account: AccountInput { email, password, display_name } }
    }
}

/// The path of the profile of the caller.
pub(super) const PROFILE: &str = "/api/v1/users/me";

/// The credentials of an account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogInRequest {
    /// The e-mail address of the account. Upper and lower case are the same, and so are a domain in letters and in
    /// A-labels (`xn--…`).
    email: String,
    /// The password of the account. Nothing is trimmed.
    password: String,
    /// What the answer gives for the session: `token` for programs, `cookie` for browsers.
    #[oai(default = "default_session")]
    #[serde(default = "default_session")]
    session: String,
    /// The `device_token` of the last login to the account on this device. With it, wrong passwords of others do not keep
    /// the caller out. One that is not valid counts as none. Without it, the cookie of a browser counts.
    #[oai(nullable)]
    device_token: Option<String>,
}

fn default_session() -> String {
    SessionKind::Token.name().to_owned()
}

impl LogInRequest {
    /// The kind of the session that it asks for.
    ///
    /// # Errors
    /// 422 if there is no such kind.
    pub(super) fn kind(&self) -> Result<SessionKind, Problem> {
        let unknown = || FieldError::at("/session".to_owned(), "invalid_value", "must be token or cookie".to_owned());
        SessionKind::from_name(&self.session).ok_or_else(|| Problem::validation(vec![unknown()]))
    }

    /// The command of a caller with this program, whose browser has this token of its device.
    pub(super) fn with(self, device: Option<Device>, cookie: Option<String>) -> LogInCommand {
        let Self { email, password, session: _, device_token } = self;
        LogInCommand { email, password, device, device_token: device_token.or(cookie) }
    }
}

/// The passwords of an account, before and after a change.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangePasswordRequest {
    /// The present password of the account. Nothing is trimmed.
    current_password: String,
    /// The password from now on, with the same rules as in a registration. It may be the present one.
    new_password: String,
}

impl ChangePasswordRequest {
    /// The command of a caller with this program.
    pub(super) fn with(self, device: Option<Device>) -> ChangePasswordCommand {
        let Self { current_password, new_password } = self;
        ChangePasswordCommand { current_password, new_password, device }
    }
}

/// The address that a link is mailed to.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkRequest {
    /// The e-mail address of the account. Upper and lower case are the same, and so are a domain in letters and in
    /// A-labels (`xn--…`).
    email: String,
}

impl From<LinkRequest> for RequestLinkCommand {
    fn from(LinkRequest { email }: LinkRequest) -> Self {
        Self { email }
    }
}

/// The token of a link, and the new password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetPasswordRequest {
    /// The token of the link in the mail.
    token: String,
    /// The password from now on, with the same rules as in a registration.
    password: String,
}

impl From<ResetPasswordRequest> for ResetPasswordCommand {
    fn from(ResetPasswordRequest { token, password }: ResetPasswordRequest) -> Self {
        Self { token, password }
    }
}

/// The token of a link, and the password of the account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyEmailRequest {
    /// The token of the link in the mail.
    token: String,
    /// The password of the account. Nothing is trimmed.
    password: String,
}

impl From<VerifyEmailRequest> for VerifyEmailCommand {
    fn from(VerifyEmailRequest { token, password }: VerifyEmailRequest) -> Self {
        Self { token, password }
    }
}

/// The token of the link to a new address, and the password of the account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmEmailRequest {
    /// The token of the link in the mail.
    token: String,
    /// The password of the account. Nothing is trimmed.
    password: String,
}

impl From<ConfirmEmailRequest> for ConfirmEmailCommand {
    fn from(ConfirmEmailRequest { token, password }: ConfirmEmailRequest) -> Self {
        Self { token, password }
    }
}

/// The token of the link to the address from before.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreEmailRequest {
    /// The token of the link in the mail.
    token: String,
}

impl From<RestoreEmailRequest> for RestoreEmailCommand {
    fn from(RestoreEmailRequest { token }: RestoreEmailRequest) -> Self {
        Self { token }
    }
}

/// The address that the account is to get.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEmailRequest {
    /// The new e-mail address, at most 254 bytes. It is shown as typed, without spaces around it and in NFC.
    email: String,
    /// The present password of the account. Nothing is trimmed.
    current_password: String,
}

impl From<ChangeEmailRequest> for RequestEmailChangeCommand {
    fn from(ChangeEmailRequest { email, current_password }: ChangeEmailRequest) -> Self {
        Self { email, current_password }
    }
}

/// The proof that the caller is the owner of the account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteAccountRequest {
    /// The present password of the account. Nothing is trimmed.
    current_password: String,
}

impl From<DeleteAccountRequest> for DeleteAccountCommand {
    fn from(DeleteAccountRequest { current_password }: DeleteAccountRequest) -> Self {
        Self { current_password }
    }
}

/// The time at which the account is erased.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AccountDeletion")]
pub(super) struct AccountDeletionBody {
    /// The time from which on the account is erased. Until then, an admin can take the deletion back.
    erase_at: String,
}

impl From<Timestamp> for AccountDeletionBody {
    fn from(erase_at: Timestamp) -> Self {
        Self { erase_at: erase_at.to_string() }
    }
}

/// The setup token, and the account of the first admin.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUpRequest {
    /// The token that the server printed at its last start.
    token: String,
    /// The e-mail address to log in with, at most 254 bytes. It is shown as typed, without spaces around it and in NFC.
    /// Upper and lower case are the same, and so are a domain in letters and in A-labels (`xn--…`).
    email: String,
    /// At least 15 characters (unless the server is configured otherwise), at most 128 characters and 512 bytes. It is
    /// not trimmed; its spaces and its encoding are normalized (RFC 8265, NFC), and then its length counts. Passwords
    /// made of a few common words, walks over the keyboard, sequences or repetitions, of the e-mail address or of the
    /// name are refused.
    password: String,
    /// The name that others see: one line of 1 to 100 characters. It is trimmed and stored in NFC. Characters that show
    /// nothing are refused.
    display_name: String,
}

impl From<SetUpRequest> for SetUpCommand {
    fn from(SetUpRequest { token, email, password, display_name }: SetUpRequest) -> Self {
        Self { token, account: AccountInput { email, password, display_name } }
    }
}

/// A token for the next access token.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshRequest {
    /// The refresh token of the last answer. It can be used once.
    refresh_token: String,
}

impl RefreshRequest {
    /// The command of a caller with this program.
    pub(super) fn with(self, device: Option<Device>) -> RefreshSessionCommand {
        RefreshSessionCommand { refresh_token: self.refresh_token, device }
    }
}

/// A change of an account. Absent fields keep their values.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangeUserRequest {
    /// The new name that others see: one line of 1 to 100 characters. It is trimmed and stored in NFC. Characters that
    /// show nothing are refused.
    pub(super) display_name: MaybeUndefined<String>,
}

/// The tokens of a session: an access token (RFC 6750), and a refresh token for the next one.
#[derive(Object, Serialize)]
#[oai(rename = "AccessToken")]
pub(super) struct TokenBody {
    /// Always `complete`: the login needs no further step.
    status: String,
    /// The signed token. Send it in the header `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// The lifetime of the access token in seconds.
    expires_in: u64,
    /// The token for `POST /api/v1/auth/refresh`. It can be used once, and the answer has the next one.
    refresh_token: String,
    /// The time in seconds after which the session ends unless it is refreshed.
    refresh_expires_in: u64,
    /// The token of the device, for the next login on it. It is no credential: a login also needs the password. Absent
    /// after a refresh.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
    /// The time in seconds after which the token of the device is not valid anymore. Absent without the token.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token_expires_in: Option<u64>,
}

impl From<LogInAnswer> for TokenBody {
    fn from(answer: LogInAnswer) -> Self {
        let LogInAnswer { access_token, expires_in, refresh_token, refresh_expires_in, device } = answer;
        let device_token_expires_in = device.as_ref().map(|device| device.expires_in.as_secs());
        Self {
            status: "complete".to_owned(),
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: expires_in.as_secs(),
            refresh_token,
            refresh_expires_in: refresh_expires_in.as_secs(),
            device_token: device.map(|device| device.text),
            device_token_expires_in,
        }
    }
}

/// A session with a cookie, which the header `Set-Cookie` of the answer sets.
#[derive(Object, Serialize)]
#[oai(rename = "CookieSession")]
pub(super) struct CookieBody {
    /// Always `complete`: the login needs no further step.
    status: String,
    /// The token that requests which change something need, in the header `X-CSRF-Token`.
    csrf_token: String,
    /// The time in seconds after which the session ends unless it is used. It can end a minute earlier.
    expires_in: u64,
    /// The time in seconds after which the session ends, however often it is used.
    session_expires_in: u64,
}

impl From<CookieAnswer> for CookieBody {
    fn from(answer: CookieAnswer) -> Self {
        let CookieAnswer { csrf_token, expires_in, lifetime, .. } = answer;
        Self {
            status: "complete".to_owned(),
            csrf_token,
            expires_in: expires_in.as_secs(),
            session_expires_in: lifetime.as_secs(),
        }
    }
}

/// What the caller gets for a new session.
#[derive(Union, Serialize)]
#[oai(one_of)]
#[serde(untagged)]
pub(super) enum NewSession {
    /// The session has tokens.
    Tokens(TokenBody),
    /// The session has a cookie.
    Cookie(CookieBody),
}

/// The token of a session against forged requests.
#[derive(Object, Serialize)]
#[oai(rename = "CsrfToken")]
pub(super) struct CsrfTokenBody {
    /// The token for the header `X-CSRF-Token`. It is the same as long as the session lasts.
    pub(super) csrf_token: String,
}

/// The account of a user.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "User")]
pub(super) struct UserBody {
    /// The id of the user.
    id: Id<UserId>,
    /// The e-mail address as its owner typed it. Addresses that differ only in upper and lower case, or in how the domain
    /// is spelled, are the same.
    email: String,
    /// Whether the owner has shown that the mails to the address reach them.
    email_verified: bool,
    /// The name that others see.
    display_name: String,
    /// `user` for every account, and also `admin` for the people who run the shop.
    roles: Vec<String>,
    /// The ids of its groups, which give it more roles.
    groups: Vec<Id<GroupId>>,
    /// The time of registration.
    created_at: String,
    /// The time of the last change.
    updated_at: String,
    /// The path of the profile.
    links: SelfLink,
}

impl From<UserView> for UserBody {
    fn from(user: UserView) -> Self {
        Self {
            id: Id(user.id),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            display_name: user.display_name.as_str().to_owned(),
            roles: user.roles.iter().map(|role| role.name().to_owned()).collect(),
            groups: user.groups.iter().copied().map(Id).collect(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            links: SelfLink::to(PROFILE.to_owned()),
        }
    }
}
