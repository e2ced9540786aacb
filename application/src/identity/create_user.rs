//! Making an account with roles for another user: the operator's command.

use super::{AccountInput, Accounts, IdentityTx, NewAccountError, UserView};
use crate::kernel::{Actor, Begin, Denied, TxMode, permit, run, use_case_error};
use skep_domain::{access::Role, identity::actions};
use std::sync::Arc;

use_case_error! {
    /// Why no account was made.
    CreateUserError {
        Denied(Denied),
        Account(NewAccountError),
    }
}

/// An account and its roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUserCommand {
    /// The account.
    pub account: AccountInput,
    /// The roles besides that of every user.
    pub roles: Vec<Role>,
}

/// Makes accounts for others.
pub struct CreateUser {
    store: Arc<dyn Begin<dyn IdentityTx>>,
    accounts: Accounts,
}

impl CreateUser {
    /// Makes accounts in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Begin<dyn IdentityTx>>, accounts: Accounts) -> Self {
        Self { store, accounts }
    }

    /// Makes the account.
    ///
    /// # Errors
    /// [`CreateUserError`].
    pub async fn execute(&self, actor: &Actor, command: CreateUserCommand) -> Result<UserView, CreateUserError> {
        permit(actor, actions::CREATE_USER)?;
        let account = self.accounts.prepare(command.account, &command.roles).await?;
        let (store, account) = (&self.store, &account);
        run(&self.accounts.runtime, actor.deadline, |attempt| async move {
            let mut tx = store.begin(TxMode::Write, &[]).await?;
            let result = account.store(&mut *tx, actor, &attempt).await.map_err(CreateUserError::from);
            attempt.end(tx, result).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
