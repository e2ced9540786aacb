//! Registration, logging in, the set-up, and one's own profile.

use super::dto::{LogInRequest, RegisterRequest, SetUpRequest, TokenBody, UserBody};
use crate::{
    body::Strict,
    parts::{Answer, Shown, SignedIn, Visitor},
    problem::Problem,
};
use poem_openapi::{ApiResponse, OpenApi, Tags};

#[derive(Tags)]
enum Tag {
    /// Accounts and log-ins.
    Identity,
}

#[derive(Default)]
pub(super) struct IdentityApi;

#[derive(ApiResponse)]
enum Registered {
    /// The new account.
    #[oai(status = 201)]
    Created(Answer<UserBody>),
}

#[derive(ApiResponse)]
enum LoggedIn {
    /// An access token.
    #[oai(status = 200)]
    Ok(Answer<TokenBody>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl IdentityApi {
    /// Register
    ///
    /// Makes an account. Answers 409 `email_taken` if the address has one, which reveals that it does.
    #[oai(path = "/auth/register", method = "post", operation_id = "register_user")]
    async fn register(&self, caller: Visitor, body: Strict<RegisterRequest>) -> Result<Registered, Problem> {
        let user = caller.app().identity.register_user.execute(&caller.actor, body.0.into()).await?;
        Ok(Registered::Created(Answer(user.into())))
    }

    /// Log in
    ///
    /// Starts a session and answers an access token. What is wrong, the address or the password, is not told.
    #[oai(path = "/auth/login", method = "post", operation_id = "log_in")]
    async fn log_in(&self, caller: Visitor, body: Strict<LogInRequest>) -> Result<LoggedIn, Problem> {
        let answer = caller.app().identity.log_in.execute(&caller.actor, body.0.into()).await?;
        Ok(LoggedIn::Ok(Answer(answer.into())))
    }

    /// Make the first admin
    ///
    /// Takes the token that the server prints at its start as long as there is no admin.
    #[oai(path = "/setup", method = "post", operation_id = "set_up")]
    async fn set_up(&self, caller: Visitor, body: Strict<SetUpRequest>) -> Result<Registered, Problem> {
        let user = caller.app().identity.set_up.execute(&caller.actor, body.0.into()).await?;
        Ok(Registered::Created(Answer(user.into())))
    }

    /// Show your own profile
    #[oai(path = "/users/me", method = "get", operation_id = "get_profile")]
    async fn get_profile(&self, caller: SignedIn) -> Result<Shown<UserBody>, Problem> {
        let user = caller.app().identity.get_profile.execute(&caller.actor).await?;
        Ok(Shown::of(user.version, user))
    }
}
