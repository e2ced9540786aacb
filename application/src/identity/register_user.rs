//! Registration: open to anyone, only with a verified address, or closed.

use super::{
    AccountInput, AccountMails, Accounts, HookReason, HookVerdict, IdentityTx, NewAccountError, Registration, UserView,
    account_mails::{AccountMailKind, NewMail, Recipient},
    mail_attempts::MailAttempts,
    new_account::{Address, NewAccount},
};
use crate::kernel::{Actor, Attempt, Begin, TooManyAttempts, TxMode, refusal, run, use_case_error};
use skep_domain::{identity::LinkPurpose, shared::EmailLookup};
use std::sync::Arc;

/// The input of a registration, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterUserCommand {
    /// The account to create.
    pub account: AccountInput,
}

refusal! {
    /// Accounts are created by admins only.
    RegistrationClosed = Denied, "registration_closed";
}

refusal! {
    /// The operator of the deployment does not let the caller register. The message has the reason.
    RegistrationRefused {
        /// The reason, for the caller.
        pub reason: HookReason,
    } = Denied, "registration_refused", "{reason}";
}

use_case_error! {
    /// The reason why no user was registered.
    RegisterUserError {
        RegistrationClosed(RegistrationClosed),
        RegistrationRefused(RegistrationRefused),
        TooManyAttempts(TooManyAttempts),
        Account(NewAccountError),
    }
}

/// The answer to a registration. As JSON, it is the account or `null`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Registered {
    /// The new account.
    Account(Box<UserView>),
    /// A mail shows the owner of the address how to go on. The caller does not learn whether there is an account.
    Mailed,
}

/// Creates an account for any caller.
pub struct RegisterUser {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
    mails: AccountMails,
    attempts: MailAttempts,
}

/// The mails that a registration may cause.
#[derive(Clone, Copy)]
struct Mails {
    verification: NewMail,
    notice: NewMail,
}

impl RegisterUser {
    /// Makes the use case. It stores accounts in `store`. `attempts` limits the mails to addresses that have an account.
    pub(super) fn new(
        store: Arc<dyn Begin<dyn IdentityTx>>,
        accounts: Accounts,
        mails: AccountMails,
        attempts: MailAttempts,
    ) -> Self {
        Self { store, accounts, mails, attempts }
    }

    /// Creates an account that has only the role `user`, and mails a link to verify its address.
    ///
    /// If accounts need a verified address, the answer is the same for an address that has an account already. Its owner
    /// gets a mail about that: a link to verify the address, or a notice if it is verified.
    ///
    /// # Errors
    /// [`RegisterUserError`]. `EmailTaken` reveals that the address has an account. That cannot be avoided if accounts
    /// can be used at once.
    pub async fn execute(&self, actor: &Actor, command: RegisterUserCommand) -> Result<Registered, RegisterUserError> {
        match self.mails.policy.registration {
            Registration::Closed => Err(RegistrationClosed.into()),
            Registration::Open => {
                let account = self.prepare(actor, command.account).await?;
                Ok(Registered::Account(Box::new(self.register(actor, &account).await?)))
            }
            Registration::Verified => {
                self.attempts.take_of_network(actor).await?;
                let lookup = EmailLookup::parse(&command.account.email);
                let account = self.prepare(actor, command.account).await?;
                let may_mail = match &lookup {
                    Ok(lookup) => self.attempts.take_of_address(lookup).await,
                    Err(_) => false,
                };
                match self.register_or_mail(actor, &account, may_mail).await {
                    // Another call has registered the address at the same time.
                    Ok(()) | Err(RegisterUserError::Account(NewAccountError::EmailTaken(_))) => Ok(Registered::Mailed),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Checks the fields, asks the gate of the program, and hashes the password. The gate is asked before anything is read, so
    /// its time says nothing about the accounts there are.
    async fn prepare(&self, actor: &Actor, input: AccountInput) -> Result<NewAccount, RegisterUserError> {
        let checked = self.accounts.check(input).await?;
        let Accounts { hooks, runtime, .. } = &self.accounts;
        if let HookVerdict::Refused(reason) = hooks.judge_registration(runtime, &checked.asked(actor.network)).await? {
            return Err(RegistrationRefused { reason }.into());
        }
        Ok(self.accounts.complete(actor, checked, &[], Address::Claimed).await?)
    }

    async fn register(&self, actor: &Actor, account: &NewAccount) -> Result<UserView, RegisterUserError> {
        let mails = self.prepare_mails();
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store_new(&mut *tx, actor, account, mails, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    async fn register_or_mail(
        &self,
        actor: &Actor,
        account: &NewAccount,
        may_mail: bool,
    ) -> Result<(), RegisterUserError> {
        let mails = self.prepare_mails();
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.store_or_mail(&mut *tx, actor, account, (mails, may_mail), &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    fn prepare_mails(&self) -> Mails {
        let verification = self.mails.prepare_link(LinkPurpose::VerifyEmail);
        Mails { verification, notice: self.mails.prepare(AccountMailKind::AccountExists) }
    }

    /// Stores the account, its event, its link and the job that mails it.
    async fn store_new(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        account: &NewAccount,
        mails: Mails,
        attempt: &Attempt,
    ) -> Result<UserView, RegisterUserError> {
        if let Some(view) = account.find_landed(tx, attempt).await? {
            return Ok(view);
        }
        let view = account.store(tx, actor, attempt).await?;
        if self.mails.policy.mails_verification() {
            self.mails.store(tx, actor, mails.verification, Recipient::owner(account.user()), attempt).await?;
        }
        Ok(view)
    }

    /// Stores the account, or the mail to the owner of the account that has the address already.
    async fn store_or_mail(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        account: &NewAccount,
        (mails, may_mail): (Mails, bool),
        attempt: &Attempt,
    ) -> Result<(), RegisterUserError> {
        if account.find_landed(tx, attempt).await?.is_some() {
            return Ok(());
        }
        match account.find_other(tx).await? {
            None => self.store_new(tx, actor, account, mails, attempt).await.map(drop),
            Some(other) if may_mail => {
                let mail = if other.email_verified_at.is_none() { mails.verification } else { mails.notice };
                Ok(self.mails.store(tx, actor, mail, Recipient::owner(&other), attempt).await?)
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
