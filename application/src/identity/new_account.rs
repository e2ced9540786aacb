//! Creates accounts, for registration, the setup and the operator's command.

use super::{
    AskedRegistration, HashCaller, HashError, HookVerdict, IdentityHooks, IdentityTx, NewPassword, PasswordHasher,
    RoleNotHeld, UserView, constraints,
    role_fields::definitions,
    set_user_roles::{all_defined, all_held},
};
use crate::kernel::{Actor, Attempt, FieldError, Invalid, OutboxEvent, Runtime, StoreError, refusal, use_case_error};
use skep_domain::{
    access::{Role, Subject},
    identity::{DISPLAY_NAME_MAX, PasswordOwner, PasswordPolicy, PasswordRefusal, User, events::UserRegistered},
    shared::{Email, EmailLookup, EventId, Network, Text, UserId},
};
use std::{sync::Arc, time::Duration};

/// The fields of a new account, not checked yet.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
pub struct AccountInput {
    /// The e-mail address that the user logs in with.
    pub email: String,
    /// The password, in plain text.
    pub password: String,
    /// The name that other users see.
    pub display_name: String,
}

impl std::fmt::Debug for AccountInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountInput").finish_non_exhaustive()
    }
}

refusal! {
    /// An account with this e-mail address already exists.
    EmailTaken = Conflict, "email_taken";
}

refusal! {
    /// The server is checking too many passwords at once; try again after the time in `Retry-After`.
    HasherBusy = Unavailable, "hashers_busy";
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

use_case_error! {
    /// The reason why no account was created.
    NewAccountError {
        Invalid(Invalid),
        EmailTaken(EmailTaken),
        HasherBusy(HasherBusy),
    }
}

impl From<HashError> for NewAccountError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::HasherBusy(HasherBusy),
            HashError::Failed(cause) => Self::Store(StoreError::unreadable(cause)),
        }
    }
}

/// Creates accounts from checked input.
#[derive(Clone)]
pub struct Accounts {
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// The rules for new passwords.
    pub passwords: PasswordPolicy,
    /// Time and identifiers.
    pub runtime: Runtime,
    /// What the program adds.
    pub hooks: IdentityHooks,
}

/// The checked fields of an account that is not hashed yet.
pub(super) struct CheckedAccount {
    email: Email,
    display_name: Text,
    password: String,
    lookups: Vec<EmailLookup>,
}

/// The fields of an account without a password, not checked yet.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct InvitedInput {
    /// The e-mail address that the user logs in with.
    pub email: String,
    /// The name that other users see.
    pub display_name: String,
}

impl std::fmt::Debug for InvitedInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvitedInput").finish_non_exhaustive()
    }
}

/// Where the address of a new account comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    /// An operator or an admin has named it, and vouches for it.
    Vouched,
    /// The caller has named it, and may not own it.
    Claimed,
}

/// An account that is ready to be stored, and the id of the event that reports it.
pub(super) struct NewAccount {
    user: User,
    /// Finds the accounts that have the address already. Nearly always it is one lookup.
    lookups: Vec<EmailLookup>,
    event_id: EventId,
}

impl Accounts {
    /// Checks every field, hashes the password and makes the ids.
    pub(super) async fn prepare(
        &self,
        actor: &Actor,
        command: AccountInput,
        roles: &[Role],
        address: Address,
    ) -> Result<NewAccount, NewAccountError> {
        let checked = self.check(command).await?;
        self.complete(actor, checked, roles, address).await
    }

    /// Checks every field.
    pub(super) async fn check(&self, command: AccountInput) -> Result<CheckedAccount, NewAccountError> {
        let mut invalid = Invalid::default();
        let email = invalid.check("/email", "invalid_email", Email::parse(&command.email));
        let display_name = Text::line(&command.display_name, DISPLAY_NAME_MAX);
        let display_name = invalid.check("/display_name", "invalid_text", display_name);
        // If the address or the name is invalid, the password is still checked, as that of an unknown owner.
        let owner = PasswordOwner {
            email: email.as_ref().and_then(Email::typed).unwrap_or_default(),
            display_name: display_name.as_ref().map_or("", Text::as_str),
        };
        let password = self.judge(&mut invalid, "/password", &command.password, owner).await?;
        let (Some(email), Some(display_name), Some(password)) = (email, display_name, password) else {
            return Err(invalid.into());
        };
        Ok(CheckedAccount { email, display_name, password, lookups: lookups(&command.email) })
    }

    /// Hashes the password and makes the ids.
    pub(super) async fn complete(
        &self,
        actor: &Actor,
        CheckedAccount { email, display_name, password, lookups }: CheckedAccount,
        roles: &[Role],
        address: Address,
    ) -> Result<NewAccount, NewAccountError> {
        let caller = HashCaller { network: actor.network, is_known: false };
        let hash = self.hasher.hash(caller, password).await?;
        let (id, now) = (UserId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let mut user = User::register(id, email, display_name, roles, hash, now);
        if address == Address::Vouched {
            user.verify_email(now);
        }
        Ok(NewAccount { user, lookups, event_id: EventId::new(self.runtime.ids.next()) })
    }

    /// Checks the fields of an account that waits for its owner. Its password is this secret, which no one gets to know,
    /// so that each login to it is one with a wrong password.
    pub(super) async fn prepare_invited(
        &self,
        actor: &Actor,
        input: &InvitedInput,
        secret: String,
        roles: Result<Vec<Role>, Invalid>,
    ) -> Result<NewAccount, NewAccountError> {
        let mut invalid = Invalid::default();
        let email = invalid.check("/email", "invalid_email", Email::parse(&input.email));
        let display_name = Text::line(&input.display_name, DISPLAY_NAME_MAX);
        let display_name = invalid.check("/display_name", "invalid_text", display_name);
        let roles = roles.map_err(|refused| invalid.errors.extend(refused.errors)).ok();
        let (Some(email), Some(display_name), Some(roles)) = (email, display_name, roles) else {
            return Err(invalid.into());
        };
        let caller = HashCaller { network: actor.network, is_known: false };
        let hash = self.hasher.hash(caller, secret).await?;
        let (id, now) = (UserId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let user = User::register(id, email, display_name, &roles, hash, now).invited();
        Ok(NewAccount { user, lookups: lookups(&input.email), event_id: EventId::new(self.runtime.ids.next()) })
    }

    /// Checks a new password by the rules of the deployment and then by that of the program, and returns it in the form in
    /// which it is hashed. A refusal is noted at the field.
    pub(super) async fn judge(
        &self,
        invalid: &mut Invalid,
        field: &str,
        typed: &str,
        owner: PasswordOwner<'_>,
    ) -> Result<Option<String>, StoreError> {
        let password = match self.passwords.judge(typed, owner) {
            Ok(password) => password,
            Err(refusal) => {
                invalid.errors.push(FieldError::new(field, password_code(refusal), refusal));
                return Ok(None);
            }
        };
        let new = || NewPassword {
            password: password.clone(),
            email: owner.email.to_owned(),
            display_name: owner.display_name.to_owned(),
        };
        match self.hooks.judge_password(&self.runtime, new).await? {
            HookVerdict::Allowed => Ok(Some(password)),
            HookVerdict::Refused(reason) => {
                invalid.errors.push(FieldError::new(field, "password_refused", reason));
                Ok(None)
            }
        }
    }
}

impl CheckedAccount {
    /// What the gate of registrations is asked about.
    pub(super) fn asked(&self, network: Network) -> AskedRegistration {
        let email = self.email.typed().unwrap_or_else(|| self.email.address());
        AskedRegistration { email: email.to_owned(), display_name: self.display_name.as_str().to_owned(), network }
    }
}

impl NewAccount {
    /// An account with the id of its event. `lookups` finds the accounts that have the address already.
    pub(super) const fn of(user: User, lookups: Vec<EmailLookup>, event_id: EventId) -> Self {
        Self { user, lookups, event_id }
    }

    /// The account.
    pub(super) const fn user(&self) -> &User {
        &self.user
    }

    /// An account that has the address already.
    pub(super) async fn find_other(&self, tx: &mut dyn IdentityTx) -> Result<Option<User>, StoreError> {
        find_owner(tx, &self.lookups).await
    }

    /// Stores the account, unless its address has one. Its roles must be defined and held by the caller. `named` are those
    /// that the caller has named, in their order.
    pub(super) async fn insert_with_roles<E>(
        &self,
        tx: &mut dyn IdentityTx,
        caller: Subject<'_>,
        named: &[Role],
    ) -> Result<(), E>
    where
        E: From<Invalid> + From<RoleNotHeld> + From<EmailTaken> + From<StoreError>,
    {
        let policy = definitions(tx, &self.user.roles).await?;
        all_defined(named, &[], &policy)?;
        all_held(caller, &self.user.roles, &policy)?;
        if self.find_other(tx).await?.is_some() {
            return Err(EmailTaken.into());
        }
        tx.users().insert(&self.user).await.map_err(taken::<E>)
    }

    /// Returns the account if an earlier attempt has stored it after all.
    pub(super) async fn find_landed(
        &self,
        tx: &mut dyn IdentityTx,
        attempt: &Attempt,
    ) -> Result<Option<UserView>, StoreError> {
        let landed = attempt.after_unknown && tx.outbox().settle(self.event_id).await?;
        Ok(landed.then(|| UserView::from(&self.user)))
    }

    /// Stores the account and its event in the unit.
    pub(super) async fn store(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        attempt: &Attempt,
    ) -> Result<UserView, NewAccountError> {
        let Self { user, event_id, .. } = self;
        if let Some(view) = self.find_landed(tx, attempt).await? {
            return Ok(view);
        }
        if self.find_other(tx).await?.is_some() {
            return Err(EmailTaken.into());
        }
        tx.users().insert(user).await.map_err(taken::<NewAccountError>)?;
        let event = OutboxEvent::of(*event_id, &UserRegistered::of(user), user.version, actor, user.created_at)?;
        tx.outbox().append(&event).await?;
        Ok(UserView::from(user))
    }
}

/// What finds the accounts that have this address already. Nearly always it is one lookup.
pub(super) fn lookups(email: &str) -> Vec<EmailLookup> {
    let Ok(lookup) = EmailLookup::parse(email) else { return vec![] };
    let in_letters = lookup.in_letters();
    std::iter::once(lookup).chain(in_letters).collect()
}

/// An account that one of these lookups finds.
pub(super) async fn find_owner(tx: &mut dyn IdentityTx, lookups: &[EmailLookup]) -> Result<Option<User>, StoreError> {
    for lookup in lookups {
        if let Some(owner) = tx.users().find_by_email(lookup).await? {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// Turns the store's error into a refusal. Two calls that take the same address at once both find it free, and the store
/// rejects one of them.
pub(super) fn taken<E: From<EmailTaken> + From<StoreError>>(error: StoreError) -> E {
    match error {
        StoreError::Duplicate { constraint: constraints::USER_EMAIL | constraints::USER_EMAIL_KEY } => {
            EmailTaken.into()
        }
        error => error.into(),
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
