//! The use cases of accounts and sessions.

use super::Seen;
use crate::{
    call::{Answers, Commands, Failure, Fresh, Now, Outcome},
    desk::Desk,
    model::Model,
    world::PlainTokens,
};
use async_trait::async_trait;
use skep_application::{
    App,
    identity::{AccountInput, LogInAnswer, LogInCommand, RegisterUserCommand, Registered, UserView},
    kernel::{Actor, ErrorKind, IdempotencyKey, Principal},
};
use skep_domain::shared::{SessionId, UserId};

/// A use case with its input. The inputs of the application hide their fields in texts, and a failed program shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Creates an account for the caller.
    Register {
        /// The email address as typed.
        email: String,
        /// The password as typed.
        password: String,
        /// The name as typed.
        display_name: String,
    },
    /// Starts a session.
    LogIn {
        /// The email address as typed.
        email: String,
        /// The password as typed.
        password: String,
    },
    /// Finds the user of this access token.
    Authenticate(String),
    /// Reads the caller's own account.
    GetProfile,
}

/// The result of a use case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The account that was registered or read.
    User(UserView),
    /// The new session.
    LoggedIn(LoggedIn),
    /// The user that an access token belongs to.
    Principal(Principal),
}

/// The result of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The account that logged in.
    pub user_id: UserId,
    /// The new session.
    pub session_id: SessionId,
    /// The access token.
    pub token: String,
    /// How long the token is valid, in milliseconds.
    pub expires_in: u128,
}

impl Answers for Answer {
    fn fresh(&self) -> Fresh {
        match self {
            Self::User(user) => Fresh::id(user.id.uuid()),
            Self::LoggedIn(session) => Fresh { id: session.session_id.uuid(), text: session.token.clone() },
            Self::Principal(_) => Fresh::default(),
        }
    }
}

fn logged_in(answer: LogInAnswer) -> Outcome<Answer> {
    let LogInAnswer { access_token: token, expires_in, .. } = answer;
    let claims = PlainTokens::read(&token).ok_or(Failure::refusal(ErrorKind::Invalid, "not a token"))?;
    let (user_id, session_id) = (claims.user_id, claims.session_id);
    Ok(Answer::LoggedIn(LoggedIn { user_id, session_id, token, expires_in: expires_in.as_millis() }))
}

#[async_trait]
impl Commands for Command {
    type Answer = Answer;

    fn reads(&self) -> bool {
        matches!(self, Self::GetProfile)
    }

    async fn execute(self, app: &App, actor: &Actor, _key: Option<&IdempotencyKey>) -> Outcome<Answer> {
        let identity = &app.identity;
        match self {
            Self::Register { email, password, display_name } => {
                let command = RegisterUserCommand { account: AccountInput { email, password, display_name } };
                match identity.register_user.execute(actor, command).await.map_err(Failure::of)? {
                    Registered::Account(user) => Ok(Answer::User(*user)),
                    Registered::Mailed => Err(Failure::refusal(ErrorKind::Internal, "registration is open")),
                }
            }
            Self::LogIn { email, password } => {
                let answer = identity
                    .log_in
                    .execute(actor, LogInCommand { email, password, device: None, device_token: None })
                    .await;
                logged_in(answer.map_err(Failure::of)?)
            }
            Self::Authenticate(token) => {
                identity.authenticate.execute(&token).await.map(Answer::Principal).map_err(Failure::of)
            }
            Self::GetProfile => identity.get_profile.execute(actor).await.map(Answer::User).map_err(Failure::of),
        }
    }

    fn step(&self, model: &mut Model, now: &Now<'_>) -> Outcome<Answer> {
        match self {
            Self::Register { email, password, display_name } => model.register(now, email, password, display_name),
            Self::LogIn { email, password } => model.log_in(now, email, password),
            Self::Authenticate(token) => model.authenticate(now, token),
            Self::GetProfile => model.get_profile(now),
        }
    }

    fn draw(&self, model: &Model, now: &Now<'_>) -> String {
        match self {
            Self::LogIn { email, password } => model.new_token(now, email, password),
            _ => String::new(),
        }
    }

    fn note(&self, answer: &Answer, desk: &mut Desk) {
        match answer {
            Answer::LoggedIn(session) => desk.seen_mut::<Seen>().tokens.push(session.token.clone()),
            Answer::Principal(principal) => desk.principals.push(principal.clone()),
            Answer::User(_) => {}
        }
    }
}
