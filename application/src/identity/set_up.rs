//! The set-up: the holder of the one-time token becomes the first admin, and the set-up is closed permanently.

use super::{AccountInput, Accounts, IdentityTx, NewAccountError, OneTimeSecrets, UserView, new_account::NewAccount};
use crate::kernel::{Actor, Attempt, Begin, TxMode, refusal, run, use_case_error};
use skep_domain::access::Role;
use std::sync::Arc;

/// The token and the account of the first admin.
#[derive(Clone, PartialEq, Eq)]
pub struct SetUpCommand {
    /// The token, as printed at the start.
    pub token: String,
    /// The account.
    pub account: AccountInput,
}

impl std::fmt::Debug for SetUpCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetUpCommand").finish_non_exhaustive()
    }
}

refusal! {
    /// There is an admin already.
    SetupClosed = Conflict, "setup_closed";
}

refusal! {
    /// The token is wrong or older than 24 hours; every start without an admin prints a new one.
    SetupTokenInvalid = Denied, "setup_token_invalid";
}

use_case_error! {
    /// Why no admin was made.
    SetUpError {
        SetupClosed(SetupClosed),
        SetupTokenInvalid(SetupTokenInvalid),
        Account(NewAccountError),
    }
}

/// Makes the first admin.
pub struct SetUp {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    secrets: Arc<dyn OneTimeSecrets>,
    accounts: Accounts,
}

impl SetUp {
    /// Sets this store up.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, secrets: Arc<dyn OneTimeSecrets>, accounts: Accounts) -> Self {
        Self { store, secrets, accounts }
    }

    /// Makes the first admin and forgets the token.
    ///
    /// # Errors
    /// [`SetUpError`].
    pub async fn execute(&self, actor: &Actor, command: SetUpCommand) -> Result<UserView, SetUpError> {
        let hash = self.secrets.hash(&command.token);
        // Looked at before the password is hashed, so that no caller without the token can keep the hashers busy.
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = self.store.begin(TxMode::Read, &[]).await?;
            let result = self.check(&mut *tx, &hash).await;
            attempt.end(tx, result).await
        })
        .await?;
        let account = self.accounts.prepare(command.account, &[Role::Admin]).await?;
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
        // The token first: a caller that redeems it at the same time holds it until there is an admin.
        let token = tx.setup_tokens().find().await?;
        if tx.users().any_with_role(Role::Admin).await? {
            return Err(SetupClosed.into());
        }
        let token = token.ok_or(SetupTokenInvalid)?;
        let good = self.accounts.runtime.clock.now() < token.expires_at && self.secrets.same(&token.hash, hash);
        if good { Ok(()) } else { Err(SetupTokenInvalid.into()) }
    }
}

#[cfg(test)]
mod tests;
