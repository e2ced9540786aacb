//! Accounts made of mocks: what the tests of this context share.

use super::{AccountCommand, Accounts, IdentityTx, SetupToken};
use crate::{
    fixtures::{self, Noted, Recorded, units},
    kernel::Runtime,
    testing::{FixedClock, MockIdentityTx, MockPasswordHasher, fixed_runtime},
};
use skep_domain::{
    access::Role,
    identity::{PasswordPolicy, Session, User},
    shared::{Email, Text, Timestamp},
};
use std::sync::Arc;

units!(House: MockIdentityTx as IdentityTx);

pub(super) const ADDRESS: &str = "ada@example.com";
pub(super) const NAME: &str = "Ada Lovelace";
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// Who has an account, and what was done.
#[derive(Clone, Default)]
pub(super) struct House {
    pub(super) user: Option<User>,
    pub(super) has_admin: bool,
    pub(super) token: Option<SetupToken>,
    pub(super) seen: Seen,
}

/// What was done, over all units of work.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) noted: Noted,
    pub(super) users: Recorded<User>,
    pub(super) sessions: Recorded<Session>,
    pub(super) tokens: Recorded<SetupToken>,
}

impl House {
    /// A unit of work that shows what there is, and in which every write is a failed test.
    pub(super) fn looking(&self) -> MockIdentityTx {
        let mut tx = MockIdentityTx::noting(&self.seen.endings);
        let user = self.user.clone();
        tx.users.expect_find().returning(move |id| Ok(user.clone().filter(|user| user.id == id)));
        let user = self.user.clone();
        tx.users.expect_find_by_email().returning(move |email| Ok(user.clone().filter(|user| user.email == *email)));
        let (seen, has_admin) = (self.seen.clone(), self.has_admin);
        tx.users.expect_any_with_role().returning(move |role| {
            seen.calls.push("users.any_with_role");
            Ok(has_admin && role == Role::Admin)
        });
        let (seen, token) = (self.seen.clone(), self.token);
        tx.setup_tokens.expect_find().returning(move || {
            seen.calls.push("setup_tokens.find");
            Ok(token)
        });
        tx
    }

    /// A unit of work in which everything succeeds.
    pub(super) fn open(&self) -> MockIdentityTx {
        let mut tx = self.looking();
        let seen = self.seen.clone();
        tx.users.expect_insert().returning(move |user| {
            seen.calls.push("users.insert");
            seen.users.push(user.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.sessions.expect_insert().returning(move |session| {
            seen.sessions.push(session.clone());
            Ok(())
        });
        let seen = self.seen.clone();
        tx.setup_tokens.expect_replace().returning(move |token| {
            seen.tokens.push(*token);
            Ok(())
        });
        let seen = self.seen.clone();
        tx.setup_tokens.expect_delete().returning(move || {
            seen.calls.push("setup_tokens.delete");
            Ok(())
        });
        self.seen.noted.events(&mut tx.outbox);
        tx
    }

    /// A unit of work in which everything succeeds, after an earlier one that is known not to have been stored.
    pub(super) fn after_a_miss(&self) -> MockIdentityTx {
        let mut tx = self.open();
        tx.outbox.expect_settle().times(1..).returning(|_| Ok(false));
        tx
    }

    /// A unit of work that finds the earlier one stored; every write is a failed test.
    pub(super) fn after_a_hit(&self) -> MockIdentityTx {
        let mut tx = self.looking();
        tx.outbox.expect_settle().times(1).returning(|_| Ok(true));
        tx
    }

    /// Neither an address nor a name nor a password nor its hash is in any event.
    pub(super) fn assert_events_name_nobody(&self) {
        for event in self.seen.events.all() {
            let told = format!("{event:?}").to_lowercase();
            for secret in ["ada", "lovelace", "example.com", "horse", "argon"] {
                assert!(!told.contains(secret), "{secret} in {told}");
            }
        }
    }
}

/// A store that is away for good after these units of work.
pub(super) fn then_away(units: impl IntoIterator<Item = MockIdentityTx>) -> Units {
    fixtures::then_away(units.into_iter().map(|tx| Box::new(tx) as Box<dyn IdentityTx>))
}

pub(super) fn ada() -> User {
    let (email, name) = (Email::parse(ADDRESS).unwrap(), Text::line(NAME, 99).unwrap());
    User::register(crate::fixtures::user_id(1), email, name, &[], hash_of(PASSWORD), Timestamp::MIN)
}

pub(super) fn hash_of(password: &str) -> String {
    format!("$argon2id${password}")
}

pub(super) fn account() -> AccountCommand {
    AccountCommand { email: ADDRESS.to_owned(), password: PASSWORD.to_owned(), display_name: NAME.to_owned() }
}

/// Hashes exactly so many passwords.
pub(super) fn hashing(times: usize) -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_hash().times(times).returning(|password| Ok(hash_of(&password)));
    hasher
}

pub(super) fn accounts(hasher: MockPasswordHasher) -> (Accounts, Arc<FixedClock>) {
    let (runtime, clock): (Runtime, _) = fixed_runtime();
    (Accounts { hasher: Arc::new(hasher), passwords: PasswordPolicy::default(), runtime }, clock)
}
