//! The mock world of identity.

use super::fingerprints;
use super::{FixedClock, MockUnit, Seen, World, fixed_runtime, job, user_id};
use crate::identity::{
    AccountInput, AccountMails, AccountPolicy, Accounts, DeviceTokens, IdentityHooks, IdentityMocks, LinkTokens,
    MockAccessTokens, MockOneTimeSecrets, MockPasswordHasher, RefreshTokens, SessionCookies, SessionSecrets,
    SessionTokens, SetupToken,
};
use skep_domain::{
    access::{Group, OwnRole, Role, RoleName},
    identity::{AccountLink, DISPLAY_NAME_MAX, KnownNetworks, PasswordPolicy, Session, User},
    shared::{Email, Text, Timestamp, UserId},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The email address of Ada.
pub const ADDRESS: &str = "ada@example.com";
/// The display name of the sample user.
pub const NAME: &str = "Ada Lovelace";
/// The password of the sample user.
pub const PASSWORD: &str = "correct horse battery staple";

/// An account and a setup token.
#[derive(Clone, Default)]
pub struct House {
    /// The only account, if there is one.
    pub user: Option<User>,
    /// Whether some account has the role `admin`.
    pub has_admin: bool,
    /// Another active admin, if there is one.
    pub other_admin: Option<UserId>,
    /// The roles of the deployment.
    pub roles: Vec<OwnRole>,
    /// The groups of accounts.
    pub groups: Vec<Group>,
    /// How many accounts have any role or are in any group of the deployment.
    pub holders: u64,
    /// The sessions of all accounts.
    pub sessions: Vec<Session>,
    /// The setup token, if one was issued.
    pub token: Option<SetupToken>,
    /// The links that are not used.
    pub links: Vec<AccountLink>,
    /// Whether the job of any id is stored.
    pub has_job: bool,
    /// The networks that the account has logged in from.
    pub known_networks: Option<KnownNetworks>,
    /// The calls that the units of work have received.
    pub seen: Seen,
}

impl World for House {
    type Mocks = IdentityMocks;

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn looking(&self) -> MockUnit<IdentityMocks> {
        let (seen, user, has_admin, token) = (self.seen.clone(), self.user.clone(), self.has_admin, self.token);
        let mut unit: MockUnit<IdentityMocks> = seen.looking();
        let users = Vec::from_iter(self.user.clone());
        unit.users.expect_find().returning(seen.finds("users.find", users, |user| user.id));
        unit.users
            .expect_find_by_email()
            .returning(move |email| Ok(user.clone().filter(|user| email.finds(&user.email))));
        let noted = seen.clone();
        unit.users.expect_any_with_role().returning(move |role| {
            noted.note("users.any_with_role", std::slice::from_ref(&role));
            Ok(has_admin && role == Role::ADMIN)
        });
        let (noted, admin) = (seen.clone(), self.other_admin);
        unit.users.expect_hold_another_with_role().returning(move |role, other| {
            noted.note("users.hold_another_with_role", &[(role.clone(), other)]);
            Ok(admin.filter(|admin| *admin != other && role == Role::ADMIN))
        });
        let (noted, holders) = (seen.clone(), self.holders);
        unit.users.expect_count_with_role().returning(move |role| {
            noted.note("users.count_with_role", &[role]);
            Ok(holders)
        });
        let (roles, stored) = (self.roles.clone(), self.roles.len() as u64);
        unit.roles.expect_find().returning(move |name| Ok(roles.iter().find(|role| role.name == *name).cloned()));
        let noted = seen.clone();
        // A role that the unit has inserted counts, too.
        unit.roles.expect_count().returning(move || Ok(stored + u64::from(noted.calls().contains(&"roles.insert"))));
        let (noted, roles) = (seen.clone(), self.roles.clone());
        unit.roles.expect_hold().returning(move |names: &[RoleName]| {
            noted.note("roles.hold", names);
            Ok(roles.iter().filter(|role| names.contains(&role.name)).cloned().collect())
        });
        let groups = self.groups.clone();
        unit.groups.expect_find().returning(seen.finds("groups.find", groups.clone(), |group| group.id));
        let noted = seen.clone();
        unit.groups.expect_hold().returning(move || {
            noted.note::<()>("groups.hold", &[]);
            Ok(groups.clone())
        });
        let sessions = self.sessions.clone();
        unit.sessions.expect_find().returning(seen.finds("sessions.find", sessions, |session| session.id));
        let known = self.known_networks.clone();
        unit.known_networks.expect_find().returning(move |id| Ok(known.clone().filter(|known| known.user_id == id)));
        let job = self.has_job.then(|| job(1));
        unit.jobs.expect_find().returning(move |_| Ok(job.clone()));
        let links = self.links.clone();
        unit.account_links.expect_find().returning(move |user_id, purpose| {
            Ok(links.iter().find(|link| (link.user_id, link.purpose) == (user_id, purpose)).cloned())
        });
        let links = self.links.clone();
        unit.account_links
            .expect_find_by_hash()
            .returning(move |hash| Ok(links.iter().find(|link| link.hash == *hash).cloned()));
        unit.setup_tokens.expect_find().returning(move || {
            seen.note::<()>("setup_tokens.find", &[]);
            Ok(token)
        });
        unit
    }

    fn open(&self) -> MockUnit<IdentityMocks> {
        let (mut unit, seen) = (self.looking(), self.seen.clone());
        unit.users.expect_insert().returning(seen.stores("users.insert"));
        unit.users.expect_save().returning(seen.saves("users.save", |user: &User| user.version));
        unit.users.expect_erase().returning(seen.stores("users.erase"));
        let noted = seen.clone();
        unit.users.expect_renew_hash().returning(move |id, old, new| {
            noted.note("users.renew_hash", &[(id, old.to_owned(), new.to_owned())]);
            Ok(true)
        });
        unit.roles.expect_insert().returning(seen.stores("roles.insert"));
        unit.roles.expect_save().returning(seen.saves("roles.save", |role: &OwnRole| role.version));
        unit.roles.expect_delete().returning(seen.stores("roles.delete"));
        unit.groups.expect_insert().returning(seen.stores("groups.insert"));
        unit.groups.expect_save().returning(seen.saves("groups.save", |group: &Group| group.version));
        unit.groups.expect_delete().returning(seen.stores("groups.delete"));
        let (noted, sessions) = (seen.clone(), self.sessions.clone());
        unit.sessions.expect_revoke().returning(move |id, now| {
            noted.note("sessions.revoke", &[(id, now)]);
            Ok(sessions.iter().any(|session| session.id == id && session.revoked_at.is_none()))
        });
        let (noted, sessions) = (seen.clone(), self.sessions.clone());
        unit.sessions.expect_rotate().returning(move |id, rotation| {
            noted.note("sessions.rotate", &[(id, rotation.clone())]);
            let is_current =
                |session: &Session| session.refresh.is_some_and(|chain| chain.current == rotation.presented);
            Ok(sessions.iter().any(|session| session.id == id && session.revoked_at.is_none() && is_current(session)))
        });
        let noted = seen.clone();
        unit.sessions.expect_renew().returning(move |id, renewal| {
            noted.note("sessions.renew", &[(id, renewal)]);
            Ok(true)
        });
        let (noted, sessions) = (seen.clone(), self.sessions.clone());
        unit.sessions.expect_revoke_all().returning(move |user_id, except, now| {
            noted.note("sessions.revoke_all", &[(user_id, except)]);
            let ends = |session: &&Session| {
                session.user_id == user_id
                    && Some(session.id) != except
                    && session.revoked_at.is_none()
                    && now < session.expires_at
            };
            Ok(sessions.iter().filter(ends).count() as u64)
        });
        unit.sessions.expect_insert().returning(seen.stores("sessions.insert"));
        let noted = seen.clone();
        unit.sessions.expect_keep_newest().returning(move |user_id, keep, _| {
            noted.note("sessions.keep_newest", &[(user_id, keep)]);
            Ok(0)
        });
        unit.known_networks.expect_replace().returning(seen.stores("known_networks.replace"));
        unit.account_links.expect_replace().returning(seen.stores("account_links.replace"));
        let (noted, links) = (seen.clone(), self.links.clone());
        unit.account_links.expect_consume().returning(move |hash, now| {
            noted.note("account_links.consume", &[*hash]);
            Ok(links.iter().any(|link| link.hash == *hash && now < link.expires_at))
        });
        let insert = seen.stores("jobs.insert");
        unit.jobs.expect_insert().returning(move |job| insert(job).map(|()| None));
        unit.setup_tokens.expect_replace().returning(seen.stores("setup_tokens.replace"));
        seen.writes(&mut unit);
        unit.setup_tokens.expect_delete().returning(move || {
            seen.note::<()>("setup_tokens.delete", &[]);
            Ok(())
        });
        unit
    }
}

impl House {
    /// A unit of work in which each call succeeds, and which finds that the earlier attempt was not stored.
    #[must_use]
    pub fn after_a_miss(&self) -> MockUnit<IdentityMocks> {
        let mut unit = self.open();
        unit.outbox.expect_settle().times(1..).returning(|_| Ok(false));
        unit
    }

    /// A unit of work that finds that the earlier attempt was stored. Each write fails the test.
    #[must_use]
    pub fn after_a_hit(&self) -> MockUnit<IdentityMocks> {
        let mut unit = self.looking();
        unit.outbox.expect_settle().times(1).returning(|_| Ok(true));
        unit
    }

    /// Checks that no event contains an address, name, password or hash.
    ///
    /// # Panics
    /// If an event contains one.
    pub fn assert_events_name_no_person(&self) {
        for event in self.seen.events() {
            let shown = format!("{event:?}").to_lowercase();
            for secret in ["ada", "lovelace", "example.com", "horse", "argon"] {
                assert!(!shown.contains(secret), "{secret} in {shown}");
            }
        }
    }
}

/// The account of Ada, user 1.
///
/// # Panics
/// Never.
#[must_use]
pub fn ada() -> User {
    let email = Email::parse(ADDRESS).expect("an address");
    let name = Text::line(NAME, DISPLAY_NAME_MAX).expect("a name");
    User::register(user_id(1), email, name, &[], hash_of(PASSWORD), Timestamp::MIN)
}

/// The hash that [`hashing`] makes of a password.
#[must_use]
pub fn hash_of(password: &str) -> String {
    format!("$argon2id${password}")
}

/// The input that creates the account of Ada.
#[must_use]
pub fn account() -> AccountInput {
    AccountInput { email: ADDRESS.to_owned(), password: PASSWORD.to_owned(), display_name: NAME.to_owned() }
}

/// A hasher that must be called exactly `times` times.
#[must_use]
pub fn hashing(times: usize) -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_hash().times(times).returning(|_, password| Ok(hash_of(&password)));
    hasher
}

/// Builds [`Accounts`] with this hasher, in a fixed runtime.
#[must_use]
pub fn accounts(hasher: MockPasswordHasher) -> (Accounts, Arc<FixedClock>) {
    let (runtime, clock) = fixed_runtime();
    let (passwords, hooks) = (PasswordPolicy::default(), IdentityHooks::default());
    (Accounts { hasher: Arc::new(hasher), passwords, runtime, hooks }, clock)
}

/// Secrets that are different each time, and whose hashes are those of [`fingerprints`].
#[must_use]
pub fn secrets() -> Arc<MockOneTimeSecrets> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (mut secrets, hashes) = (MockOneTimeSecrets::new(), fingerprints());
    secrets.expect_generate().returning(|| (format!("secret {}", NEXT.fetch_add(1, Ordering::Relaxed)), [0; 32]));
    secrets.expect_hash().returning(move |token| hashes.fingerprint(token.as_bytes()));
    secrets.expect_same().returning(|a, b| a == b);
    Arc::new(secrets)
}

/// Makes refresh tokens whose first secrets are different, and whose hashes are those of [`fingerprints`].
#[must_use]
pub fn refresh_tokens() -> RefreshTokens {
    RefreshTokens::new(secrets(), fingerprints())
}

/// Makes the values of cookies, whose hashes are those of [`fingerprints`].
#[must_use]
pub fn session_cookies() -> SessionCookies {
    SessionCookies::new(secrets(), fingerprints())
}

/// Issues these access tokens, refresh tokens as [`refresh_tokens`] makes them, and cookies as [`session_cookies`] does.
#[must_use]
pub fn session_secrets(access: MockAccessTokens) -> SessionSecrets {
    SessionSecrets { tokens: session_tokens(access), cookies: session_cookies(), devices: device_tokens() }
}

/// Makes the tokens of devices, whose seals are made with [`fingerprints`].
#[must_use]
pub fn device_tokens() -> DeviceTokens {
    DeviceTokens::new(secrets(), fingerprints())
}

/// Makes the tokens of links, whose hashes are those of [`fingerprints`].
#[must_use]
pub fn link_tokens() -> LinkTokens {
    LinkTokens::new(secrets(), fingerprints())
}

/// Issues links under this policy, in a fixed runtime.
#[must_use]
pub fn account_mails(policy: AccountPolicy) -> AccountMails {
    AccountMails::new(link_tokens(), policy, fixed_runtime().0)
}

/// Issues the tokens of sessions with these access tokens.
#[must_use]
pub fn session_tokens(access: MockAccessTokens) -> SessionTokens {
    session_tokens_with(access, IdentityHooks::default())
}

/// The same, with these hooks.
#[must_use]
pub fn session_tokens_with(access: MockAccessTokens, hooks: IdentityHooks) -> SessionTokens {
    SessionTokens::new(Arc::new(access), refresh_tokens(), hooks)
}
