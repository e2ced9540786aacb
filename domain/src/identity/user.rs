//! The account of a person.

use super::{AuthEpoch, PasswordForm, account::with_user};
use crate::{
    access::Role,
    shared::{Email, Text, Timestamp, Version, typed_id},
};

/// The greatest length of a display name in characters.
pub const DISPLAY_NAME_MAX: usize = 100;

typed_id! {
    /// A user account.
    UserId
}

/// The account of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The identifier.
    pub id: UserId,
    /// The address by which the person logs in; its keys are unique among all users.
    pub email: Email,
    /// The name shown to others: one line of 1 to [`DISPLAY_NAME_MAX`] characters.
    pub display_name: Text,
    /// The roles of the account, sorted, and its memberships in groups. Every account has [`Role::USER`] at least.
    pub roles: Vec<Role>,
    /// The hash of the password, in the PHC string format, salt and parameters included.
    pub password_hash: String,
    /// The form of the password that was hashed.
    pub password_form: PasswordForm,
    /// The epoch in which sessions of the account hold.
    pub auth_epoch: AuthEpoch,
    /// When the owner showed that the address is theirs; `None` if that has not happened.
    pub email_verified_at: Option<Timestamp>,
    /// When the account was disabled; `None` if it is active.
    pub disabled_at: Option<Timestamp>,
    /// When the account is erased; `None` unless it was deleted.
    pub erase_at: Option<Timestamp>,
    /// When the account was created by an invitation that its owner has not accepted; `None` if no invitation waits.
    /// No one knows the password of such an account.
    pub invited_at: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
    /// The version, for optimistic concurrency.
    pub version: Version,
}

impl std::fmt::Debug for User {
    /// Leaves out the address, the name and the hash, so that they do not get into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, roles, version, .. } = self;
        f.debug_struct("User").field("id", id).field("roles", roles).field("version", version).finish_non_exhaustive()
    }
}

impl User {
    /// A new account with [`Role::USER`] and the roles of `more_roles`. The hash is that of a password in
    /// [`PasswordForm::NEW`].
    #[must_use]
    pub fn register(
        id: UserId,
        email: Email,
        display_name: Text,
        more_roles: &[Role],
        password_hash: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            email,
            display_name,
            roles: with_user(more_roles),
            password_hash,
            password_form: PasswordForm::NEW,
            auth_epoch: AuthEpoch::FIRST,
            email_verified_at: None,
            disabled_at: None,
            erase_at: None,
            invited_at: None,
            created_at: now,
            updated_at: now,
            version: Version::FIRST,
        }
    }

    /// Replaces the password, and ends every session of the account and any invitation to it. The hash is that of a password in
    /// [`PasswordForm::NEW`].
    pub fn change_password(&mut self, password_hash: String, now: Timestamp) {
        self.password_hash = password_hash;
        self.password_form = PasswordForm::NEW;
        self.auth_epoch = self.auth_epoch.next();
        self.invited_at = None;
        self.updated_at = now.not_before(self.updated_at);
    }

    /// Makes a new account one that waits for its owner, who sets the first password.
    #[must_use]
    pub fn invited(self) -> Self {
        Self { invited_at: Some(self.created_at), ..self }
    }

    /// Replaces the address by one whose mails reach the owner, and ends every session of the account.
    pub fn change_email(&mut self, email: Email, now: Timestamp) {
        self.email = email;
        self.auth_epoch = self.auth_epoch.next();
        self.updated_at = now.not_before(self.updated_at);
        self.email_verified_at = Some(self.updated_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Session, SessionId};
    use uuid::Uuid;

    #[test]
    fn a_new_password_ends_every_session_and_changes_nothing_else() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let (email, name) = (Email::parse("bea@example.com").unwrap(), Text::line("Bea", 9).unwrap());
        let id = UserId::new(Uuid::from_u128(1));
        let mut user = User::register(id, email, name, &[], "old".to_owned(), at(10));
        user.password_form = PasswordForm::AsTyped;
        let before = user.clone();
        let session = Session::start(SessionId::new(Uuid::from_u128(2)), id, at(10), 1_000);
        assert!(session.holds(at(20), user.auth_epoch));
        user.change_password("new".to_owned(), at(20));
        assert!(!session.holds(at(20), user.auth_epoch));
        let changed = User {
            password_hash: "new".to_owned(),
            password_form: PasswordForm::NEW,
            auth_epoch: before.auth_epoch.next(),
            updated_at: at(20),
            ..before
        };
        assert!(user == changed);
        // The clock may have been set back.
        user.change_password("newer".to_owned(), at(5));
        assert_eq!(user.updated_at, at(20));
    }

    #[test]
    fn a_new_address_is_verified_ends_every_session_and_changes_nothing_else() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let [old, new] = ["bea@example.com", "bea@example.org"].map(Email::parse);
        let (id, name) = (UserId::new(Uuid::from_u128(1)), Text::line("Bea", 9).unwrap());
        let mut user = User::register(id, old.unwrap(), name, &[], "hash".to_owned(), at(10));
        let (before, new) = (user.clone(), new.unwrap());
        // The clock may have been set back.
        user.change_email(new.clone(), at(5));
        let changed = User {
            email: new,
            auth_epoch: before.auth_epoch.next(),
            email_verified_at: Some(at(10)),
            updated_at: at(10),
            ..before
        };
        assert!(user == changed);
    }
}
