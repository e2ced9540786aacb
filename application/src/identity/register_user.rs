//! Registration, which is open to anyone.

use super::{AccountInput, Accounts, IdentityTx, NewAccountError, UserView};
use crate::kernel::{Actor, Begin, TxMode, run, use_case_error};
use std::sync::Arc;

/// The input of a registration, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterUserCommand {
    /// The account to create.
    pub account: AccountInput,
}

use_case_error! {
    /// The reason why no user was registered.
    RegisterUserError {
        Account(NewAccountError),
    }
}

/// Creates an account for any caller.
pub struct RegisterUser {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
}

impl RegisterUser {
    /// Makes the use case. It stores accounts in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, accounts: Accounts) -> Self {
        Self { store, accounts }
    }

    /// Creates an account that has only the role `user`.
    ///
    /// # Errors
    /// [`RegisterUserError`]. `EmailTaken` reveals that the address has an account. That cannot be avoided without
    /// sending mail.
    pub async fn execute(&self, actor: &Actor, command: RegisterUserCommand) -> Result<UserView, RegisterUserError> {
        let account = self.accounts.prepare(actor, command.account, &[]).await?;
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
