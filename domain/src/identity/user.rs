//! The account of a person.

use super::PasswordForm;
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
    /// The roles of the account. Every account has [`Role::User`] at least.
    pub roles: Vec<Role>,
    /// The hash of the password, in the PHC string format, salt and parameters included.
    pub password_hash: String,
    /// The form of the password that was hashed.
    pub password_form: PasswordForm,
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
    /// A new account with [`Role::User`] and the roles of `more_roles`. The hash is that of a password in
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
        let mut roles = vec![Role::User];
        roles.extend(more_roles.iter().filter(|role| **role != Role::User));
        roles.sort();
        roles.dedup();
        Self {
            id,
            email,
            display_name,
            roles,
            password_hash,
            password_form: PasswordForm::NEW,
            created_at: now,
            updated_at: now,
            version: Version::FIRST,
        }
    }
}
