//! The bodies of identity. Those that hold a secret have no `Debug`.

use crate::parts::{Id, SelfLink};
use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use skep_application::identity::{
    AccountInput, LogInAnswer, LogInCommand, RegisterUserCommand, SetUpCommand, UserView,
};
use skep_domain::shared::UserId;

/// A registration.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterRequest {
    /// The e-mail address to log in with.
    email: String,
    /// At least 15 characters (unless configured otherwise), at most 128.
    password: String,
    /// The name shown to others, 1 to 100 characters.
    display_name: String,
}

impl From<RegisterRequest> for RegisterUserCommand {
    fn from(RegisterRequest { email, password, display_name }: RegisterRequest) -> Self {
        Self { account: AccountInput { email, password, display_name } }
    }
}

/// A log-in.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogInRequest {
    /// The e-mail address.
    email: String,
    /// The password.
    password: String,
}

impl From<LogInRequest> for LogInCommand {
    fn from(LogInRequest { email, password }: LogInRequest) -> Self {
        Self { email, password }
    }
}

/// The set-up of the first admin.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUpRequest {
    /// The token that the server printed when it started.
    token: String,
    /// The e-mail address to log in with.
    email: String,
    /// The password.
    password: String,
    /// The name shown to others.
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
    /// The token, for the `Authorization` header.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// How long it is good, in seconds.
    expires_in: u64,
}

impl From<LogInAnswer> for TokenBody {
    fn from(answer: LogInAnswer) -> Self {
        let LogInAnswer { access_token, expires_in } = answer;
        Self { access_token, token_type: "Bearer".to_owned(), expires_in: expires_in.as_secs() }
    }
}

/// A user.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "User")]
pub(super) struct UserBody {
    /// The identifier.
    id: Id<UserId>,
    /// The e-mail address.
    email: String,
    /// The name shown to others.
    display_name: String,
    /// The roles.
    roles: Vec<String>,
    /// When the account was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// Where it is.
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
            links: SelfLink::to("/api/v1/users/me".to_owned()),
        }
    }
}
