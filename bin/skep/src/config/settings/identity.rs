//! The settings of identity.

use super::ContextSettings;
use crate::config::{
    parse::{a_minute, an_hour, one_of, seconds},
    read::Source,
    setting::{A_MINUTE, AN_HOUR, Setting, Shape},
};
use skep_application::{
    Policies,
    identity::{AccountPolicy, Registration, RolePolicy, SessionPolicy},
};
use skep_domain::identity::{AccountGrace, KnownNetworkPolicy, KnownNetworks, PasswordPolicy};
use std::time::Duration;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

pub(super) const IDENTITY: ContextSettings = ContextSettings { settings: SETTINGS, read };

const SETTINGS: &[Setting] = &[
    Setting::new("SKEP_LOGIN_ATTEMPTS", "limits.login_attempts", Shape::Number)
        .default("10")
        .form(A_MINUTE, "10")
        .doc("The most wrong passwords per minute for one account from one address, and the most logins to it at the same time. Right passwords do not count."),
    Setting::new("SKEP_LOGIN_ACCOUNT_ATTEMPTS", "limits.login_account_attempts", Shape::Number)
        .default("300")
        .form(A_MINUTE, "300")
        .doc("The most wrong passwords per minute for one account from all addresses. Addresses that the account has logged in from before are let through. Set it far higher than SKEP_LOGIN_ATTEMPTS, so that one client cannot keep the owner out."),
    Setting::new("SKEP_KNOWN_NETWORKS", "identity.known_networks", Shape::Number)
        .default("10")
        .form("a number from 0 to 32", "10")
        .doc("How many addresses an account remembers that it has logged in from, as keyed hashes. With 0, none is remembered."),
    Setting::new("SKEP_KNOWN_NETWORK_DAYS", "identity.known_network_days", Shape::Number)
        .default("90")
        .form("days from 1 to 3650", "90")
        .doc("How long an account remembers an address after the last login from there."),
    Setting::new("SKEP_DEVICE_TOKEN_DAYS", "identity.device_token_days", Shape::Number)
        .default("180")
        .form("days from 1 to 400", "180")
        .doc("How long the token of a device is valid after the last login on it. With it, wrong passwords of others do not keep the owner of an account out."),
    Setting::new("SKEP_DEVICE_ATTEMPTS", "limits.device_attempts", Shape::Number)
        .default("10")
        .form(AN_HOUR, "10")
        .doc("The most wrong passwords per hour with the token of one device. After that, the token counts as none. Right passwords do not count."),
    Setting::new("SKEP_LOGIN_MAILS", "identity.login_mails", Shape::Switch)
        .default("on")
        .form("on or off", "off")
        .doc("Whether the owner of an account gets a mail about a login on a new device: one without a valid token of a device, from an address that the account does not know."),
    Setting::new("SKEP_REGISTRATION", "identity.registration", Shape::Text)
        .default("open")
        .form("open, verified or closed", "verified")
        .doc("The callers that may register. `open`: anyone, and the answer shows whether an address has an account. `verified`: anyone, with the same answer for every address, and a login needs a verified address. `closed`: no caller; admins and operators create accounts."),
    Setting::new("SKEP_VERIFICATION_MAILS", "identity.verification_mails", Shape::Switch)
        .default("on")
        .form("on or off", "off")
        .doc("Whether a registration mails a link to verify the address. With `SKEP_REGISTRATION=verified` it always does."),
    Setting::new("SKEP_RESET_LINK_LIFETIME", "identity.reset_link_lifetime", Shape::Number)
        .default("1800")
        .form("seconds from 60 to 86400", "1800")
        .doc("How long a link to reset a password is valid."),
    Setting::new("SKEP_VERIFICATION_LINK_LIFETIME", "identity.verification_link_lifetime", Shape::Number)
        .default("86400")
        .form("seconds from 60 to 2592000", "86400")
        .doc("How long a link to verify an address, or to confirm a new one, is valid."),
    Setting::new("SKEP_INVITATION_LIFETIME", "identity.invitation_lifetime", Shape::Number)
        .default("259200")
        .form("seconds from 60 to 2592000", "259200")
        .doc("How long an invitation to an account that an admin has created is valid."),
    Setting::new("SKEP_RESTORE_LINK_LIFETIME", "identity.restore_link_lifetime", Shape::Number)
        .default("259200")
        .form("seconds from 60 to 2592000", "259200")
        .doc("How long an address that was replaced can be restored through the link in its mail."),
    Setting::new("SKEP_ACCOUNT_GRACE_DAYS", "identity.account_grace_days", Shape::Number)
        .default("30")
        .form("days from 0 to 3650", "30")
        .doc("How long a deleted account can be taken back before it is erased. With 0, it is erased by the next sweep, within about a minute."),
    Setting::new("SKEP_EXPORT_LIFETIME", "identity.export_lifetime", Shape::Number)
        .default("604800")
        .form("seconds from 3600 to 2592000", "604800")
        .doc("How long the archive of an export of an account is kept. An account has one archive at a time."),
    Setting::new("SKEP_LINK_MAILS", "limits.link_mails", Shape::Number)
        .default("3")
        .form(AN_HOUR, "3")
        .doc("The most mails with links to one address that callers can ask for. Further requests get the same answer and send nothing. As many mails about logins are sent, which count by themselves."),
    Setting::new("SKEP_LINK_REQUESTS", "limits.link_requests", Shape::Number)
        .default("10")
        .form(AN_HOUR, "10")
        .doc("The most requests for mails with links from one address."),
    Setting::new("SKEP_PASSWORD_MIN_LENGTH", "identity.password_min_length", Shape::Number)
        .default("15")
        .form("a number from 8 to 64", "15")
        .doc("The shortest password, in characters."),
    Setting::new("SKEP_TOKEN_LIFETIME", "identity.token_lifetime", Shape::Number)
        .default("600")
        .form("seconds from 60 to 3600", "600")
        .doc("How long an access token is valid. After that, a client gets the next one with its refresh token."),
    Setting::new("SKEP_SESSION_LIFETIME", "identity.session_lifetime", Shape::Number)
        .default("5184000")
        .form("seconds from 60 to 31536000", "5184000")
        .doc("How long a session lasts after the login, however often it is refreshed."),
    Setting::new("SKEP_SESSION_IDLE", "identity.session_idle", Shape::Number)
        .default("1209600")
        .form("seconds from 60 to 31536000", "1209600")
        .doc("How long a session lasts after the login or the last refresh."),
    Setting::new("SKEP_COOKIE_SESSION_LIFETIME", "identity.cookie_session_lifetime", Shape::Number)
        .default("43200")
        .form("seconds from 300 to 7776000", "43200")
        .doc("How long a session with a cookie lasts after the login, however often it is used."),
    Setting::new("SKEP_COOKIE_SESSION_IDLE", "identity.cookie_session_idle", Shape::Number)
        .default("1800")
        .form("seconds from 300 to 2592000", "1800")
        .doc("How long a session with a cookie lasts after the login or the last use. Uses are stored once a minute, so it can end a minute earlier."),
    Setting::new("SKEP_REFRESH_ATTEMPTS", "limits.refresh_attempts", Shape::Number)
        .default("60")
        .form(A_MINUTE, "60")
        .doc("The most wrong refresh tokens per minute from one address, and the most refused ones of one session. Right ones do not count."),
    Setting::new("SKEP_SESSIONS_PER_USER", "identity.sessions_per_user", Shape::Number)
        .default("100")
        .form("a number from 1 to 10000", "100")
        .doc("The most sessions of one user. The login after that ends the oldest one."),
    Setting::new("SKEP_OWN_ROLES", "identity.own_roles", Shape::Number)
        .default("100")
        .form("a number from 0 to 200", "100")
        .doc("The most roles that the deployment defines itself. Built-in roles do not count."),
    Setting::new("SKEP_GROUPS", "identity.groups", Shape::Number)
        .default("200")
        .form("a number from 0 to 1000", "200")
        .doc("The most groups of accounts."),
];

fn read(source: &mut Source, policies: &mut Policies) {
    let days = source.required("SKEP_KNOWN_NETWORK_DAYS", |text| text.parse().ok().filter(|n| (1..=3_650).contains(n)));
    let known_networks = KnownNetworkPolicy {
        most: source.required("SKEP_KNOWN_NETWORKS", |text| text.parse().ok().filter(|n| *n <= KnownNetworks::MOST)),
        age_millis: i64::from(days) * DAY_MILLIS,
    };
    let device_days: u64 =
        source.required("SKEP_DEVICE_TOKEN_DAYS", |text| text.parse().ok().filter(|n| (1..=400).contains(n)));
    policies.sessions = SessionPolicy {
        device_attempts: source.required("SKEP_DEVICE_ATTEMPTS", an_hour),
        device_lifetime: Duration::from_secs(device_days * 24 * 60 * 60),
        token_lifetime: source.required("SKEP_TOKEN_LIFETIME", |text| seconds(text, 60, 3_600)),
        session_lifetime: source.required("SKEP_SESSION_LIFETIME", |text| seconds(text, 60, 31_536_000)),
        session_idle: source.required("SKEP_SESSION_IDLE", |text| seconds(text, 60, 31_536_000)),
        cookie_lifetime: source.required("SKEP_COOKIE_SESSION_LIFETIME", |text| seconds(text, 300, 7_776_000)),
        cookie_idle: source.required("SKEP_COOKIE_SESSION_IDLE", |text| seconds(text, 300, 2_592_000)),
        refresh_attempts: source.required("SKEP_REFRESH_ATTEMPTS", a_minute),
        sessions_per_user: source
            .required("SKEP_SESSIONS_PER_USER", |text| text.parse().ok().filter(|n| (1..=10_000).contains(n))),
        attempts: source.required("SKEP_LOGIN_ATTEMPTS", a_minute),
        account_attempts: source.required("SKEP_LOGIN_ACCOUNT_ATTEMPTS", a_minute),
        known_networks,
        ..policies.sessions
    };
    policies.accounts = AccountPolicy {
        registration: source.required("SKEP_REGISTRATION", Registration::from_name),
        verification_mails: source
            .required("SKEP_VERIFICATION_MAILS", |text| one_of(text, [("on", true), ("off", false)])),
        login_mails: source.required("SKEP_LOGIN_MAILS", |text| one_of(text, [("on", true), ("off", false)])),
        reset_lifetime: source.required("SKEP_RESET_LINK_LIFETIME", |text| seconds(text, 60, 86_400)),
        verification_lifetime: source.required("SKEP_VERIFICATION_LINK_LIFETIME", |text| seconds(text, 60, 2_592_000)),
        invitation_lifetime: source.required("SKEP_INVITATION_LIFETIME", |text| seconds(text, 60, 2_592_000)),
        restore_lifetime: source.required("SKEP_RESTORE_LINK_LIFETIME", |text| seconds(text, 60, 2_592_000)),
        grace: source.required("SKEP_ACCOUNT_GRACE_DAYS", |text| AccountGrace::days(text.parse().ok()?)),
        export_lifetime: source.required("SKEP_EXPORT_LIFETIME", |text| seconds(text, 3_600, 2_592_000)),
        mails_per_address: source.required("SKEP_LINK_MAILS", an_hour),
        requests_per_network: source.required("SKEP_LINK_REQUESTS", an_hour),
    };
    let most = source.required("SKEP_OWN_ROLES", |text| text.parse().ok().filter(|n| *n <= RolePolicy::MOST));
    let most_groups =
        source.required("SKEP_GROUPS", |text| text.parse().ok().filter(|n| *n <= RolePolicy::MOST_GROUPS));
    policies.roles = RolePolicy { most, most_groups };
    policies.passwords =
        source.required("SKEP_PASSWORD_MIN_LENGTH", |text| PasswordPolicy::with_min_chars(text.parse().ok()?));
}
