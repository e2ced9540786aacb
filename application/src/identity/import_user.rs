//! Creates an account that comes from another system, with the hash of its password there. This is the operator's command.

use super::{
    Accounts, EmailTaken, ForeignHashRefusal, HashCaller, HasherBusy, IdentityTx, NewAccountError, OneTimeSecrets,
    RoleNotHeld, RoleQueries, UserQueries, UserView,
    new_account::{NewAccount, lookups},
    set_user_roles::{all_defined, checked},
};
use crate::kernel::{Actor, Authorized, Call, Command, Denied, FieldError, Invalid, KeyReused, permit, use_case_error};
use skep_domain::{
    access::Role,
    identity::{DISPLAY_NAME_MAX, PasswordForm, User, actions, events::UserRegistered},
    shared::{Action, Email, EmailLookup, EventId, Text, UserId},
};
use std::sync::Arc;

/// The account to create, not checked yet.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportUserCommand {
    /// The e-mail address that the user logs in with.
    pub email: String,
    /// The name that other users see. Without one, it is the address in front of the `@`.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The hash of the password. Without one, the owner of the address sets a password with a link.
    #[serde(default)]
    pub password_hash: Option<String>,
    /// Whether the address is known to be that of the user.
    #[serde(default)]
    pub email_verified: bool,
    /// The names of the roles in addition to `user`, which every account has.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl std::fmt::Debug for ImportUserCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportUserCommand").finish_non_exhaustive()
    }
}

use_case_error! {
    /// Why no account was created.
    ImportUserError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        EmailTaken(EmailTaken),
        HasherBusy(HasherBusy),
    }
}

impl From<NewAccountError> for ImportUserError {
    fn from(error: NewAccountError) -> Self {
        match error {
            NewAccountError::Invalid(invalid) => invalid.into(),
            NewAccountError::EmailTaken(taken) => taken.into(),
            NewAccountError::HasherBusy(busy) => busy.into(),
            NewAccountError::Store(error) => error.into(),
        }
    }
}

/// The fields of an imported account, checked.
struct ImportedFields {
    email: Email,
    display_name: Text,
    /// Finds the accounts that have the address already.
    lookups: Vec<EmailLookup>,
}

impl Accounts {
    /// Checks the fields of an account that comes from another system.
    fn imported(
        &self,
        input: &ImportUserCommand,
        roles: Result<Vec<Role>, Invalid>,
    ) -> Result<(ImportedFields, Vec<Role>), Invalid> {
        let mut invalid = Invalid::default();
        let email = invalid.check("/email", "invalid_email", Email::parse(&input.email));
        let local_part = input.email.rsplit_once('@').map_or("", |(local_part, _)| local_part);
        // Without an address there is no name either, and one refusal is enough.
        let display_name = match &input.display_name {
            None if email.is_none() => None,
            name => {
                let name = Text::line(name.as_deref().unwrap_or(local_part), DISPLAY_NAME_MAX);
                invalid.check("/display_name", "invalid_text", name)
            }
        };
        if let Some(hash) = &input.password_hash
            && let Err(refusal) = self.hasher.judge_foreign(hash)
        {
            invalid.errors.push(FieldError::new("/password_hash", hash_code(refusal), refusal));
        }
        let roles = roles.map_err(|refused| invalid.errors.extend(refused.errors)).ok();
        match (email, display_name, roles) {
            (Some(email), Some(display_name), Some(roles)) if invalid.errors.is_empty() => {
                Ok((ImportedFields { email, display_name, lookups: lookups(&input.email) }, roles))
            }
            _ => Err(invalid),
        }
    }

    /// Takes over the hash of the password. Without one, the password is this secret, which no one gets to know, so that
    /// each login is one with a wrong password.
    async fn prepare_imported(
        &self,
        actor: &Actor,
        fields: ImportedFields,
        input: ImportUserCommand,
        secret: impl FnOnce() -> String,
        roles: &[Role],
    ) -> Result<NewAccount, NewAccountError> {
        let caller = HashCaller { network: actor.network, is_known: false };
        let (hash, form) = match input.password_hash {
            // The other system has hashed what its users typed.
            Some(hash) => (self.hasher.take_over(caller, hash).await?, PasswordForm::AsTyped),
            None => (self.hasher.hash(caller, secret()).await?, PasswordForm::NEW),
        };
        let ImportedFields { email, display_name, lookups } = fields;
        let (id, now) = (UserId::new(self.runtime.ids.next()), self.runtime.clock.now());
        let mut user = User::register(id, email, display_name, roles, hash, now);
        user.password_form = form;
        if input.email_verified {
            user.verify_email(now);
        }
        Ok(NewAccount::of(user, lookups, EventId::new(self.runtime.ids.next())))
    }
}

/// Checks accounts that are to be imported, and creates none of them.
#[derive(Clone)]
pub struct CheckImport {
    accounts: Accounts,
    users: Arc<dyn UserQueries>,
    roles: Arc<dyn RoleQueries>,
}

impl CheckImport {
    /// Makes the use case.
    #[must_use]
    pub fn new(accounts: Accounts, users: Arc<dyn UserQueries>, roles: Arc<dyn RoleQueries>) -> Self {
        Self { accounts, users, roles }
    }

    /// Answers as the import would at this time. Nothing is hashed and nothing is stored.
    ///
    /// # Errors
    /// [`ImportUserError`].
    pub async fn execute(&self, actor: &Actor, command: &ImportUserCommand) -> Result<(), ImportUserError> {
        permit(actor, actions::CREATE_USER)?;
        let (_, roles) = self.fields(command).await?;
        all_defined(&roles, &[], &self.roles.find_policy().await?)?;
        Ok(())
    }

    /// Checks every field, and that the address has no account. An import that is repeated ends here, before it hashes.
    async fn fields(&self, command: &ImportUserCommand) -> Result<(ImportedFields, Vec<Role>), ImportUserError> {
        let (fields, roles) = self.accounts.imported(command, checked(&command.roles))?;
        for lookup in &fields.lookups {
            if self.users.find_credentials(lookup).await?.is_some() {
                return Err(EmailTaken.into());
            }
        }
        Ok((fields, roles))
    }
}

/// Creates accounts that come from another system. No mail is sent.
pub struct ImportUser {
    check: CheckImport,
    secrets: Arc<dyn OneTimeSecrets>,
}

/// An account that is ready to be stored.
pub struct Import {
    account: NewAccount,
    /// The roles that the caller named, in their order.
    roles: Vec<Role>,
}

impl ImportUser {
    /// `secrets` makes the passwords that no one gets to know.
    #[must_use]
    pub fn new(check: CheckImport, secrets: Arc<dyn OneTimeSecrets>) -> Self {
        Self { check, secrets }
    }
}

impl Command for ImportUser {
    type Unit = dyn IdentityTx;
    type Input = ImportUserCommand;
    type Plan = Import;
    type Target = ();
    type Answer = UserView;
    type Error = ImportUserError;

    const NAME: &'static str = "identity.import_user";
    const ACTION: Action = actions::CREATE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let (fields, roles) = self.check.fields(&input).await?;
        let secret = || self.secrets.generate().0;
        let account = self.check.accounts.prepare_imported(call.actor, fields, input, secret, &roles).await?;
        Ok(Import { account, roles })
    }

    async fn load(&self, _: &Self::Plan, _: &mut Self::Unit) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn write(
        &self,
        plan: &Self::Plan,
        unit: &mut Self::Unit,
        authorized: Authorized<'_, ()>,
    ) -> Result<UserView, Self::Error> {
        plan.account.insert_with_roles::<Self::Error>(unit, authorized.caller(), &plan.roles).await?;
        let user = plan.account.user();
        authorized.record(unit.outbox(), &UserRegistered::of(user), user.version, user.created_at).await?;
        Ok(UserView::from(user))
    }
}

const fn hash_code(refusal: ForeignHashRefusal) -> &'static str {
    match refusal {
        ForeignHashRefusal::Unknown => "unknown_hash",
        ForeignHashRefusal::Incomplete(_) => "incomplete_hash",
        ForeignHashRefusal::TooCostly { .. } => "hash_too_costly",
    }
}

#[cfg(test)]
mod tests;
