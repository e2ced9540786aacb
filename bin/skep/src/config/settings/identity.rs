//! The settings of identity.

use super::ContextSettings;
use crate::config::{
    parse::{a_minute, seconds},
    read::Source,
    setting::{A_MINUTE, Setting, Shape},
};
use skep_application::{Policies, identity::SessionPolicy};
use skep_domain::identity::PasswordPolicy;

pub(super) const IDENTITY: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_LOGIN_ATTEMPTS", "limits.login_attempts", Shape::Number)
        .default("10")
        .form(A_MINUTE, "10")
        .doc("The most logins per minute to one account."),
    Setting::new("SKEP_PASSWORD_MIN_LENGTH", "identity.password_min_length", Shape::Number)
        .default("15")
        .form("a number from 8 to 64", "15")
        .doc("The shortest password, in characters."),
    Setting::new("SKEP_TOKEN_LIFETIME", "identity.token_lifetime", Shape::Number)
        .default("3600")
        .form("seconds from 60 to 3600", "900")
        .doc("How long an access token is valid."),
    Setting::new("SKEP_SESSION_LIFETIME", "identity.session_lifetime", Shape::Number)
        .default("2592000")
        .form("seconds from 60 to 31536000", "2592000")
        .doc("How long a session is valid."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    policies.sessions = SessionPolicy {
        token_lifetime: source.required("SKEP_TOKEN_LIFETIME", |text| seconds(text, 60, 3_600)),
        session_lifetime: source.required("SKEP_SESSION_LIFETIME", |text| seconds(text, 60, 31_536_000)),
        attempts: source.required("SKEP_LOGIN_ATTEMPTS", a_minute),
    };
    policies.passwords =
        source.required("SKEP_PASSWORD_MIN_LENGTH", |text| PasswordPolicy::with_min_chars(text.parse().ok()?));
}
