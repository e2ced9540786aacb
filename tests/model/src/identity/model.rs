//! Accounts and sessions in the model.

use super::{Answer, Hidden, LoggedIn, Stored};
use crate::{
    call::{Failure, Now, Outcome},
    model::{Faults, Model, Right, check, not_found, unauthenticated},
    world::PlainTokens,
};
use serde_json::json;
use skep_application::{
    identity::{AccessClaims, AccessTokens as _, ExtraClaims, UserView},
    kernel::{ErrorKind, Principal},
};
use skep_domain::{
    access::{Permissions, Policy, Role},
    identity::{DISPLAY_NAME_MAX, PasswordForm, PasswordOwner, PasswordPolicy, PasswordRefusal, SessionKind},
    shared::{Email, SessionId, Text, Timestamp, UserId, Version},
};

const HOUR: i64 = 3_600_000;
const WEEK: i64 = 7 * 24 * HOUR;
const TOKEN: i64 = HOUR / 6;
/// How long a link to verify an address is valid.
const LINK: i64 = 24 * HOUR;
const SESSION: i64 = 14 * 24 * HOUR;
/// How long an account remembers a network. It records a login again after a tenth of that.
const NETWORK_AGE: i64 = 90 * 24 * HOUR;

/// Whether the address of the account has this key.
fn has(user: &UserView, key: Option<&str>) -> bool {
    Email::key_of(user.email.as_str()).as_deref() == key
}

impl Model {
    pub(super) fn register(&mut self, now: &Now<'_>, email: &str, password: &str, name: &str) -> Outcome<Answer> {
        let mut faults = Faults::default();
        let email = faults.read("/email", "invalid_email", Email::parse(email));
        let name = faults.read("/display_name", "invalid_text", Text::line(name, DISPLAY_NAME_MAX));
        let owner = PasswordOwner {
            email: email.as_ref().and_then(Email::typed).unwrap_or_default(),
            display_name: name.as_ref().map_or("", Text::as_str),
        };
        let password = PasswordPolicy::default().judge(password, owner);
        let password = password.map_err(|refusal| {
            faults.0.push(("/password".to_owned(), password_code(refusal), refusal.to_string()));
        });
        let (Some(email), Some(display_name), Ok(password)) = (email, name, password) else {
            return Err(faults.refusal());
        };
        if self.stored.get::<Stored>().users.values().any(|user| has(user, email.key())) {
            return Err(Failure::refusal(ErrorKind::Conflict, "email_taken"));
        }
        let id = UserId::new(now.fresh.id);
        let user = UserView {
            id,
            email: email.shown(),
            display_name,
            roles: vec![Role::USER],
            groups: vec![],
            email_verified_at: None,
            disabled_at: None,
            erase_at: None,
            invited_at: None,
            created_at: now.at,
            updated_at: now.at,
            version: Version::FIRST,
        };
        // If the id is taken, the model answers with the existing user, so the answers differ.
        let user = self.stored.get_mut::<Stored>().users.entry(id).or_insert(user).clone();
        let hidden = self.hidden_mut::<Hidden>();
        hidden.passwords.insert(id, password);
        hidden.links.insert(id, now.at.plus_millis(LINK));
        let payload = json!({ "user_id": id, "roles": user.roles });
        self.tell(now, "identity.user_registered.v1", (id.uuid(), user.version), now.at, &payload);
        Ok(Answer::User(user))
    }

    fn user_with(&self, email: &str, password: &str) -> Option<UserId> {
        let key = Email::key_of(email)?;
        let user = self.stored.get::<Stored>().users.values().find(|user| has(user, Some(&key)))?.id;
        let password = PasswordForm::NEW.of(password);
        self.hidden::<Hidden>().passwords.get(&user).is_some_and(|right| *right == password).then_some(user)
    }

    /// Makes the token of a new session, or an empty one if the login is refused.
    pub(super) fn new_token(&self, now: &Now<'_>, email: &str, password: &str) -> String {
        let token = self.user_with(email, password).map(|user_id| {
            let (session_id, token_id) = (SessionId::new(now.fresh.id), now.fresh.id);
            let (issued_at, expires_at) = (now.at, now.at.plus_millis(TOKEN));
            PlainTokens
                .issue(&AccessClaims { user_id, session_id, token_id, issued_at, expires_at }, &ExtraClaims::default())
        });
        token.and_then(Result::ok).unwrap_or_default()
    }

    pub(super) fn log_in(&mut self, now: &Now<'_>, email: &str, password: &str) -> Outcome<Answer> {
        let wrong = Failure::refusal(ErrorKind::Unauthenticated, "invalid_credentials");
        let user_id = self.user_with(email, password).ok_or(wrong)?;
        let session_id = SessionId::new(now.fresh.id);
        let hidden = self.hidden_mut::<Hidden>();
        hidden.sessions.insert(session_id, (user_id, now.at.plus_millis(SESSION)));
        let recorded = hidden.known_networks.entry(user_id).or_insert(now.at);
        if *recorded <= now.at.plus_millis(-NETWORK_AGE / 10) {
            *recorded = now.at;
        }
        let payload = json!({ "user_id": user_id, "session_id": session_id });
        let of = (session_id.uuid(), Version::FIRST);
        self.tell_of(Some(user_id), "identity.user_logged_in.v1", of, now.at, &payload);
        let claims = PlainTokens::read(&now.fresh.text);
        let right = claims.is_some_and(|claims| {
            let times = (claims.issued_at, claims.expires_at);
            (claims.user_id, claims.session_id, times) == (user_id, session_id, (now.at, now.at.plus_millis(TOKEN)))
        });
        let token = if right { now.fresh.text.clone() } else { "another token".to_owned() };
        Ok(Answer::LoggedIn(LoggedIn { user_id, session_id, token, expires_in: 600_000 }))
    }

    pub(super) fn authenticate(&self, now: &Now<'_>, token: &str) -> Outcome<Answer> {
        let invalid = Failure::refusal(ErrorKind::Unauthenticated, "invalid_token");
        let claims = PlainTokens::read(token).filter(|claims| now.at < claims.expires_at).ok_or(invalid.clone())?;
        let session =
            self.hidden::<Hidden>().sessions.get(&claims.session_id).filter(|(_, expires_at)| now.at < *expires_at);
        let (id, _) = session.filter(|(user, _)| *user == claims.user_id).ok_or(invalid.clone())?;
        let roles = self.stored.get::<Stored>().users.get(id).ok_or(invalid)?.roles.clone();
        let permissions = Permissions::of(&roles, &Policy::default());
        Ok(Answer::Principal(Principal::User {
            id: *id,
            session: claims.session_id,
            credential: SessionKind::Token,
            permissions,
        }))
    }

    pub(super) fn get_profile(&self, now: &Now<'_>) -> Outcome<Answer> {
        check(now.actor, Right::Shop)?;
        let id = now.actor.user_id().ok_or_else(unauthenticated)?;
        self.stored.get::<Stored>().users.get(&id).cloned().map(Answer::User).ok_or_else(not_found)
    }

    /// Deletes the lists of networks of accounts that have not recorded a login for 90 days, and returns their number.
    pub(super) fn sweep_known_networks(&mut self, at: Timestamp) -> u64 {
        let known = &mut self.hidden_mut::<Hidden>().known_networks;
        let before = known.len();
        known.retain(|_, recorded| *recorded > at.plus_millis(-NETWORK_AGE));
        u64::try_from(before - known.len()).unwrap_or(u64::MAX)
    }

    /// Deletes the links that have expired, and returns their number.
    pub(super) fn sweep_links(&mut self, at: Timestamp) -> u64 {
        let links = &mut self.hidden_mut::<Hidden>().links;
        let before = links.len();
        links.retain(|_, expires_at| at < *expires_at);
        u64::try_from(before - links.len()).unwrap_or(u64::MAX)
    }

    /// Deletes the sessions that ended a week ago and returns their number.
    pub(super) fn sweep_sessions(&mut self, at: Timestamp) -> u64 {
        let sessions = &mut self.hidden_mut::<Hidden>().sessions;
        let before = sessions.len();
        sessions.retain(|_, (_, expires_at)| at < expires_at.plus_millis(WEEK));
        u64::try_from(before - sessions.len()).unwrap_or(u64::MAX)
    }
}

const fn password_code(refusal: PasswordRefusal) -> &'static str {
    match refusal {
        PasswordRefusal::TooShort { .. } => "too_short",
        PasswordRefusal::TooLong => "too_long",
        PasswordRefusal::TooCommon => "too_common",
        PasswordRefusal::ContainsEmail => "contains_email",
        PasswordRefusal::ContainsName => "contains_name",
    }
}
