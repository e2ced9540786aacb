//! The setup. A caller with the one-time token becomes the first admin, which closes the setup permanently.

use super::{
    AccountInput, Accounts, IdentityTx, NewAccountError, OneTimeSecrets, UserView,
    new_account::{Address, NewAccount},
};
use crate::kernel::{Actor, Attempt, Begin, TxMode, refusal, run, use_case_error};
use skep_domain::access::Role;
use std::sync::Arc;

/// The input of a setup, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct SetUpCommand {
    /// The token that the server printed when it started.
    pub token: String,
    /// The account of the first admin.
    pub account: AccountInput,
}

impl std::fmt::Debug for SetUpCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetUpCommand").finish_non_exhaustive()
    }
}

refusal! {
    /// An admin already exists.
    SetupClosed = Conflict, "setup_closed";
}

refusal! {
    /// The token is wrong or older than 24 hours; the server prints a new one at each start without an admin.
    SetupTokenInvalid = Denied, "setup_token_invalid";
}

use_case_error! {
    /// The reason why no admin was created.
    SetUpError {
        SetupClosed(SetupClosed),
        SetupTokenInvalid(SetupTokenInvalid),
        Account(NewAccountError),
    }
}

/// Creates the first admin, for a caller that has the setup token.
pub struct SetUp {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    secrets: Arc<dyn OneTimeSecrets>,
    accounts: Accounts,
}

impl SetUp {
    /// Makes the use case. It finds the token and stores the account in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, secrets: Arc<dyn OneTimeSecrets>, accounts: Accounts) -> Self {
        Self { store, secrets, accounts }
    }

    /// Creates the first admin and deletes the token.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub async fn execute(&self, actor: &Actor, command: SetUpCommand) -> Result<UserView, SetUpError> {
        let hash = self.secrets.hash(&command.token);
        // Check the token before hashing the password, so that a caller without the token cannot keep the hashers busy.
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Read, &[]).await?;
            let result = self.check(&mut *tx, &hash).await;
            attempt.end(tx, result).await
        })
        .await?;
        let account = self.accounts.prepare(actor, command.account, &[Role::ADMIN], Address::Vouched).await?;
        let account = &account;
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Write, &[]).await?;
            let result = self.make_admin(&mut *tx, actor, account, &hash, &attempt).await;
            attempt.end(tx, result).await
        })
        .await
    }

    async fn make_admin(
        &self,
        tx: &mut dyn IdentityTx,
        actor: &Actor,
        account: &NewAccount,
        hash: &[u8; 32],
        attempt: &Attempt,
    ) -> Result<UserView, SetUpError> {
        if let Some(view) = account.find_landed(tx, attempt).await? {
            return Ok(view);
        }
        self.check(tx, hash).await?;
        tx.setup_tokens().delete().await?;
        Ok(account.store(tx, actor, attempt).await?)
    }

    async fn check(&self, tx: &mut dyn IdentityTx, hash: &[u8; 32]) -> Result<(), SetUpError> {
        // Read the token first. A unit that uses it at the same time keeps it locked until the admin is stored.
        let token = tx.setup_tokens().find().await?;
        if tx.users().any_with_role(Role::ADMIN).await? {
            return Err(SetupClosed.into());
        }
        let token = token.ok_or(SetupTokenInvalid)?;
        let good = self.accounts.runtime.clock.now() < token.expires_at && self.secrets.same(&token.hash, hash);
        if good { Ok(()) } else { Err(SetupTokenInvalid.into()) }
    }
}

#[cfg(test)]
mod tests;
