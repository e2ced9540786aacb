//! Registration, open to everybody.

use super::{AccountInput, Accounts, IdentityTx, NewAccountError, UserView};
use crate::kernel::{Actor, Begin, TxMode, run, use_case_error};
use std::sync::Arc;

/// A registration, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterUserCommand {
    /// The account.
    pub account: AccountInput,
}

use_case_error! {
    /// Why no user was registered.
    RegisterUserError {
        Account(NewAccountError),
    }
}

/// Registers users.
pub struct RegisterUser {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
}

impl RegisterUser {
    /// Registers users in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, accounts: Accounts) -> Self {
        Self { store, accounts }
    }

    /// Makes an account without any special role.
    ///
    /// # Errors
    /// [`RegisterUserError`]. `EmailTaken` reveals that the address has an account; that is the price of registering
    /// without a mailer.
    pub async fn execute(&self, actor: &Actor, command: RegisterUserCommand) -> Result<UserView, RegisterUserError> {
        let account = self.accounts.prepare(command.account, &[]).await?;
        let (store, account) = (&self.store, &account);
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = store.begin(TxMode::Write, &[]).await?;
            let result = account.store(&mut *tx, actor, &attempt).await.map_err(RegisterUserError::from);
            attempt.end(tx, result).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
