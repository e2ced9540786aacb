//! Invites a person: creates an account without a password, and mails a link to set it.

use super::{
    AccountMails, Accounts, EmailTaken, HasherBusy, IdentityTx, InvitedInput, NewAccountError, OneTimeSecrets,
    RoleNotHeld, UserView,
    account_mails::{NewMail, Recipient},
    new_account::NewAccount,
    set_user_roles::checked,
};
use crate::kernel::{Authorized, Call, Command, Denied, Invalid, KeyReused, use_case_error};
use skep_domain::{
    access::Role,
    identity::{LinkPurpose, actions, events::UserRegistered},
    shared::Action,
};
use std::sync::Arc;

/// The account to create, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InviteUserCommand {
    /// Its address and name.
    #[serde(flatten)]
    pub account: InvitedInput,
    /// The names of its roles in addition to `user`, which every account has.
    pub roles: Vec<String>,
}

use_case_error! {
    /// Why no account was created.
    InviteUserError {
        Denied(Denied),
        Invalid(Invalid),
        KeyReused(KeyReused),
        RoleNotHeld(RoleNotHeld),
        EmailTaken(EmailTaken),
        HasherBusy(HasherBusy),
    }
}

impl From<NewAccountError> for InviteUserError {
    fn from(error: NewAccountError) -> Self {
        match error {
            NewAccountError::Invalid(invalid) => invalid.into(),
            NewAccountError::EmailTaken(taken) => taken.into(),
            NewAccountError::HasherBusy(busy) => busy.into(),
            NewAccountError::Store(error) => error.into(),
        }
    }
}

/// Creates accounts that wait for their owners, with roles whose every permission the caller has. A link to set the first
/// password is mailed to the address, which counts as verified once the link is used.
pub struct InviteUser {
    accounts: Accounts,
    secrets: Arc<dyn OneTimeSecrets>,
    mails: AccountMails,
}

/// An account that is ready to be stored, and its mail.
pub struct Invitation {
    account: NewAccount,
    /// The roles that the caller named, in their order.
    roles: Vec<Role>,
    mail: NewMail,
}

impl InviteUser {
    /// `secrets` makes the passwords that no one gets to know, and `mails` issues the links.
    #[must_use]
    pub fn new(accounts: Accounts, secrets: Arc<dyn OneTimeSecrets>, mails: AccountMails) -> Self {
        Self { accounts, secrets, mails }
    }
}

impl Command for InviteUser {
    type Unit = dyn IdentityTx;
    type Input = InviteUserCommand;
    type Plan = Invitation;
    type Target = ();
    type Answer = UserView;
    type Error = InviteUserError;

    const NAME: &'static str = "identity.invite_user";
    const ACTION: Action = actions::CREATE_USER;

    async fn plan(&self, call: &mut Call<'_>, input: Self::Input) -> Result<Self::Plan, Self::Error> {
        let InviteUserCommand { account, roles } = input;
        let secret = self.secrets.generate().0;
        let roles = checked(&roles);
        let account = self.accounts.prepare_invited(call.actor, &account, secret, roles.clone()).await?;
        Ok(Invitation { account, roles: roles?, mail: self.mails.prepare_link(LinkPurpose::AcceptInvitation) })
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
        self.mails.store_new(unit, authorized.actor(), plan.mail, Recipient::owner(user)).await?;
        authorized.record(unit.outbox(), &UserRegistered::of(user), user.version, user.created_at).await?;
        Ok(UserView::from(user))
    }
}

#[cfg(test)]
mod tests;
