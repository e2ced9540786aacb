//! The bodies of identity. A body with a secret has no `Debug`.

use crate::parts::{Id, SelfLink};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use skep_application::identity::{
    AccountInput, LogInAnswer, LogInCommand, RegisterUserCommand, SetUpCommand, UserView,
};
use skep_domain::shared::UserId;

/// A new account.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRequest {
    /// The e-mail address to log in with, at most 254 bytes. Upper and lower case are the same.
    email: String,
    /// At least 15 characters (unless the server is configured otherwise), at most 128 characters and 512 bytes. Common
    /// passwords and passwords made of the e-mail address are refused.
    password: String,
    /// The name that others see: one line of 1 to 100 characters.
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
    /// The e-mail address of the account. Upper and lower case are the same.
    email: String,
    /// The password of the account, exactly as it was set.
    password: String,
}

impl From<LogInRequest> for LogInCommand {
    fn from(LogInRequest { email, password }: LogInRequest) -> Self {
        Self { email, password }
    }
}

/// The setup token, and the account of the first admin.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUpRequest {
    /// The token that the server printed at its last start.
    token: String,
    /// The e-mail address to log in with, at most 254 bytes. Upper and lower case are the same.
    email: String,
    /// At least 15 characters (unless the server is configured otherwise), at most 128 characters and 512 bytes. Common
    /// passwords and passwords made of the e-mail address are refused.
    password: String,
    /// The name that others see: one line of 1 to 100 characters.
    display_name: String,
}

impl From<SetUpRequest> for SetUpCommand {
    fn from(SetUpRequest { token, email, password, display_name }: SetUpRequest) -> Self {
        Self { token, account: AccountInput { email, password, display_name } }
    }
}

/// An access token (RFC 6750).
#[derive(Object, Serialize)]
#[oai(rename = "AccessToken")]
pub(super) struct TokenBody {
    /// The signed token. Send it in the header `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// The lifetime of the token in seconds.
    expires_in: u64,
}

impl From<LogInAnswer> for TokenBody {
    fn from(answer: LogInAnswer) -> Self {
        let LogInAnswer { access_token, expires_in } = answer;
        Self { access_token, token_type: "Bearer".to_owned(), expires_in: expires_in.as_secs() }
    }
}

/// The account of a user.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "User")]
pub(super) struct UserBody {
    /// The id of the user.
    id: Id<UserId>,
    /// The e-mail address in the form in which addresses are compared: case-folded and NFC.
    email: String,
    /// The name that others see.
    display_name: String,
    /// `user` for every account, and also `admin` for the people who run the shop.
    roles: Vec<String>,
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
            display_name: user.display_name.as_str().to_owned(),
            roles: user.roles.iter().map(|role| role.name().to_owned()).collect(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            links: SelfLink::to(PROFILE.to_owned()),
        }
    }
}
