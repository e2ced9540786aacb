//! Registration, login, the setup of the first admin, and the caller's profile and password.

use super::{
    dto::{
        AccountDeletionBody, ChangeEmailRequest, ChangePasswordRequest, ChangeUserRequest, DeleteAccountRequest,
        LogInRequest, NewSession, PROFILE, RegisterRequest, SetUpRequest, TokenBody, UserBody,
    },
    profile::ProfileMatch,
    sessions::forgotten,
};
use crate::{
    body::{MergePatch, Strict},
    parts::{Answer, Browser, ClientDevice, Created, Mailed, RepeatKey, Sent, Shown, SignedIn, State, Visitor, patch},
    problem::Problem,
};
use http::header::SET_COOKIE;
use poem_openapi::{ApiResponse, OpenApi, Tags, payload::Response};
use skep_application::identity::{
    ChangeProfileCommand, CookieAnswer, LogInAnswer, LogInError, Registered, StartedSession, UserView,
};
use skep_domain::identity::SessionKind;

#[derive(Tags)]
pub(super) enum Tag {
    /// Accounts, login and sessions, and the setup of the first admin.
    Identity,
}

#[derive(Default)]
pub(super) struct IdentityApi;

#[derive(ApiResponse)]
pub(super) enum LoggedIn {
    /// The tokens of the session.
    #[oai(status = 200)]
    Ok(Answer<TokenBody>),
}

#[derive(ApiResponse)]
pub(super) enum SessionStarted {
    /// The tokens of the session, or its cookie. A session with a cookie also sets the cookie of the device.
    #[oai(status = 200)]
    Ok(Answer<NewSession>, #[oai(header = "Set-Cookie")] Option<String>),
}

impl SessionStarted {
    fn with_tokens(answer: LogInAnswer) -> Response<Self> {
        Response::new(Self::Ok(Answer(NewSession::Tokens(answer.into())), None))
    }

    /// The answer with the cookie of the session and that of the device. An `ApiResponse` sets each header only once, so
    /// both are appended.
    fn with_cookies(answer: CookieAnswer, state: &State) -> Response<Self> {
        let session = state.browsers.set(&answer.cookie);
        let device = state.browsers.set_device(&answer.device.text, answer.device.expires_in);
        let response = Response::new(Self::Ok(Answer(NewSession::Cookie(answer.into())), None));
        response.header(SET_COOKIE, session).header(SET_COOKIE, device)
    }
}

#[derive(ApiResponse)]
#[expect(clippy::large_enum_variant, reason = "an answer is made once and not kept")]
pub(super) enum RegistrationAnswer {
    /// The new account.
    #[oai(status = 201)]
    Created(Answer<UserBody>, #[oai(header = "ETag")] String, #[oai(header = "Location")] String),
    /// The owner of the address gets a mail. The answer has no body, and is the same if the address has an account.
    #[oai(status = 202)]
    Mailed,
}

#[derive(ApiResponse)]
pub(super) enum DeletionAnswer {
    /// The account is deleted, and is erased later. With a session cookie, the browser forgets it, and what the pages of
    /// the site have stored.
    #[oai(status = 202)]
    Deleted(
        Answer<AccountDeletionBody>,
        #[oai(header = "Set-Cookie")] Option<String>,
        #[oai(header = "Clear-Site-Data")] Option<String>,
    ),
}

/// The entity tag of a profile. Its path is the same for every user, so the tag names the user, too.
fn tag(user: &UserView) -> String {
    format!("\"{}-{}\"", user.id, user.version)
}

/// The answer with a new account.
fn created(user: UserView) -> Created<UserBody> {
    let tag = tag(&user);
    Created::Created(Answer(user.into()), tag, PROFILE.to_owned())
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identity")]
impl IdentityApi {
    /// Register an account
    ///
    /// Creates an account with the role `user`, and mails a link to verify its address. Anyone may call it. If the
    /// address has an account already, the answer is 409 `email_taken`; this reveals that the account exists. If
    /// `SKEP_REGISTRATION` is `verified`, the answer is 202 for every address, its owner gets a mail, and the account can
    /// be used once its address is verified. If it is `closed`, the answer is 403 `registration_closed`. By default, an
    /// IP address has 10 registrations, logins and setups per minute together. An IPv6 network of 64 bits counts as one
    /// address, and larger networks have higher limits.
    #[oai(path = "/auth/register", method = "post", operation_id = "register_user")]
    async fn register(&self, caller: Visitor, body: Strict<RegisterRequest>) -> Result<RegistrationAnswer, Problem> {
        Ok(match caller.app().identity.register_user.execute(&caller.actor, body.0.into()).await? {
            Registered::Account(user) => {
                let tag = tag(&user);
                RegistrationAnswer::Created(Answer((*user).into()), tag, PROFILE.to_owned())
            }
            Registered::Mailed => RegistrationAnswer::Mailed,
        })
    }

    /// Log in
    ///
    /// Starts a session and returns its tokens: an access token for 10 minutes, and a refresh token for the next one.
    /// With `"session":"cookie"`, the answer sets a cookie instead, and has the CSRF token that requests need which
    /// change something. Such a login ends the session of the cookie that the request has, and is refused with 403
    /// `cross_site_request` if a page of another site asks for it. By default, a session with a cookie ends 30 minutes
    /// after its last use, and 12 hours after the login.
    /// Anyone may call it. A wrong address, a wrong password and a disabled account get the same answer, 401
    /// `invalid_credentials`, and so does an account without a verified address if `SKEP_REGISTRATION` is `verified`.
    /// Each call starts another session. By default, one with tokens ends 14 days after its last refresh, and 60 days
    /// after the login. An account has 10 wrong passwords per minute from one IP address and 300 from all together;
    /// addresses that it has logged in from before are let through. So is a caller with the `device_token` of an
    /// earlier login to the account, or with the cookie of a device; the token has 10 wrong passwords per hour, and
    /// then counts as none. It holds for 180 days, and until the account gets another password or address. If the
    /// device and the network are new to the account, its owner gets a mail. An IP address has 10 registrations, logins
    /// and setups per minute together.
    #[oai(path = "/auth/login", method = "post", operation_id = "log_in")]
    async fn log_in(
        &self,
        caller: Visitor,
        device: ClientDevice,
        browser: Browser,
        body: Strict<LogInRequest>,
    ) -> Result<Response<SessionStarted>, Problem> {
        let (kind, log_in) = (body.0.kind()?, &caller.app().identity.log_in);
        if kind == SessionKind::Cookie {
            browser.refuse_other_sites()?;
        }
        let command = body.0.with(device.0, browser.device_token);
        Ok(match kind {
            SessionKind::Token => {
                let tokens = log_in.execute(&caller.actor, command).await.inspect_err(count_refused)?;
                SessionStarted::with_tokens(tokens)
            }
            SessionKind::Cookie => {
                let replaced = browser.cookie.as_deref();
                let answer = log_in.execute_with_cookie(&caller.actor, command, replaced).await;
                let answer = answer.inspect_err(count_refused)?;
                SessionStarted::with_cookies(answer, &caller.state)
            }
        })
    }

    /// Create the first admin
    ///
    /// Creates an account with the role `admin`. Anyone with the setup token may call it. The server prints a new token
    /// at each start while it has no admin, and the token is valid for 24 hours. When there is an admin, the answer is
    /// 409 `setup_closed`. By default, an IP address has 10 registrations, logins and setups per minute together.
    #[oai(path = "/setup", method = "post", operation_id = "set_up")]
    async fn set_up(&self, caller: Visitor, body: Strict<SetUpRequest>) -> Result<Created<UserBody>, Problem> {
        let user = caller.app().identity.set_up.execute(&caller.actor, body.0.into()).await?;
        Ok(created(user))
    }

    /// Get your profile
    ///
    /// Returns the account that the access token belongs to. Needs an account.
    #[oai(path = "/users/me", method = "get", operation_id = "get_profile")]
    async fn get_profile(&self, caller: SignedIn) -> Result<Shown<UserBody>, Problem> {
        let user = caller.app().identity.get_profile.execute(&caller.actor).await?;
        Ok(Shown::tagged(tag(&user), user))
    }

    /// Change your profile
    ///
    /// Sets the display name (JSON merge patch, RFC 7396). Needs an account. An absent field keeps its value, and `null`
    /// is refused. If nothing is different afterwards, the `ETag` stays the same.
    #[oai(path = "/users/me", method = "patch", operation_id = "change_profile")]
    async fn change_profile(
        &self,
        caller: SignedIn,
        Sent(precondition): Sent<ProfileMatch>,
        Sent(key): RepeatKey,
        body: MergePatch<ChangeUserRequest>,
    ) -> Result<Shown<UserBody>, Problem> {
        let precondition = precondition.of(caller.actor.user_id())?;
        let command = ChangeProfileCommand { precondition, display_name: patch(body.0.display_name) };
        let change = &caller.app().identity.change_profile;
        let user = change.execute_once(&caller.actor, key.as_ref(), command).await?;
        Ok(Shown::tagged(tag(&user), user))
    }

    /// Change your password
    ///
    /// Replaces the password and ends every session of the account: their tokens are refused from the next request on, by
    /// every instance. The answer is that of a login, with a new session of the same kind. Needs an account. If the current
    /// password is wrong, the answer is 403 `wrong_password`. Wrong passwords count with those of logins to the account,
    /// and requests with those of registrations, logins and setups from the IP address.
    #[oai(path = "/users/me/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        caller: SignedIn,
        device: ClientDevice,
        body: Strict<ChangePasswordRequest>,
    ) -> Result<Response<SessionStarted>, Problem> {
        let command = body.0.with(device.0);
        let started = caller.app().identity.change_password.execute(&caller.actor, command).await?;
        Ok(match started {
            StartedSession::Tokens(tokens) => SessionStarted::with_tokens(tokens),
            StartedSession::Cookie(answer) => SessionStarted::with_cookies(answer, &caller.state),
        })
    }

    /// Delete your account
    ///
    /// Ends every session of the account: their tokens are refused from the next request on, by every instance. A login is
    /// then answered like one with a wrong password. The account and its files are erased from the time `erase_at` on, by
    /// default 30 days later; orders stay, and have only the id of the user. Until then, an admin can take the deletion
    /// back; if the address was never verified, a reset of the password by mail takes it back, too. A mail to the user has
    /// that time. Needs an account. If the current password is wrong, the answer is 403 `wrong_password`; wrong passwords
    /// count with those of logins to the account. If no other active account is an admin, the answer is 409 `last_admin`.
    #[oai(path = "/users/me", method = "delete", operation_id = "delete_account")]
    async fn delete_account(
        &self,
        caller: SignedIn,
        body: Strict<DeleteAccountRequest>,
    ) -> Result<DeletionAnswer, Problem> {
        let erase_at = caller.app().identity.delete_account.execute(&caller.actor, body.0.into()).await?;
        let (cookie, site_data) = forgotten(&caller);
        Ok(DeletionAnswer::Deleted(Answer(erase_at.into()), cookie, site_data))
    }

    /// Ask for another e-mail address
    ///
    /// Mails a link to the new address, and a notice to the present one. The account stays as it is until `POST
    /// /api/v1/auth/confirm-email` gets the token of the link, which works for 24 hours by default. A newer link replaces
    /// it, and a new password ends it. Needs an account. The answer does not show whether the new address has an account.
    /// If the current password is wrong, the answer is 403 `wrong_password`; wrong passwords count with those of logins
    /// to the account. The limits of mails are those of `POST /api/v1/auth/forgot-password`.
    #[oai(path = "/users/me/email", method = "post", operation_id = "change_email")]
    async fn change_email(&self, caller: SignedIn, body: Strict<ChangeEmailRequest>) -> Result<Mailed, Problem> {
        caller.app().identity.request_email_change.execute(&caller.actor, body.0.into()).await?;
        Ok(Mailed::Mailed)
    }
}

/// Counts a login that was refused because of what the caller has sent.
fn count_refused(error: &LogInError) {
    let reason = match error {
        LogInError::InvalidCredentials(_) => "invalid_credentials",
        LogInError::TooManyAttempts(_) => "too_many_attempts",
        LogInError::HasherBusy(_) | LogInError::Store(_) => return,
    };
    metrics::counter!("skep_logins_refused_total", "reason" => reason).increment(1);
}
